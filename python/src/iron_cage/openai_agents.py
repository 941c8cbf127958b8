"""OpenAI Agents: governed function tools, and a check that nothing else is there."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from iron_cage._frameworks import TOLD, Governance, need
from iron_cage._drivers import adrive
from iron_cage._kinds import is_a
from iron_cage._proxy import describe
from iron_cage.errors import Denied, ParameterInvalid

if TYPE_CHECKING:
    from iron_cage._cage import Cage

__all__ = ["govern", "govern_agent"]

T = TypeVar("T")

_agents = need("agents", "openai-agents")


def govern(
    tool: T,
    cage: Cage | None = None,
    *,
    name: str | None = None,
    attributes: Mapping[str, str] | None = None,
    approval_timeout: float | None = None,
    on_refused: Literal["tell", "raise"] = "tell",
) -> T:
    """A `FunctionTool`, governed: with the same name, schema, guardrails and error function.

    :param tool: What `@function_tool` made.
    :param cage: Whom to ask; the one that the environment describes, if none is given.
    :param name: What the tool is registered as; its own name, if none is given.
    :param attributes: What policies may ask for besides, for every call.
    :param approval_timeout: How long to wait for an approval, in seconds.
    :param on_refused: `tell` gives a refusal to the model as the answer of the tool; `raise` raises it.
    """
    given: Any = tool
    if hasattr(given, "tool_proxy"):
        return tool
    if not is_a(given, _agents.FunctionTool):
        raise Denied(
            f"`{given.name}` does not run in this process, where its calls could be governed; "
            "remove it, or govern it as an MCP server behind the gateway",
            code="POLICY_DENIED",
            tool=str(given.name),
        )
    governance = Governance(
        given.name, cage, name=name, attributes=attributes, approval_timeout=approval_timeout
    )
    invoke = given.on_invoke_tool

    async def governed(context: Any, text: str) -> Any:
        asked = _read(text, governance.name)

        def run(allowed: Mapping[str, Any]) -> Any:
            same = allowed is asked
            return invoke(context, text if same else json.dumps(dict(allowed)))

        try:
            return await adrive(governance.steps(asked, run), governance.cage.transport)
        except TOLD as refused:
            if on_refused == "tell":
                return describe(refused)
            raise

    twin = copy.copy(given)
    twin.on_invoke_tool = governed
    twin.tool_proxy = governance
    return twin  # type: ignore[no-any-return]


def _read(text: str, tool: str) -> dict[str, Any]:
    """What the model has given, as the tool will read it."""
    try:
        asked = json.loads(text or "{}")
    except ValueError:
        asked = None
    if not is_a(asked, dict):
        raise ParameterInvalid(
            f"the arguments of `{tool}` are no JSON object", code="PARAMETER_INVALID", tool=tool
        )
    return asked  # type: ignore[no-any-return]


def govern_agent(agent: T, cage: Cage | None = None, **options: Any) -> T:
    """Governs the tools of an agent, where it is, and of those that it may hand over to.

    Tools that OpenAI or an MCP server runs (`WebSearchTool`, `HostedMCPTool`, `mcp_servers`) pass by
    every hook of the framework: they raise `Denied` here.
    """
    _govern(agent, cage, options, set())
    return agent


def _govern(agent: Any, cage: Cage | None, options: dict[str, Any], seen: set[int]) -> None:
    if id(agent) in seen or not hasattr(agent, "tools"):
        return
    seen.add(id(agent))
    if agent.mcp_servers:
        raise Denied(
            f"the MCP servers of `{agent.name}` would be called past every policy; "
            "reach them through the gateway instead",
            code="POLICY_DENIED",
            tool="mcp",
        )
    tools: Iterable[Any] = agent.tools
    agent.tools = [govern(tool, cage, **options) for tool in tools]
    for handoff in agent.handoffs:
        _govern(handoff, cage, options, seen)
