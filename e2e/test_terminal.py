"""The command line on a terminal: what it asks, shows and hides, and how it ends."""

import os
import re
import subprocess

import pexpect
import pytest

from ironcage import BINARY, EMAIL, PASSWORD

ESC = "\x1b"


@pytest.fixture
def home(embedded):
    embedded.iron("login", "--email", EMAIL, "--password-stdin", stdin=PASSWORD)
    return embedded


def terminal(server, *arguments: str, columns: int = 100, **variables: str) -> pexpect.spawn:
    """A command on a terminal of its own."""
    environment = server.environment() | {"TERM": "xterm-256color"} | variables
    return pexpect.spawn(
        BINARY,
        list(arguments),
        env=environment,
        cwd=str(server.folder),
        dimensions=(40, columns),
        encoding="utf-8",
        timeout=30,
    )


def ended(child: pexpect.spawn) -> int:
    """Reads to the end; gives the exit code."""
    child.expect(pexpect.EOF)
    child.close()
    return child.exitstatus


def test_a_password_is_asked_for_and_not_shown(embedded):
    child = terminal(embedded, "login")
    child.expect("E-mail")
    child.sendline(EMAIL)
    child.expect("Password")
    shown = child.before
    child.sendline(PASSWORD)
    assert ended(child) == 0
    assert "signed in" in child.before
    assert PASSWORD not in shown + child.before


def test_a_wrong_password_ends_with_3_and_is_not_shown(embedded):
    child = terminal(embedded, "login", "--email", EMAIL)
    child.expect("Password")
    child.sendline("not the password")
    assert ended(child) == 3
    assert "not the password" not in child.before and "error:" in child.before


@pytest.mark.parametrize("answer, left, code", [("y", False, 0), ("n", True, 2), ("", True, 2)])
def test_destruction_asks_and_does_what_is_answered(home, answer, left, code):
    home.iron("agents", "create", "--name", "doomed", "--budget", "1")
    child = terminal(home, "agents", "delete", "doomed")
    child.expect("delete agent `doomed`|doomed.*\\?")
    child.sendline(answer)
    assert ended(child) == code
    assert (home.iron("agents", "get", "doomed", check=False).returncode == 0) == left


def test_ctrl_c_at_a_question_changes_nothing_and_ends_with_130(home):
    home.iron("agents", "create", "--name", "kept", "--budget", "1")
    child = terminal(home, "agents", "delete", "kept")
    child.expect("kept.*\\?")
    child.sendcontrol("c")
    assert ended(child) == 130
    assert "nothing was changed" in child.before and "panicked" not in child.before
    assert home.iron("agents", "get", "kept", check=False).returncode == 0


def test_ctrl_c_at_a_password_gives_the_terminal_back(embedded):
    child = pexpect.spawn(
        "bash", ["--norc", "-i"], env=embedded.environment() | {"TERM": "xterm", "PS1": "READY> "}, encoding="utf-8",
        cwd=str(embedded.folder), timeout=30,
    )
    child.expect_exact("READY> ")
    child.sendline(f"{BINARY} login --email {EMAIL}")
    child.expect("Password")
    child.sendcontrol("c")
    child.expect_exact("READY> ")
    child.sendline("echo code=$?; stty -a")
    child.expect("code=130")
    child.expect("[^-]echo ")
    child.sendline("exit")
    child.expect(pexpect.EOF)


def test_nobody_is_asked_without_a_terminal_or_where_it_is_forbidden(home):
    home.iron("agents", "create", "--name", "kept", "--budget", "1")
    piped = home.iron("agents", "delete", "kept", check=False)
    assert piped.returncode == 2 and "--force" in piped.stderr and not piped.stdout
    for flag in ("--no-input", "--json"):
        child = terminal(home, "agents", "delete", "kept", flag)
        assert ended(child) == 2
        assert "--force" in child.before
    assert home.iron("login", check=False).returncode == 2


def test_colours_are_for_terminals_and_can_be_left_off(home):
    home.iron("agents", "create", "--name", "writer", "--budget", "1")

    def shown(*flags: str, **variables: str) -> str:
        child = terminal(home, "agents", "list", *flags, **variables)
        assert ended(child) == 0
        return child.before

    assert ESC in shown()
    assert ESC not in shown("--no-color")
    assert ESC not in shown(NO_COLOR="1")
    assert ESC in shown(NO_COLOR="")
    assert ESC not in home.iron("agents", "list")
    assert ESC not in home.iron("agents", "list", "--help")

    def lines(text: str) -> list[str]:
        return [line.rstrip() for line in re.sub(r"\x1b\[[0-9;]*m", "", text).splitlines()]

    assert lines(shown()) == lines(home.iron("agents", "list")), "the same table, in colour or not"


@pytest.mark.parametrize("columns", [40, 80, 200])
def test_a_table_has_one_line_for_each_thing_however_wide_the_terminal_is(home, columns):
    for name in ("a", "b" * 90):
        home.iron("agents", "create", "--name", name, "--budget", "1")
    child = terminal(home, "agents", "list", columns=columns)
    assert ended(child) == 0
    lines = [line for line in child.before.splitlines() if line.strip()]
    assert len(lines) == 3, lines


def test_what_others_wrote_does_not_steer_the_terminal(home):
    home.api("POST", "/agents", {"name": "evil \u202e name", "budget": 1, "description": "\x1b]0;owned\x07"})
    child = terminal(home, "agents", "list")
    assert ended(child) == 0
    assert "\x1b]0;" not in child.before and "\x07" not in child.before


def test_data_goes_to_stdout_and_everything_else_to_stderr(home):
    home.iron("agents", "create", "--name", "writer", "--budget", "1")
    for arguments, code in [
        (("agents", "get", "nobody"), 5),
        (("agents", "create", "--name", "writer", "--budget", "1"), 6),
        (("agents", "create", "--name", "x", "--budget", "much"), 2),
        (("agents", "frobnicate"), 2),
        (("status", "--server", "http://127.0.0.1:1"), 8),
    ]:
        failed = home.iron(*arguments, check=False)
        assert failed.returncode == code, (arguments, failed.stderr)
        assert not failed.stdout and failed.stderr.startswith("error:"), (arguments, failed)
    import json

    failed = home.iron("--json", "agents", "get", "nobody", check=False)
    error = json.loads(failed.stderr)["error"]
    assert error["code"] and error["message"] and not failed.stdout


def commands(server, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command, as the helps name them."""
    text = server.iron(*path, "--help")
    found = [path]
    section = re.search(r"\nCommands:\n(.*?)(\n\n|\Z)", text, re.S)
    for line in section.group(1).splitlines() if section else []:
        name = re.match(r"  ([a-z][a-z0-9-]*)", line)
        if name and name.group(1) != "help":
            found += commands(server, (*path, name.group(1)))
    return found


def test_every_command_has_a_help_that_fits_on_a_terminal(embedded):
    known = commands(embedded)
    assert len(known) > 120
    for path in known:
        text = embedded.iron(*path, "--help")
        assert "Usage: iron" in text, path
        if path:
            assert text.strip().splitlines()[0].strip(), f"{path} does not say what it does"
        wide = [line for line in text.splitlines() if len(line) > 120]
        assert not wide, (path, wide)


def test_completions_load_in_bash_and_complete(embedded, tmp_path):
    script = tmp_path / "iron.bash"
    script.write_text(embedded.iron("completions", "bash"))
    asked = """
    set -u; source "$1"
    ask() { COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _iron iron "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD-1]}"; echo "${COMPREPLY[@]}"; }
    ask iron ag; ask iron agents cr; ask iron agents create --bud
    """
    done = subprocess.run(["bash", "-c", asked, "bash", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0 and not done.stderr, done.stderr
    offered = [sorted(line.split()) for line in done.stdout.splitlines()]
    assert offered == [["agent", "agents"], ["create"], ["--budget"]], done.stdout
    for shell, mark in (("zsh", "#compdef iron"), ("fish", "complete -c iron"), ("elvish", "edit:completion"), ("powershell", "Register-ArgumentCompleter")):
        assert mark in embedded.iron("completions", shell), shell


def test_a_reader_who_has_enough_is_no_error(home):
    line = f"{BINARY} --help | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", line], env=home.environment() | {"PATH": os.environ["PATH"]}, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "0" and not done.stderr, done


def test_leases_of_tokens_are_shown_as_tokens(home):
    agent = home.simulated_agent()
    home.iron("limits", "quotas", "set", agent.id, "--tokens", "100000", "--force")
    agent.openai().chat.completions.create(model="sim/chat", messages=[{"role": "user", "content": "hi"}])
    leases = home.iron("--json", "leases", "list")["data"]
    of_tokens = [lease for lease in leases if lease["unit"] == "tokens"]
    assert of_tokens and all(lease["granted"] == 0 and lease["granted_amount"] > 0 for lease in of_tokens)
    assert re.search(r"\d+ tokens", home.iron("leases", "list"))
