"""The governed call of a tool as a protocol without I/O.

The same steps serve threads and event loops: a generator tells what is to be done next, and a driver
(`_drivers`) does it and hands back what came of it.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, cast

from iron_cage import _context, _native
from iron_cage._kinds import class_of, is_a
from iron_cage.errors import (
    ApprovalExpired,
    ApprovalRequired,
    ContentBlocked,
    IronCageError,
    Unavailable,
    kind_of,
)

log = logging.getLogger("iron_cage")

#: How long one request for an approval hangs at most, in seconds.
LONGEST_WAIT = 30.0
#: Pauses before another try, in seconds, after which a server counts as away.
PAUSES = (0.1, 0.4, 1.0)


@dataclass(frozen=True)
class Send:
    """A request; the driver gives an `Answer` or raises `Unavailable`."""

    method: Literal["GET", "POST"]
    path: str
    body: bytes = b""
    timeout: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    #: Whether it is to be sent although the task that asks is being cancelled.
    shielded: bool = False
    #: Whether it may be sent again where nobody knows if it has arrived.
    repeatable: bool = False


@dataclass(frozen=True)
class Pause:
    """Nothing, for so many seconds."""

    seconds: float


@dataclass(frozen=True)
class Run:
    """The tool itself; the driver gives what it returned, or raises what it raised."""

    call: Callable[[], Any]


@dataclass(frozen=True)
class Answer:
    """What the server said."""

    status: int
    body: bytes
    request_id: str | None = None
    retry_after: float | None = None


Step = Send | Pause | Run
Steps = Generator[Step, Any, Any]


@dataclass(frozen=True)
class Decision:
    """What the server decided about a call."""

    decision: Literal["allow", "deny", "approval_required"]
    decision_id: str
    reason: str = ""
    #: The code of a denial: `POLICY_DENIED`, `PARAMETER_INVALID`.
    code: str | None = None
    #: The names of the rules that made the decision.
    rules: tuple[str, ...] = ()
    approval_id: str | None = None
    #: How many more calls the rate of the tool allows now.
    rate_limit_remaining: int | None = None
    #: Until when the decision is good, as RFC 3339 writes it.
    expires_at: str | None = None
    #: The arguments as guardrails have changed them; `None` if they have not.
    arguments: dict[str, Any] | None = None
    #: What is wrong with the arguments.
    violations: tuple[Any, ...] = ()
    request_id: str | None = None

    @property
    def allowed(self) -> bool:
        """Whether the tool may run now."""
        return self.decision == "allow"


@dataclass(frozen=True)
class Result:
    """What the server made of the output of a tool."""

    output: Any
    verdict: str = "allow"
    findings: tuple[dict[str, Any], ...] = ()


@dataclass(frozen=True)
class Call:
    """One call of a tool."""

    tool: str
    arguments: Mapping[str, Any]
    #: How long to wait for an approval, in seconds; 0 raises `ApprovalRequired` at once.
    approval_timeout: float
    approval_id: str | None = None
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])

    def body(self, wait: float, *, named: bool = True) -> bytes:
        around = _context.current()
        body: dict[str, Any] = {"arguments": dict(self.arguments)}
        if named:
            body["tool"] = self.tool
        if around is not None:
            body["conversation_id"] = around.id
            body["execution_id"] = around.execution_id
            body["end_user"] = around.end_user
        attributes = {**(around.attributes if around else {}), **self.attributes}
        body["attributes"] = attributes or None
        body["approval_id"] = self.approval_id
        body["wait_seconds"] = int(wait) if wait >= 1 else None
        return _native.encode({name: value for name, value in body.items() if value is not None})


def send(step: Send) -> Generator[Step, Any, Answer]:
    """Sends a request, again if the server is away for a moment, or still at work on the same one."""
    deadline = time.monotonic() + (step.timeout or 0.0)
    for pause in (*PAUSES, None):
        try:
            answer: Answer = yield step
            while _is_under_way(step, answer) and time.monotonic() < deadline:
                yield Pause(min(answer.retry_after or 1.0, 5.0))
                answer = yield step
            if answer.status != 503 or pause is None:
                return answer
            pause = answer.retry_after or pause
        except Unavailable as away:
            if pause is None or not (step.repeatable or away.unsent):
                raise
        yield Pause(min(pause, 5.0))
    raise AssertionError("the last try returns or raises")


def _is_under_way(step: Send, answer: Answer) -> bool:
    """Whether the server has the same request already and works on it."""
    return step.repeatable and answer.status == 409 and b"OPERATION_IN_PROGRESS" in answer.body


def read(answer: Answer, tool: str | None = None) -> dict[str, Any]:
    """The body of an answer, or the error that it tells of."""
    try:
        body = _native.decode(answer.body)
    except ValueError:
        body = None
    if answer.status < 300 and is_a(body, dict):
        return cast("dict[str, Any]", body)
    raise failure(answer, body, tool)


def failure(answer: Answer, body: Any, tool: str | None) -> IronCageError:
    told = _object(_object(body).get("error"))
    code = told.get("code")
    details = _object(told.get("details"))
    kind = kind_of(code, answer.status)
    message = told.get("message") or f"the server answered with status {answer.status}"
    if fields := _object(told.get("fields")):
        message += ": " + ", ".join(f"`{name}` {what}" for name, what in fields.items())
    return kind(
        message,
        code=code,
        status=answer.status,
        tool=tool,
        rules=details.get("rules") or (),
        request_id=answer.request_id,
        retry_after=answer.retry_after,
    )


def _object(value: Any) -> dict[str, Any]:
    return value if is_a(value, dict) else {}


def authorize(call: Call) -> Generator[Step, Any, Decision]:
    """Asks whether a call may be made, and waits for the people who are asked."""
    decision, _ = yield from decided(call, _authorization)
    return decision


#: Makes the request that asks about a call and waits for people for so many seconds.
Question = Callable[[Call, float], Send]


def decided(call: Call, question: Question) -> Generator[Step, Any, tuple[Decision, dict[str, Any]]]:
    """What is decided of a call, once people have been asked, and the whole answer that told it."""
    decision, told_whole = yield from _ask(call, 0, question)
    if decision.decision != "approval_required" or call.approval_timeout <= 0:
        return decision, told_whole
    log.info("`%s` waits for approval %s: %s", call.tool, decision.approval_id, decision.reason)
    deadline = time.monotonic() + call.approval_timeout
    while decision.decision == "approval_required":
        left = deadline - time.monotonic()
        if left <= 0:
            told = _told(replace(decision, code="APPROVAL_EXPIRED"), call.tool)
            within = f"within {call.approval_timeout:g} s"
            raise ApprovalExpired(f"nobody approved `{call.tool}` {within}", **told)
        asked = replace(call, approval_id=decision.approval_id)
        began = time.monotonic()
        decision, told_whole = yield from _ask(asked, min(left, LONGEST_WAIT), question)
        if decision.decision == "approval_required" and time.monotonic() - began < 0.5:
            yield Pause(min(0.5, max(left, 0)))
    return decision, told_whole


def _authorization(call: Call, wait: float) -> Send:
    return Send("POST", "/api/v1/tools/authorize", call.body(wait))


def _ask(
    call: Call, wait: float, question: Question
) -> Generator[Step, Any, tuple[Decision, dict[str, Any]]]:
    step = question(call, wait)
    if wait:
        step = replace(step, timeout=wait + (step.timeout or 30))
    answer = yield from send(step)
    body = read(answer, call.tool)
    known: dict[str, Any] = {name: body[name] for name in Decision.__dataclass_fields__ if body.get(name) is not None}
    for name in ("rules", "violations"):
        known[name] = tuple(known.get(name, ()))
    if known.get("decision") not in ("allow", "deny", "approval_required"):
        raise Unavailable(f"the server gave no decision about `{call.tool}`", tool=call.tool)
    known.setdefault("decision_id", "")
    known["request_id"] = answer.request_id
    return Decision(**known), body


def demand(decision: Decision, tool: str) -> None:
    """Raises what a decision that is no permission means."""
    if decision.allowed:
        return
    told = _told(decision, tool)
    if decision.decision == "approval_required":
        raise ApprovalRequired(decision.reason or f"`{tool}` needs approval", **told)
    kind = kind_of(decision.code)
    raise kind(decision.reason or f"`{tool}` is denied", **told)


def _told(decision: Decision, tool: str) -> dict[str, Any]:
    return {
        "code": decision.code,
        "rules": decision.rules,
        "violations": decision.violations,
        "decision_id": decision.decision_id,
        "approval_id": decision.approval_id,
        "request_id": decision.request_id,
        "tool": tool,
    }


def report(
    decision_id: str,
    status: Literal["success", "error", "cancelled"],
    *,
    duration_ms: int | None = None,
    output: Any = None,
    shielded: bool = False,
) -> Generator[Step, Any, Result]:
    """Tells what came of a call; gives its output as guardrails let it pass."""
    body: dict[str, Any] = {"decision_id": decision_id, "status": status}
    if duration_ms is not None:
        body["duration_ms"] = duration_ms
    if output is not None:
        body["output"] = output
    path = "/api/v1/tools/results"
    step = Send("POST", path, _native.encode(body), shielded=shielded, repeatable=True)
    answer = read((yield from send(step)))
    verdict = str(answer.get("verdict") or "allow")
    return Result(answer.get("output"), verdict, tuple(answer.get("findings") or ()))


class Form:
    """What of a tool's output is scanned, and how the scanned takes its place."""

    def shown(self, output: Any) -> Any:
        """The part that a model will read."""
        return output

    def replaced(self, output: Any, changed: Any) -> Any:
        """The output with that part changed, as an object of its class where that is possible."""
        return _in_the_form_of(output, changed)

    def failed(self, output: Any) -> bool:
        """Whether something went wrong, where a framework returns failures instead of raising."""
        return False


def governed(
    call: Call,
    run: Callable[[Mapping[str, Any]], Any],
    form: Form = Form(),
) -> Generator[Step, Any, Any]:
    """A call from the question to the scanned output. `run` gets the arguments that may be used."""
    decision = yield from authorize(call)
    demand(decision, call.tool)
    arguments = call.arguments if decision.arguments is None else decision.arguments
    began = time.monotonic()
    try:
        output = yield Run(lambda: run(arguments))
    except Exception as error:
        yield from _failed(call, decision, error, began)
        raise
    except BaseException as cancelled:
        try:
            told = f"{type(cancelled).__name__} in process {os.getpid()}"
            yield from report(
                decision.decision_id,
                "cancelled",
                duration_ms=_since(began),
                output=told,
                shielded=True,
            )
        except Exception as unreported:
            log.warning("the end of `%s` could not be reported: %s", call.tool, unreported)
        raise
    return (yield from _scanned(call, decision, output, began, form))


def _failed(call: Call, decision: Decision, error: Exception, began: float) -> Steps:
    told = f"{type(error).__name__}: {error}"
    result = yield from report(
        decision.decision_id, "error", duration_ms=_since(began), output=told
    )
    if result.verdict in ("redact", "block"):
        shown = result.output if result.verdict == "redact" else None
        # The message of the tool would lead what it must not show to the model.
        raise ContentBlocked(
            f"`{call.tool}` failed: {shown or 'its message may not be shown'}",
            code="CONTENT_BLOCKED",
            tool=call.tool,
            decision_id=decision.decision_id,
        ) from None


def _scanned(call: Call, decision: Decision, output: Any, began: float, form: Form) -> Steps:
    simple = _native.simplify(form.shown(output))
    failed = form.failed(output)
    result = yield from report(
        decision.decision_id,
        "error" if failed else "success",
        duration_ms=_since(began),
        output=simple,
    )
    if result.verdict == "block":
        rules = [str(found.get("rule")) for found in result.findings]
        raise ContentBlocked(
            f"what `{call.tool}` gave back was blocked by {', '.join(rules) or 'a guardrail'}",
            code="CONTENT_BLOCKED",
            rules=rules,
            tool=call.tool,
            decision_id=decision.decision_id,
        )
    if result.verdict != "redact" or result.output == simple:
        return output
    return form.replaced(output, result.output)


def _in_the_form_of(output: Any, changed: Any) -> Any:
    """The changed output as an object of the class of the old one, where it knows how."""
    kind = class_of(output)
    validate = getattr(kind, "model_validate", None)
    if validate is not None and isinstance(changed, dict):
        try:
            return validate(changed)
        except ValueError:
            # `[REDACTED]` is no number: the plain form is what there is.
            return cast("Any", changed)
    if kind is tuple and is_a(changed, list):
        return tuple(changed)
    if kind is bytes and isinstance(changed, str):
        return changed.encode()
    return changed


def _since(began: float) -> int:
    return max(0, round((time.monotonic() - began) * 1000))
