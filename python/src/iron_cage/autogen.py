"""AutoGen: governed tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from iron_cage._drivers import adrive
from iron_cage._frameworks import TOLD, Governance, need
from iron_cage._proxy import describe
from iron_cage._subclass import twin

if TYPE_CHECKING:
    from iron_cage._cage import Cage

__all__ = ["govern"]

T = TypeVar("T")

need("autogen_core.tools", "autogen-core")


def govern(
    tool: T,
    cage: Cage | None = None,
    *,
    name: str | None = None,
    attributes: Mapping[str, str] | None = None,
    approval_timeout: float | None = None,
    on_refused: Literal["tell", "raise"] = "tell",
) -> T:
    """A tool of AutoGen, governed: of the same class, with the same schema.

    :param tool: `FunctionTool`, or any other that is a `BaseTool`.
    :param cage: Whom to ask; the one that the environment describes, if none is given.
    :param name: What the tool is registered as; its own name, if none is given.
    :param attributes: What policies may ask for besides, for every call.
    :param approval_timeout: How long to wait for an approval, in seconds.
    :param on_refused: `tell` gives a refusal to the model as the answer of the tool; `raise` raises it.
    """
    given: Any = tool
    governance = Governance(
        given.name, cage, name=name, attributes=attributes, approval_timeout=approval_timeout
    )

    async def run_json(args: Mapping[str, Any], *rest: Any, **named: Any) -> Any:
        def run(allowed: Mapping[str, Any]) -> Any:
            return given.run_json(allowed, *rest, **named)

        try:
            return await adrive(governance.steps(args, run), governance.cage.transport)
        except TOLD as refused:
            if on_refused == "tell":
                return describe(refused)
            raise

    async def run(args: Any, *rest: Any) -> Any:
        return await run_json(args.model_dump(), *rest)

    return twin(given, governance, {"run_json": run_json, "run": run})  # type: ignore[no-any-return]
