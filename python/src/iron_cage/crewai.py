"""CrewAI: governed tools of agents, tasks and crews."""

from __future__ import annotations

import weakref
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from iron_cage._frameworks import Governance, need
from iron_cage._kinds import class_of, is_a
from iron_cage._proxy import describe
from iron_cage._subclass import twin

if TYPE_CHECKING:
    from iron_cage._cage import Cage

__all__ = ["IronCageCrewAI", "govern"]

T = TypeVar("T")

_tools = need("crewai.tools", "crewai")
_Tool: Any = need("crewai.tools.base_tool", "crewai").Tool
_delegation = need("crewai.tools.agent_tools.base_agent_tools", "crewai")

#: Agents whose tools are governed, and of which no other tool may run.
_agents: weakref.WeakSet[Any] = weakref.WeakSet()


def govern(
    tool: T,
    cage: Cage | None = None,
    *,
    name: str | None = None,
    attributes: Mapping[str, str] | None = None,
    approval_timeout: float | None = None,
    on_refused: Literal["tell", "raise"] = "tell",
) -> T:
    """A tool of CrewAI, governed: of the same class, with the same name, schema and limits.

    :param tool: Any tool of CrewAI.
    :param cage: Whom to ask; the one that the environment describes, if none is given.
    :param name: What the tool is registered as; its own name, if none is given.
    :param attributes: What policies may ask for besides, for every call.
    :param approval_timeout: How long to wait for an approval, in seconds.
    :param on_refused: `tell` gives a refusal to the model as the answer of the tool; `raise` raises
        it, and CrewAI tells the model of an error.
    """
    given: Any = tool
    if hasattr(given, "tool_proxy"):
        return tool
    governance = Governance(
        given.name, cage, name=name, attributes=attributes, approval_timeout=approval_timeout
    )
    told = describe if on_refused == "tell" else _raise
    if is_a(given, _Tool):
        # Such a tool calls its function from more places than its methods.
        governed = twin(given, governance, {})
        governed.func = governance.function(given.func, told)
        return governed  # type: ignore[no-any-return]
    methods = {name: governance.function(getattr(given, name), told) for name in ("_run", "_arun")}
    return twin(given, governance, methods)  # type: ignore[no-any-return]


def _raise(refused: Exception) -> Any:
    raise refused


class IronCageCrewAI:
    """Governs crews: what is given comes back, with the tools in it governed."""

    def __init__(self, cage: Cage | None = None, **options: Any) -> None:
        """
        :param cage: Whom to ask; the one that the environment describes, if none is given.
        :param options: Those of `govern`, for every tool.
        """
        self._cage = cage
        self._options = options

    @classmethod
    def wrap_crew(cls, crew: T, cage: Cage | None = None, **options: Any) -> T:
        """Governs a crew, or a list of agents, tasks and tools.

        Agents and tasks are changed where they are. What CrewAI adds to such an agent later (tools
        of MCP servers, code execution, readers of files) is refused, since nothing can govern it;
        delegation to other agents is not.
        """
        return cls(cage, **options).wrap(crew)

    def wrap(self, crew: T) -> T:
        """`wrap_crew` with the options of this object."""
        given: Any = crew
        if is_a(given, (list, tuple)):
            return class_of(given)(self.wrap(member) for member in given)  # type: ignore[no-any-return]
        if hasattr(given, "kickoff") and hasattr(given, "agents"):
            for member in (*given.agents, *given.tasks):
                self.wrap(member)
            if given.manager_agent is not None:
                self.wrap(given.manager_agent)
            return crew
        if hasattr(given, "tools"):
            given.tools = [self.wrap(tool) for tool in given.tools or ()]
            if hasattr(given, "role"):
                _watch(given)
            return crew
        if hasattr(given, "func") or hasattr(given, "_run"):
            return govern(crew, self._cage, **self._options)
        raise TypeError(f"{given!r} is no crew, agent, task or tool of CrewAI")


def _watch(agent: Any) -> None:
    if not _agents:
        hooks = need("crewai.hooks", "crewai")
        hooks.register_before_tool_call_hook(_only_governed)
    _agents.add(agent)


def _only_governed(context: Any) -> bool | None:
    """Stops tools of watched agents that nobody governs."""
    if context.agent not in _agents:
        return None
    tool = getattr(context.tool, "_original_tool", None) or context.tool
    if hasattr(tool, "tool_proxy") or is_a(tool, _delegation.BaseAgentTool):
        return None
    return False
