#!/usr/bin/env python3
"""Finds callers of deprecated operations of the API in source files and rewrites them.

    leave-deprecated.py [--write] PATH…

Without --write it only shows what it would change; it ends with 1 if there is something to do.
What it cannot rewrite safely it names with file and line.
"""

import argparse
import difflib
import re
import sys
from pathlib import Path

# A path with an id, a variable or a placeholder: /tokens/ic_…/rotate, /tokens/$ID/rotate, /tokens/{id}/rotate.
ROTATE = re.compile(r"/tokens/(?:\$?\{[^}\n]*\}|[^\s/\"'`{}]+)/rotate\b(?!-)")
OTHER = re.compile(r"/api/|/v1/|https?://")
DONE = re.compile(r"\bPUT\b|\.put\(")
FORCE = re.compile(r"limits/agents/[^\s/]+/budget")
# How callers name a method, and what it becomes.
METHODS = [
    (re.compile(r"(-X\s*|--request[ =]\s*)POST\b"), r"\1PUT"),
    (re.compile(r"(\bmethod\s*[:=]\s*[\"'`])POST\b"), r"\1PUT"),
    (re.compile(r"(\bMethod(?:::|\.))(?:POST|Post)\b"), r"\1PUT"),
    (re.compile(r"\b(requests|httpx|session|client|axios|http|agent|api)\.post\("), r"\1.put("),
    (re.compile(r"(\.?request\(\s*[\"'])POST\b"), r"\1PUT"),
    (re.compile(r"\bPOST(\s+\S*/tokens/)"), r"PUT\1"),
]
TEXT = {".sh", ".py", ".js", ".ts", ".mjs", ".jsx", ".tsx", ".rs", ".go", ".rb", ".java", ".kt", ".cs", ".php",
        ".md", ".yml", ".yaml", ".http", ".bash", ".zsh", ""}
SKIPPED = {".git", "node_modules", "target", "dist", "build", ".venv", "venv", "__pycache__"}


def nearest_call(lines, at):
    """The line that names the method: the path's own, or one beside it that is not of another call."""
    for near in (at, at - 1, at + 1, at - 2, at + 2, at + 3):
        if not 0 <= near < len(lines) or (near != at and OTHER.search(lines[near])):
            continue
        if DONE.search(lines[near]):
            return None
        if any(pattern.search(lines[near]) for pattern, _ in METHODS):
            return near
    return None


def rewritten(text):
    """The text with its callers changed over, and the lines that need a person."""
    lines, left = text.splitlines(keepends=True), []
    for at, line in enumerate(lines):
        if FORCE.search(line) and any(re.search(r"[\"']?force[\"']?\s*[:=]", near) for near in lines[at : at + 6]):
            left.append((at + 1, "leave `force` out"))
        if not ROTATE.search(line):
            continue
        call = nearest_call(lines, at)
        if call is None:
            if not DONE.search("".join(lines[max(at - 2, 0) : at + 4])):
                left.append((at + 1, "rotate with PUT"))
            continue
        for pattern, becomes in METHODS:
            lines[call] = pattern.sub(becomes, lines[call])
    return "".join(lines), left


def files(paths):
    for path in paths:
        if path.is_file():
            yield path
            continue
        for found in sorted(path.rglob("*")):
            if found.is_file() and found.suffix in TEXT and not SKIPPED & set(found.parts):
                yield found


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="change the files instead of showing the changes")
    parser.add_argument("paths", nargs="+", type=Path, metavar="PATH")
    arguments = parser.parse_args()
    pending = False
    for path in files(arguments.paths):
        try:
            before = path.read_bytes().decode()
        except (UnicodeDecodeError, OSError):
            continue
        after, left = rewritten(before)
        for line, what in left:
            pending = True
            print(f"{path}:{line}: {what}", file=sys.stderr)
        if after == before:
            continue
        if arguments.write:
            path.write_bytes(after.encode())
            print(f"changed {path}")
        else:
            pending = True
            lines = before.splitlines(keepends=True), after.splitlines(keepends=True)
            sys.stdout.writelines(difflib.unified_diff(*lines, str(path), str(path)))
    return 1 if pending else 0


if __name__ == "__main__":
    sys.exit(main())
