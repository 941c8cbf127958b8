"""Governed tools against the real binary: allowed, denied, approved, limited, redacted, over budget."""

from __future__ import annotations

import http.server
import os
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

import pytest

if "IRON_BINARY" not in os.environ:
    pytest.skip("IRON_BINARY names no server; run `make package`", allow_module_level=True)

sys.path.insert(0, str(Path(__file__).parents[2] / "e2e"))

from ironcage import Server

import iron_cage
from iron_cage import Cage, ToolProxy

TOOLS: list[dict[str, Any]] = [
    {"name": "look_up", "access": "read", "untrusted_output": False},
    {"name": "delete_customer", "access": "write"},
    {"name": "refund", "kind": "custom", "risk_level": "high", "external": False, "untrusted_output": False},
    {"name": "read_file", "kind": "file", "access": "read", "parameters": [{"name": "path", "kind": "path", "roots": ["/tmp"]}]},
    {"name": "ping", "access": "read", "untrusted_output": False, "rate_limit": {"per_minute": 2}},
]
POLICIES: list[dict[str, Any]] = [
    {"name": "reading", "effect": "allow", "match": {"tools": ["look_up", "read_file", "ping"]}},
    {"name": "refunds are asked for", "effect": "require_approval", "match": {"tools": ["refund"]}},
    {"name": "nothing is deleted", "effect": "deny", "match": {"tools": ["delete_*"]}},
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("server")) as running:
        for tool in TOOLS:
            running.api("POST", "/tools", tool)
        for policy in POLICIES:
            running.api("POST", "/policies", policy)
        yield running


@pytest.fixture
def cage(server: Server) -> Cage:
    return Cage(server.url, server.simulated_agent().token, approval_timeout=30)


def look_up(name: str) -> str:
    return f"customer {name}"


def refund(order: str) -> str:
    return f"refunded {order}"


def decide(server: Server, verdict: str, body: dict[str, Any]) -> None:
    """Somebody else decides about the one approval that is asked for."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if pending := server.api("GET", "/approvals?status=pending")["data"]:
            server.api("PUT", f"/approvals/{pending[0]['id']}/{verdict}", body)
            return
        time.sleep(0.1)


def test_an_allowed_call_is_recorded(server: Server, cage: Cage) -> None:
    assert cage.protect(look_up)("Ada") == "customer Ada"
    decision = cage.authorize("look_up", {"name": "Ada"})
    assert decision.allowed and "reading" in decision.rules
    assert cage.report(decision, output="customer Ada").output == "customer Ada"


def test_a_denied_tool_does_not_run(cage: Cage) -> None:
    ran: list[str] = []
    with pytest.raises(iron_cage.Denied) as denied:
        ToolProxy(ran.append, cage, name="delete_customer").execute("c_1")
    assert denied.value.code == "POLICY_DENIED" and denied.value.rules == ("nothing is deleted",)
    with pytest.raises(iron_cage.ToolUnknown):
        ToolProxy(ran.append, cage, name="unheard_of").execute("c_1")
    assert ran == []


def test_a_path_that_leaves_its_root_is_refused(cage: Cage, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to("/etc/hostname")

    def read_file(path: Path) -> str:
        return path.read_text()

    for path in (Path("/tmp/../etc/hostname"), link):
        with pytest.raises(iron_cage.ParameterInvalid) as refused:
            cage.protect(read_file)(path)
        assert refused.value.violations


def test_a_rate_holds(cage: Cage) -> None:
    def ping() -> str:
        return "pong"

    governed = cage.protect(ping)
    assert governed() == governed() == "pong"
    with pytest.raises(iron_cage.RateLimited):
        governed()


def test_secrets_do_not_come_back(cage: Cage) -> None:
    key = "AKIA" + "QWERTYUIOPASDF34"
    assert key not in ToolProxy(lambda name: f"key {key}", cage, name="look_up").execute("Ada")


def test_somebody_approves(server: Server, cage: Cage) -> None:
    person = threading.Thread(target=decide, args=(server, "approve", {"comment": "fine"}))
    person.start()
    assert cage.protect(refund)("o_1") == "refunded o_1"
    person.join()


def test_somebody_denies(server: Server, cage: Cage) -> None:
    person = threading.Thread(target=decide, args=(server, "deny", {"reason": "no"}))
    person.start()
    with pytest.raises(iron_cage.ApprovalDenied):
        cage.protect(refund)("o_2")
    person.join()


def test_nobody_answers_and_later_somebody_does(server: Server, cage: Cage) -> None:
    with pytest.raises(iron_cage.ApprovalRequired) as required:
        ToolProxy(refund, cage, approval_timeout=0).execute("o_3")
    asked = required.value.approval_id
    assert asked
    server.api("PUT", f"/approvals/{asked}/approve", {})
    proxy = ToolProxy(refund, cage)
    assert proxy.resume(asked, "o_3") == "refunded o_3"
    with pytest.raises(iron_cage.ApprovalExpired):
        proxy.resume(asked, "o_3")


def test_who_waits_for_nobody_gives_up(cage: Cage) -> None:
    with pytest.raises(iron_cage.ApprovalExpired):
        ToolProxy(refund, cage, approval_timeout=1).execute("o_4")


def test_the_agent_knows_what_it_may_call(cage: Cage) -> None:
    names = [tool.name for tool in cage.available_tools()]
    assert names == ["look_up", "ping", "read_file", "refund"]
    [look] = [tool for tool in cage.available_tools() if tool.name == "look_up"]
    assert (look.access, look.untrusted_output, look.kind) == ("read", False, "custom")


class Weather(http.server.BaseHTTPRequestHandler):
    """Somebody's API that needs a key."""

    asked: ClassVar[list[str | None]] = []

    def do_GET(self) -> None:
        self.asked.append(self.headers.get("x-key"))
        if "slow" in self.path:
            time.sleep(1)
        body = b'{"sky": "clear", "by": "AKIAQ3EGRZ7XWV2YF5TN"}'
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def weather() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Weather) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}/weather/{{city}}"
        running.shutdown()


def test_a_tool_that_the_server_runs(tmp_path: Path, weather: str) -> None:
    with Server(tmp_path, IRON_TOOLS_INSIDE_HOSTS="127.0.0.1") as server:
        run = {"type": "http", "method": "GET", "url": weather, "headers": {"x-key": "{secret}"}}
        tool = {"name": "weather", "kind": "api", "access": "read", "run": run, "secret": "s3cr3t-of-the-tool"}
        server.api("POST", "/tools", tool)
        cage = Cage(server.url, server.simulated_agent().token)
        came = cage.invoke("weather", {"city": "Oslo"}, idempotency_key="once")
        assert (came.status, came.http_status, came.verdict) == ("success", 200, "redact")
        assert came.output["sky"] == "clear" and "AKIA" not in came.output["by"]
        assert came.decision.rules and Weather.asked == ["s3cr3t-of-the-tool"]
        again = cage.invoke("weather", {"city": "Oslo"}, idempotency_key="once")
        assert again.output == came.output and len(Weather.asked) == 1
        with ThreadPoolExecutor(2) as pool:
            at_once = pool.map(lambda key: cage.invoke("weather", {"city": "slow"}, idempotency_key=key), ["two"] * 2)
            assert [one.status for one in at_once] == ["success", "success"] and len(Weather.asked) == 2
        with pytest.raises(iron_cage.ParameterInvalid):
            cage.invoke("weather", {"city": "../admin"})
        with pytest.raises(iron_cage.ToolUnknown):
            cage.invoke("storm", {})
