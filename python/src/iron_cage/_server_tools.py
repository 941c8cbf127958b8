"""What the server offers an agent: which tools it may call, and running some of them for it."""

from __future__ import annotations

import urllib.parse
from collections.abc import Generator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from iron_cage._steps import Call, Decision, Send, Step, decided, demand, read, send

#: How long the server lets a tool run at most, in seconds.
LONGEST_RUN = 300.0


@dataclass(frozen=True)
class AvailableTool:
    """A tool that the agent may call, with or without the leave of people."""

    id: str
    #: What the agent calls it; a `*` at the end stands for all names that begin alike.
    name: str
    kind: str
    risk_level: Literal["low", "medium", "high", "critical"]
    access: Literal["read", "write", "admin"]
    #: Whether it acts, or sends something, outside the organisation.
    external: bool
    #: Whether what it gives back may have been written by strangers.
    untrusted_output: bool
    #: What one call costs, in US dollars, as a decimal text.
    cost: str
    description: str = ""
    #: The JSON Schema of its arguments, if one is declared.
    schema: dict[str, Any] | None = None


@dataclass(frozen=True)
class Invocation:
    """What came of a call that the server ran."""

    #: `timeout`: it took longer than it may, and whether it has done anything is not known.
    status: Literal["success", "error", "timeout"]
    #: What the tool gave back, as guardrails let it pass.
    output: Any
    decision: Decision
    #: What went wrong; what the tool itself says of it is `output`.
    error: str | None = None
    #: The status of its answer, for a tool over HTTP.
    http_status: int | None = None
    duration_ms: float = 0.0
    #: What the call cost, in millionths of a dollar.
    cost_micros: int = 0
    verdict: str = "allow"
    findings: tuple[dict[str, Any], ...] = ()


def available() -> Generator[Step, Any, list[AvailableTool]]:
    """The tools that the agent may call, by name."""
    answer = yield from send(Send("GET", "/api/v1/tools/available", repeatable=True))
    known = AvailableTool.__dataclass_fields__
    return [
        AvailableTool(**{name: value for name, value in tool.items() if name in known})
        for tool in read(answer)["data"]
    ]


def invoke(call: Call, idempotency_key: str | None) -> Generator[Step, Any, Invocation]:
    """A call that the server runs. With a key it is run once, however often it is sent."""
    path = f"/api/v1/tools/{urllib.parse.quote(call.tool, safe='')}/invoke"
    headers: Mapping[str, str] = {}
    if idempotency_key is not None:
        headers = {"idempotency-key": idempotency_key}
    plain = Send(
        "POST", path, timeout=LONGEST_RUN + 30, headers=headers, repeatable=bool(headers)
    )

    def question(asked: Call, wait: float) -> Send:
        return replace(plain, body=asked.body(wait, named=False))

    decision, told = yield from decided(call, question)
    demand(decision, call.tool)
    return Invocation(
        status=told["status"],
        output=told.get("output"),
        decision=decision,
        error=told.get("error"),
        http_status=told.get("http_status"),
        duration_ms=told.get("duration_ms", 0.0),
        cost_micros=told.get("cost_micros", 0),
        verdict=str(told.get("verdict") or "allow"),
        findings=tuple(told.get("findings") or ()),
    )

