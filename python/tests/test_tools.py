"""What becomes of a governed call, on this side."""

from __future__ import annotations

import asyncio
import functools
import inspect
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import anyio
import pytest
from authority import Authority
from pydantic import BaseModel

import iron_cage
from iron_cage import Cage, ToolProxy


def test_an_allowed_tool_runs_and_its_output_comes_back_as_it_is(cage: Cage, authority: Authority) -> None:
    marker = object()

    class Answer:
        def __init__(self) -> None:
            self.text = "hello"
            self._marker = marker

    answer = Answer()
    given = ToolProxy(lambda name: answer, cage, name="greet").execute("Ada")
    assert given is answer
    assert authority.asked[0]["tool"] == "greet"
    assert authority.asked[0]["arguments"] == {"name": "Ada"}
    assert authority.reported == [
        {"decision_id": "dec_1", "status": "success", "duration_ms": authority.reported[0]["duration_ms"], "output": {"text": "hello"}}
    ]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("POLICY_DENIED", iron_cage.Denied),
        ("TOOL_UNKNOWN", iron_cage.ToolUnknown),
        ("PARAMETER_INVALID", iron_cage.ParameterInvalid),
        ("RATE_LIMITED", iron_cage.RateLimited),
        ("BUDGET_EXCEEDED", iron_cage.BudgetExceeded),
        ("CONTENT_BLOCKED", iron_cage.ContentBlocked),
        ("APPROVAL_DENIED", iron_cage.ApprovalDenied),
        ("APPROVAL_EXPIRED", iron_cage.ApprovalExpired),
    ],
)
def test_a_refusal_is_an_exception_of_its_kind_and_nothing_runs(cage: Cage, authority: Authority, code: str, kind: type) -> None:
    ran: list[int] = []
    authority.next("deny", code, "not today", violations=[{"parameter": "/path", "problem": "leaves the root"}])
    with pytest.raises(kind) as refused:
        ToolProxy(ran.append, cage, name="add").execute(1)
    assert ran == [] and authority.reported == []
    error = refused.value
    assert (str(error), error.code, error.rules, error.tool) == ("not today", code, ("rule",), "add")
    assert error.violations[0]["parameter"] == "/path"
    assert isinstance(error, iron_cage.Refused)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind and again.__dict__ == error.__dict__


@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (401, "TOKEN_REVOKED", iron_cage.AuthenticationFailed),
        (400, "VALIDATION_ERROR", iron_cage.RequestInvalid),
        (429, "BUDGET_EXCEEDED", iron_cage.BudgetExceeded),
        (500, "INTERNAL_ERROR", iron_cage.Unavailable),
    ],
)
def test_without_a_decision_nothing_runs(cage: Cage, authority: Authority, status: int, code: str, kind: type) -> None:
    ran: list[int] = []
    authority.fails(status, code)
    with pytest.raises(kind) as failed:
        ToolProxy(ran.append, cage, name="add").execute(1)
    assert ran == [] and failed.value.request_id == "req_1"


def test_a_server_that_is_away_for_a_moment_is_asked_again(cage: Cage, authority: Authority) -> None:
    authority.fails(503, "SERVICE_UNAVAILABLE")
    assert ToolProxy(len, cage).execute([1, 2]) == 2
    assert len(authority.asked) == 2 and len(authority.reported) == 1


def test_a_server_that_is_away_means_no() -> None:
    ran: list[int] = []
    with pytest.raises(iron_cage.Unavailable, match="nothing runs without a decision"):
        ToolProxy(ran.append, Cage("http://127.0.0.1:9", "token"), name="add").execute(1)
    assert ran == []


def test_an_approval_is_waited_for(cage: Cage, authority: Authority) -> None:
    authority.next("approval_required", approval_id="apr_1")
    authority.next("approval_required", approval_id="apr_1")
    assert ToolProxy(len, cage).execute("abc") == 3
    first, second, third = authority.asked
    assert "approval_id" not in first and second["approval_id"] == third["approval_id"] == "apr_1"
    assert second["wait_seconds"] >= 29


def test_an_approval_that_does_not_come_is_a_no(cage: Cage, authority: Authority) -> None:
    for _ in range(9):
        authority.next("approval_required", approval_id="apr_1")
    with pytest.raises(iron_cage.ApprovalExpired) as expired:
        ToolProxy(len, cage, approval_timeout=0.2).execute("abc")
    assert expired.value.approval_id == "apr_1"


def test_who_does_not_wait_gets_the_number_of_the_request(cage: Cage, authority: Authority) -> None:
    authority.next("approval_required", approval_id="apr_1")
    with pytest.raises(iron_cage.ApprovalRequired) as required:
        ToolProxy(len, cage, approval_timeout=0).execute("abc")
    assert required.value.approval_id == "apr_1"
    assert ToolProxy(len, cage).resume("apr_1", "abc") == 3
    assert authority.asked[1]["approval_id"] == "apr_1"


def test_changed_arguments_and_outputs_take_the_place_of_the_old(cage: Cage, authority: Authority) -> None:
    class Mail(BaseModel):
        to: str
        body: str

    def send(to: str, body: str, path: Path) -> Mail:
        assert isinstance(path, Path)
        return Mail(to=to, body=body)

    sent = Path("/tmp/x")
    authority.next("allow", arguments={"to": "a@example.com", "body": "[REDACTED]", "path": os.path.realpath("/tmp/x")})
    authority.scan = lambda output: ("redact", {**output, "to": "[EMAIL]"})
    assert ToolProxy(send, cage).execute("a@example.com", "secret", path=sent) == Mail(to="[EMAIL]", body="[REDACTED]")


def test_an_output_that_is_blocked_does_not_arrive(cage: Cage, authority: Authority) -> None:
    authority.scan = lambda _: ("block", None)
    with pytest.raises(iron_cage.ContentBlocked, match=r"blocked by pii\.email"):
        ToolProxy(len, cage).execute("abc")


def test_a_tool_that_fails_is_reported_and_fails(cage: Cage, authority: Authority) -> None:
    def fail() -> None:
        raise LookupError("no such customer")

    with pytest.raises(LookupError, match="no such customer"):
        ToolProxy(fail, cage).execute()
    assert authority.reported[0]["status"] == "error"
    assert authority.reported[0]["output"] == "LookupError: no such customer"


def test_what_an_error_tells_is_scanned_too(cage: Cage, authority: Authority) -> None:
    def fail() -> None:
        raise LookupError("no ada@example.com")

    authority.scan = lambda _: ("redact", "LookupError: no [EMAIL]")
    with pytest.raises(iron_cage.ContentBlocked) as failed:
        ToolProxy(fail, cage).execute()
    assert "ada@" not in str(failed.value) and failed.value.__cause__ is None


def test_a_tool_that_is_interrupted_is_reported_as_cancelled(cage: Cage, authority: Authority) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ToolProxy(stop, cage).execute()
    assert authority.reported[0]["status"] == "cancelled"


@pytest.mark.parametrize("backend", ["asyncio", "trio"])
def test_coroutines_run_on_any_event_loop(cage: Cage, authority: Authority, backend: str) -> None:
    async def double(number: int) -> int:
        await anyio.sleep(0)
        return number * 2

    async def both() -> None:
        assert await cage.protect(double)(4) == 8
        assert await ToolProxy(len, cage).aexecute("abc") == 3
        await cage.aclose()

    anyio.run(both, backend=backend)
    assert ToolProxy(double, cage).execute(2) == 4


async def test_a_task_that_is_cancelled_reports_it(cage: Cage, authority: Authority) -> None:
    async def forever() -> None:
        await asyncio.sleep(3600)

    task = asyncio.create_task(cage.protect(forever)())
    while not authority.asked:
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert authority.reported[0]["status"] == "cancelled"
    await cage.aclose()


async def test_many_calls_at_once(cage: Cage, authority: Authority) -> None:
    async def same(number: int) -> int:
        await asyncio.sleep(0.01)
        return number

    governed = cage.protect(same)
    assert await asyncio.gather(*(governed(number) for number in range(200))) == list(range(200))
    assert len(authority.reported) == 200
    await cage.aclose()


def test_generators_give_nothing_before_all_was_scanned(cage: Cage, authority: Authority) -> None:
    def lines(count: int) -> Any:
        yield from (f"line {number}" for number in range(count))

    governed = cage.protect(lines)
    assert inspect.isgeneratorfunction(governed)
    assert list(governed(2)) == ["line 0", "line 1"]
    authority.scan = lambda output: ("redact", ["x" for _ in output])
    assert list(governed(2)) == ["x", "x"]
    assert authority.reported[1]["output"] == ["line 0", "line 1"]


async def test_generators_that_are_awaited_too(cage: Cage) -> None:
    async def lines(count: int) -> Any:
        for number in range(count):
            yield number

    assert [number async for number in cage.protect(lines)(3)] == [0, 1, 2]
    await cage.aclose()


def test_arguments_have_the_names_of_the_signature(cage: Cage, authority: Authority) -> None:
    class Box:
        def put(self, first: int, /, second: int = 2, *many: int, key: str = "k", **rest: int) -> list[Any]:
            return [first, second, many, key, rest]

        def __call__(self, word: str) -> str:
            return word

    assert cage.protect(Box().put)(1, 5, 6, 7, other=9) == [1, 5, (6, 7), "k", {"other": 9}]
    assert authority.asked[0]["arguments"] == {"first": 1, "second": 5, "many": [6, 7], "key": "k", "other": 9}
    assert cage.protect(functools.partial(Box().put, 1), name="put")(3) == [1, 3, (), "k", {}]
    assert ToolProxy(Box(), cage, name="box").execute("w") == "w"
    with pytest.raises(TypeError):
        cage.protect(Box().put)(1, wrong=None, second=1, first=2)(3)
    assert len(authority.asked) == 4 or len(authority.asked) == 3


def test_links_are_followed_before_a_path_is_judged(cage: Cage, authority: Authority, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("s")
    (tmp_path / "open").symlink_to(secret)

    def read(path: Path, also: str = "") -> str:
        return str(path)

    real = os.path.realpath(secret)
    assert cage.protect(read, paths=["also"])(tmp_path / "open", str(tmp_path / "open")) == real
    assert authority.asked[0]["arguments"] == {"path": real, "also": real}
    climbing = f"{tmp_path}/x/../secret.txt"
    cage.protect(read)(Path(climbing))
    assert authority.asked[1]["arguments"]["path"] == climbing


def test_calls_carry_the_conversation_around_them(cage: Cage, authority: Authority) -> None:
    with cage.conversation("conv_1", end_user="ada", attributes={"ticket": "7"}) as outer:
        cage.protect(len, attributes={"environment": "prod"})("abc")
        with iron_cage.conversation() as inner:
            assert inner.id != outer.id and inner.trace_id == outer.trace_id
        with ThreadPoolExecutor() as pool:
            import contextvars

            context = contextvars.copy_context()
            pool.submit(context.run, cage.protect(len), "abc").result()
    for asked, headers in zip(authority.asked, authority.headers[::2], strict=True):
        assert (asked["conversation_id"], asked["end_user"]) == ("conv_1", "ada")
        assert headers["traceparent"].split("-")[1] == outer.trace_id
    assert authority.asked[0]["attributes"] == {"ticket": "7", "environment": "prod"}
    cage.protect(len)("abc")
    assert "conversation_id" not in authority.asked[2]


def test_an_agent_that_is_protected_gets_governed_tools_and_a_conversation(cage: Cage, authority: Authority) -> None:
    @iron_cage.protect_agent(cage=cage)
    def agent(question: str, tools: list[Any]) -> Any:
        return [tool(question) for tool in tools]

    def shout(text: str) -> str:
        return text.upper()

    assert agent("hi", [shout]) == ["HI"]
    assert authority.asked[0]["tool"] == "shout" and authority.asked[0]["conversation_id"]

    @iron_cage.protect_agent(cage=cage, tools=["send"])
    class Agent:
        def __init__(self) -> None:
            self.name = "a"

        def send(self, to: str) -> str:
            return f"{self.name} to {to}"

        def think(self) -> str:
            return "free"

    assert Agent().send("b") == "a to b" and Agent().think() == "free"
    assert [asked["tool"] for asked in authority.asked] == ["shout", "send"]
    assert authority.asked[1]["arguments"] == {"to": "b"}


async def test_an_agent_that_streams_is_one_conversation(cage: Cage, authority: Authority) -> None:
    @iron_cage.protect_agent(cage=cage)
    async def agent(tools: list[Any]) -> Any:
        for word in ("a", "b"):
            yield await tools[0](word)

    async def shout(text: str) -> str:
        return text.upper()

    assert [piece async for piece in agent([shout])] == ["A", "B"]
    assert len({asked["conversation_id"] for asked in authority.asked}) == 1
    await cage.aclose()


def test_a_model_is_told_what_helps(cage: Cage, authority: Authority) -> None:
    from iron_cage._proxy import describe

    authority.next("deny", "POLICY_DENIED", "not today.")
    authority.next("deny", "RATE_LIMITED", "too many")
    authority.next("allow")
    authority.scan = lambda _: ("block", None)
    told = []
    for _ in range(3):
        with pytest.raises(iron_cage.Refused) as refused:
            ToolProxy(len, cage).execute("abc")
        told.append(describe(refused.value))
    assert told[0] == "This call was not made: not today (by rule). Do not try it again with the same arguments."
    assert told[1] == "This call was not made: too many (by rule). It may be made later."
    assert told[2].startswith("This call was made, but")


def test_a_forked_process_has_connections_of_its_own(cage: Cage, authority: Authority) -> None:
    assert cage.protect(len)("abc") == 3
    child = os.fork()
    if child == 0:
        status = 1
        try:
            status = 0 if all(cage.protect(len)("ab") == 2 for _ in range(20)) else 2
        finally:
            os._exit(status)
    assert all(cage.protect(len)("abc") == 3 for _ in range(20))
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(authority.reported) == 41


def test_importing_and_making_a_cage_starts_no_thread_and_opens_nothing() -> None:
    import subprocess
    import sys

    code = (
        "import os, threading, iron_cage; c = iron_cage.Cage('http://127.0.0.1:9', 't'); c.protect(len);"
        "assert len(os.listdir('/proc/self/task')) == 1, os.listdir('/proc/self/task');"
        "assert not [f for f in os.listdir('/proc/self/fd') if os.path.exists('/proc/self/fd/' + f)"
        " and 'socket' in os.readlink('/proc/self/fd/' + f)]"
    )
    subprocess.run([sys.executable, "-c", code], check=True, stdin=subprocess.DEVNULL)


def test_without_url_or_token_it_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("IRON_CAGE_URL", raising=False)
    with pytest.raises(iron_cage.ConfigurationError, match="IRON_CAGE_URL"):
        Cage(token="t")
    monkeypatch.setenv("IRON_CAGE_URL", "http://127.0.0.1:9/")
    with pytest.raises(iron_cage.ConfigurationError, match="IRON_CAGE_TOKEN"):
        Cage()
    assert Cage(token="t").env()["OPENAI_BASE_URL"] == "http://127.0.0.1:9/v1"


def test_threads_share_a_cage(cage: Cage, authority: Authority) -> None:
    governed = cage.protect(threading.get_ident)
    with ThreadPoolExecutor(16) as pool:
        assert len(list(pool.map(lambda _: governed(), range(200)))) == 200
    assert len(authority.reported) == 200
