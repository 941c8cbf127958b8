"""Pydantic AI: a toolset that asks before each tool runs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from iron_cage._drivers import adrive
from iron_cage._frameworks import TOLD, Governance, need
from iron_cage._proxy import describe

if TYPE_CHECKING:
    from iron_cage._cage import Cage

__all__ = ["IronCageToolset"]

_toolsets = need("pydantic_ai.toolsets", "pydantic-ai")
_Wrapper: Any = _toolsets.WrapperToolset


class IronCageToolset(_Wrapper):  # type: ignore[misc]
    """All tools of another toolset, governed.

    .. code-block:: python

        agent = Agent(model, toolsets=[IronCageToolset(FunctionToolset([search, send]))])

    Give an agent its tools here and not as `tools=`: those have no toolset around them. Tools that
    the provider of the model runs (`builtin_tools`) come by no toolset; the gateway judges them.
    """


    def __init__(
        self,
        wrapped: Any,
        cage: Cage | None = None,
        *,
        attributes: Mapping[str, str] | None = None,
        approval_timeout: float | None = None,
        on_refused: Literal["tell", "raise"] = "tell",
    ) -> None:
        """
        :param wrapped: A toolset of Pydantic AI: `FunctionToolset`, one of an MCP server, any other.
        :param cage: Whom to ask; the one that the environment describes, if none is given.
        :param attributes: What policies may ask for besides, for every call.
        :param approval_timeout: How long to wait for an approval, in seconds.
        :param on_refused: `tell` gives refusals to the model as answers of tools; `raise` raises them.
        """
        from iron_cage._cage import default_cage

        super().__init__(wrapped)  # pyright: ignore[reportUnknownMemberType]
        self._cage = cage or default_cage()
        self._options: dict[str, Any] = {
            "attributes": attributes,
            "approval_timeout": approval_timeout,
        }
        self._on_refused: Literal["tell", "raise"] = on_refused

    def _around(self, wrapped: Any) -> IronCageToolset:
        if wrapped is self.wrapped:
            return self
        return IronCageToolset(wrapped, self._cage, on_refused=self._on_refused, **self._options)

    async def for_run(self, ctx: Any) -> Any:
        """This toolset around what the other one is for a run."""
        return self._around(await self.wrapped.for_run(ctx))

    async def for_run_step(self, ctx: Any) -> Any:
        """This toolset around what the other one is for a step."""
        return self._around(await self.wrapped.for_run_step(ctx))

    def visit_and_replace(self, visitor: Any) -> Any:
        """This toolset around what a visitor makes of the other one."""
        return self._around(self.wrapped.visit_and_replace(visitor))

    async def call_tool(self, name: str, tool_args: dict[str, Any], ctx: Any, tool: Any) -> Any:
        """Asks before a tool runs, and scans what it gives back."""
        governance = Governance(name, self._cage, **self._options)

        def run(allowed: Mapping[str, Any]) -> Any:
            changed = tool_args if allowed is tool_args else dict(allowed)
            return self.wrapped.call_tool(name, changed, ctx, tool)

        try:
            return await adrive(governance.steps(tool_args, run), self._cage.transport)
        except TOLD as refused:
            if self._on_refused == "tell":
                return describe(refused)
            raise

