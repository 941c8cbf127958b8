"""The native module: marshalling, guardrails, and that nothing is kept."""

from __future__ import annotations

import dataclasses
import datetime
import decimal
import enum
import gc
import json
import sys
import uuid
from collections import OrderedDict, namedtuple
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from pydantic import BaseModel

from iron_cage import ContentBlocked, Guard, Policies, PolicyError, ProfileError, _native


class Colour(enum.Enum):
    RED = "red"


class Level(enum.IntEnum):
    HIGH = 3


@dataclasses.dataclass
class Point:
    x: int
    tags: tuple[str, ...] = ()


class Model(BaseModel):
    at: datetime.datetime
    inner: Point


class Plain:
    def __init__(self) -> None:
        self.shown = 1
        self._hidden = 2


Pair = namedtuple("Pair", "a b")


@pytest.mark.parametrize(
    ("value", "simple"),
    [
        (None, None),
        (True, True),
        (-5, -5),
        (2**64 - 1, 2**64 - 1),
        (2**80, str(2**80)),
        (1.5, 1.5),
        (float("inf"), "inf"),
        ("ünï\U0001f600", "ünï\U0001f600"),
        (b"text", "text"),
        (bytearray(b"\xff"), "/w=="),
        ((1, [2, {"a": None}]), [1, [2, {"a": None}]]),
        ({3, 1, 2}, [1, 2, 3]),
        ({1: "a", None: "b", True + 1: "c"}, {"1": "a", "null": "b", "2": "c"}),
        (OrderedDict(b=1, a=2), {"b": 1, "a": 2}),
        (MappingProxyType({"a": 1}), {"a": 1}),
        (Colour.RED, "red"),
        (Level.HIGH, 3),
        (Point(1, ("t",)), {"x": 1, "tags": ["t"]}),
        (Pair(1, 2), {"a": 1, "b": 2}),
        (Plain(), {"shown": 1}),
        (Path("/tmp/x"), "/tmp/x"),
        (uuid.UUID(int=7), "00000000-0000-0000-0000-000000000007"),
        (decimal.Decimal("1.10"), "1.10"),
        (datetime.date(2026, 1, 2), "2026-01-02"),
        (Model(at=datetime.datetime(2026, 1, 2), inner=Point(4)), {"at": "2026-01-02T00:00:00", "inner": {"x": 4, "tags": []}}),
    ],
)
def test_every_value_has_a_form(value: Any, simple: Any) -> None:
    assert _native.simplify(value) == simple
    assert json.loads(_native.encode(value)) == simple
    assert _native.decode(_native.encode(value)) == simple


def test_values_that_hold_themselves_and_keys_that_meet_are_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(RecursionError, match="64 levels"):
        _native.encode(circle)
    with pytest.raises(ValueError, match="two keys"):
        _native.encode({1: "a", "1": "b"})
    with pytest.raises(ValueError):
        _native.decode(b"{")


def test_a_guard_finds_and_redacts_at_places_in_code_points() -> None:
    guard = Guard({"pii": {"action": "redact"}})
    text = "ünïcödé: ada@example.com!"
    judged = guard.judge(text)
    assert (judged.verdict, judged.text, judged.passes) == ("redact", "ünïcödé: [REDACTED]!", True)
    (found,) = judged.findings
    assert (found.entity, found.category, text[found.start : found.end]) == ("email", "pii", "ada@example.com")
    assert guard.profile["pii"]["action"] == "redact"
    assert guard.redact("nothing here") == "nothing here"


def test_a_text_that_is_not_changed_is_the_same_object() -> None:
    text = "nothing to see " * 1000
    assert Guard().judge(text).text is text


def test_a_value_is_judged_by_its_texts() -> None:
    guard = Guard({"pii": {"action": "redact"}})
    verdict, value, findings = guard.judge_value({"to": ["ada@example.com"], "n": 1})
    assert (verdict, value, len(findings)) == ("redact", {"to": ["[REDACTED]"], "n": 1}, 1)
    clean = {"n": 1}
    assert guard.judge_value(clean)[1] is clean


def test_what_is_blocked_is_an_exception_with_its_rules() -> None:
    guard = Guard({"block": ["nightfall"]})
    with pytest.raises(ContentBlocked) as blocked:
        guard.redact("operation nightfall")
    assert blocked.value.code == "CONTENT_BLOCKED" and blocked.value.rules


def test_a_profile_that_cannot_work_says_why_on_both_sides() -> None:
    with pytest.raises(ProfileError, match="unknown field `nope`") as failed:
        Guard({"nope": 1})
    assert "unknown field" in (failed.value.native_trace or "")
    assert failed.traceback
    with pytest.raises(ValueError, match="unknown variant"):
        Guard().judge("text", "nowhere")  # type: ignore[arg-type]


def test_nothing_of_python_is_kept() -> None:
    guard = Guard({"pii": {"action": "redact"}})
    value = {"to": "ada@example.com", "model": Model(at=datetime.datetime(2026, 1, 2), inner=Point(4)), "list": [Plain()]}
    text = "to ada@example.com " * 3

    def work() -> None:
        for _ in range(200):
            _native.decode(_native.encode(value))
            guard.judge(text)
            guard.judge_value(value)
            with pytest.raises(RecursionError):
                _native.encode(circle)

    circle: list[Any] = []
    circle.append(circle)
    work()
    gc.collect()
    counted = [sys.getrefcount(item) for item in (value, text, circle, None, Plain, Model)]
    blocks = sys.getallocatedblocks()
    work()
    gc.collect()
    again = [sys.getrefcount(item) for item in (value, text, circle, None, Plain, Model)]
    assert all(abs(now - then) < 50 for now, then in zip(again, counted, strict=True)), (counted, again)
    assert sys.getallocatedblocks() - blocks < 500


TOOLS = [
    {"name": "read_file", "kind": "file", "access": "read", "parameters": [{"name": "path", "kind": "path", "roots": ["/data"]}]},
    {"name": "query", "kind": "database"},
    {"name": "crm/*", "kind": "custom"},
]
POLICIES = """
- name: readers
  effect: allow
  match:
    tools: [read_file]
- name: crm at work
  effect: allow
  match:
    tools: ["crm/*"]
  conditions:
    hours: "09:00-17:00"
- name: no deletion of customers
  effect: deny
  match:
    tools: ["crm/delete*"]
"""


def test_policies_decide_as_the_server_does() -> None:
    policies = Policies(POLICIES, TOOLS, shipped=False)

    def code(tool: str, arguments: Any, **about: Any) -> Any:
        outcome = policies.decide(tool, arguments, **about)
        return outcome.code or outcome.decision

    assert code("read_file", {"path": "/data/a.txt"}) == "allow"
    assert code("read_file", {"path": "/data/../etc/passwd"}) == "PARAMETER_INVALID"
    assert code("read_file", {"path": "/etc/passwd"}) == "PARAMETER_INVALID"
    assert code("query", {"sql": "DROP TABLE customers"}) in ("PARAMETER_INVALID", "POLICY_DENIED")
    assert code("unheard of", {}) == "TOOL_UNKNOWN"
    assert code("crm/update", {}, at="2026-03-02T12:00:00Z") == "allow"
    assert code("crm/update", {}, at="2026-03-02T20:00:00Z") == "POLICY_DENIED"
    denied = policies.decide("crm/delete_one", Point(1), at="2026-03-02T12:00:00Z")
    assert (denied.decision, denied.rules) == ("deny", ["no deletion of customers"])


def test_policies_follow_links_of_this_machine(tmp_path: Path) -> None:
    inside = tmp_path.resolve() / "inside"
    inside.mkdir()
    (inside / "leak").symlink_to("/etc/hostname")
    (inside / "fine").write_text("x")
    tools = [{"name": "read", "kind": "file", "parameters": [{"name": "path", "kind": "path", "roots": [str(inside)]}]}]
    policies = Policies([{"name": "all", "effect": "allow"}], tools, shipped=False)
    assert policies.decide("read", {"path": inside / "fine"}).decision == "allow"
    assert policies.decide("read", {"path": inside / "leak"}).code == "PARAMETER_INVALID"


def test_policies_that_cannot_work_say_why() -> None:
    with pytest.raises(PolicyError):
        Policies("- name: x\n  effect: maybe")
    with pytest.raises(PolicyError, match="unknown field"):
        Policies([{"name": "x", "effect": "allow", "wrong": 1}])
    with pytest.raises(PolicyError):
        Policies([], [{"name": "t"}]).decide("t", {}, wrong=1)  # type: ignore[call-arg]


def test_memory_stays_flat() -> None:
    """The short form of `make soak`."""
    sys.path[:0] = [str(Path(__file__).parents[1] / "benches")]
    import speed

    assert speed.soak(20_000) < speed.MOST_GROWTH_KB
