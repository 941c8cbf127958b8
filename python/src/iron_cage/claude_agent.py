"""Claude Agent SDK: hooks that ask before a tool runs, also one of Claude's own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from iron_cage._drivers import adrive
from iron_cage._frameworks import Governance, need
from iron_cage._proxy import describe
from iron_cage._steps import Decision, authorize, demand, report
from iron_cage.errors import IronCageError

if TYPE_CHECKING:
    from iron_cage._cage import Cage

__all__ = ["hooks"]


def hooks(
    cage: Cage | None = None,
    *,
    attributes: Mapping[str, str] | None = None,
    approval_timeout: float | None = None,
) -> dict[str, list[Any]]:
    """The hooks for `ClaudeAgentOptions(hooks=...)`.

    Tools run in the process of Claude Code, whose hooks can deny, change the arguments and replace
    the output. An output of a tool of Claude's own that guardrails change must keep its form, or
    Claude Code shows the old one: where that matters, deny the tool.

    :param cage: Whom to ask; the one that the environment describes, if none is given.
    :param attributes: What policies may ask for besides, for every call.
    :param approval_timeout: How long to wait for an approval, in seconds.
    """
    matcher = need("claude_agent_sdk", "claude-agent-sdk").HookMatcher
    hook = _Hooks(cage, attributes, approval_timeout)
    within = hook.cage.wait(approval_timeout) + 60
    return {
        "PreToolUse": [matcher(hooks=[hook.before], timeout=within)],
        "PostToolUse": [matcher(hooks=[hook.after], timeout=60)],
        "PostToolUseFailure": [matcher(hooks=[hook.failed], timeout=60)],
    }


class _Hooks:
    def __init__(
        self, cage: Cage | None, attributes: Mapping[str, str] | None, timeout: float | None
    ) -> None:
        from iron_cage._cage import default_cage

        self.cage = cage or default_cage()
        self._options: dict[str, Any] = {"attributes": attributes, "approval_timeout": timeout}
        # The decisions about calls that run now.
        self._decided: dict[str, Decision] = {}

    async def before(self, asked: Any, tool_use_id: str | None, _: Any) -> dict[str, Any]:
        governance = Governance(asked["tool_name"], self.cage, **self._options)
        call = governance.call(asked["tool_input"])
        try:
            decision = await adrive(authorize(call), self.cage.transport)
            demand(decision, call.tool)
        except IronCageError as refused:
            return _told("PreToolUse", permissionDecision="deny", permissionDecisionReason=describe(refused))
        self._decided[str(tool_use_id)] = decision
        if decision.arguments is None:
            return _told("PreToolUse", permissionDecision="allow")
        return _told("PreToolUse", permissionDecision="allow", updatedInput=decision.arguments)

    async def after(self, came: Any, tool_use_id: str | None, _: Any) -> dict[str, Any]:
        decision = self._decided.pop(str(tool_use_id), None)
        if decision is None:
            return _withheld("no decision is known for this call")
        output = came["tool_response"]
        steps = report(
            decision.decision_id, "success", output=output, duration_ms=came.get("duration_ms")
        )
        try:
            result = await adrive(steps, self.cage.transport)
        except IronCageError as unscanned:
            return _withheld(str(unscanned))
        if result.verdict == "block":
            return _withheld("a guardrail blocked what the tool gave back")
        if result.verdict != "redact" or result.output == output:
            return {}
        return _told("PostToolUse", updatedToolOutput=result.output)

    async def failed(self, came: Any, tool_use_id: str | None, _: Any) -> dict[str, Any]:
        decision = self._decided.pop(str(tool_use_id), None)
        if decision is not None:
            interrupted = bool(came.get("is_interrupt"))
            steps = report(
                decision.decision_id,
                "cancelled" if interrupted else "error",
                output=str(came["error"]),
            )
            await adrive(steps, self.cage.transport)
        return {}


def _told(event: str, **fields: Any) -> dict[str, Any]:
    return {"hookSpecificOutput": {"hookEventName": event, **fields}}


def _withheld(reason: str) -> dict[str, Any]:
    return _told("PostToolUse", updatedToolOutput=f"This output is withheld: {reason}.")
