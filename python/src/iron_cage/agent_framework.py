"""Microsoft Agent Framework, the successor of AutoGen: a middleware that governs all functions."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal

from iron_cage._drivers import adrive
from iron_cage._frameworks import TOLD, Governance, need
from iron_cage._kinds import is_a
from iron_cage._proxy import describe
from iron_cage._steps import Form
from iron_cage.errors import IronCageError

if TYPE_CHECKING:
    from iron_cage._cage import Cage

__all__ = ["IronCageFunctionMiddleware"]

_framework = need("agent_framework", "agent-framework-core")
_Middleware: Any = _framework.FunctionMiddleware
_Failure: Any = need("agent_framework._middleware", "agent-framework-core").MiddlewareFailure


class _Contents(Form):
    """What a function gives back: contents of text, or a plain value."""

    def shown(self, output: Any) -> Any:
        if not is_a(output, list):
            return output
        return [getattr(content, "text", None) or content for content in output]

    def replaced(self, output: Any, changed: Any) -> Any:
        pieces = changed if is_a(changed, list) else [changed]
        return "\n".join(str(piece) for piece in pieces)


class IronCageFunctionMiddleware(_Middleware):  # type: ignore[misc]
    """Governs every function that an agent calls.

    Put it last: it is then the innermost, and nothing changes the arguments after the decision.
    Tools that the provider of the model runs never come by here; the gateway judges them.
    """

    def __init__(
        self,
        cage: Cage | None = None,
        *,
        attributes: Mapping[str, str] | None = None,
        approval_timeout: float | None = None,
        on_refused: Literal["tell", "raise"] = "tell",
    ) -> None:
        """
        :param cage: Whom to ask; the one that the environment describes, if none is given.
        :param attributes: What policies may ask for besides, for every call.
        :param approval_timeout: How long to wait for an approval, in seconds.
        :param on_refused: `tell` gives refusals to the model as answers of tools; `raise` ends the run.
        """
        from iron_cage._cage import default_cage

        self._cage = cage or default_cage()
        self._options: dict[str, Any] = {
            "attributes": attributes,
            "approval_timeout": approval_timeout,
        }
        self._telling = on_refused == "tell"

    async def process(self, context: Any, call_next: Callable[[], Awaitable[None]]) -> None:
        """Asks before a function runs, and scans what it gives back."""
        governance = Governance(context.function.name, self._cage, **self._options)
        given: Any = context.arguments
        asked: Mapping[str, Any] = given.model_dump() if hasattr(given, "model_dump") else given

        async def run(allowed: Mapping[str, Any]) -> Any:
            if allowed is not asked:
                context.arguments = dict(allowed)
            await call_next()
            return context.result

        try:
            steps = governance.steps(asked, run, _Contents())
            context.result = await adrive(steps, self._cage.transport)
        except IronCageError as refused:
            if not (self._telling and isinstance(refused, TOLD)):
                # Another exception would become the answer of the function.
                raise _Failure(str(refused)) from refused
            context.result = describe(refused)
