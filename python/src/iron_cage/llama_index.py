"""LlamaIndex: governed tools."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from iron_cage._frameworks import Governance, need
from iron_cage._kinds import is_a
from iron_cage._proxy import describe
from iron_cage._steps import Form
from iron_cage._subclass import twin

if TYPE_CHECKING:
    from iron_cage._cage import Cage

__all__ = ["govern"]

T = TypeVar("T")

_tools = need("llama_index.core.tools", "llama-index-core")
_types = need("llama_index.core.tools.types", "llama-index-core")


class _Output(Form):
    """The text of a tool's output, and whether it failed."""

    def shown(self, output: Any) -> Any:
        return output.content if is_a(output, _types.ToolOutput) else output

    def replaced(self, output: Any, changed: Any) -> Any:
        if not is_a(output, _types.ToolOutput):
            return super().replaced(output, changed)
        # The raw output would lead what was redacted past the text.
        return _types.ToolOutput(
            content=str(changed),
            tool_name=output.tool_name,
            raw_input=output.raw_input,
            raw_output=changed,
            is_error=output.is_error,
        )

    def failed(self, output: Any) -> bool:
        return is_a(output, _types.ToolOutput) and bool(output.is_error)


def govern(
    tool: T,
    cage: Cage | None = None,
    *,
    name: str | None = None,
    attributes: Mapping[str, str] | None = None,
    approval_timeout: float | None = None,
    on_refused: Literal["tell", "raise"] = "tell",
) -> T:
    """A tool of LlamaIndex, governed: of the same class, with the same metadata.

    :param tool: `FunctionTool`, `QueryEngineTool`, or any other that is an `AsyncBaseTool`.
    :param cage: Whom to ask; the one that the environment describes, if none is given.
    :param name: What the tool is registered as; its own name, if none is given.
    :param attributes: What policies may ask for besides, for every call.
    :param approval_timeout: How long to wait for an approval, in seconds.
    :param on_refused: `tell` gives a refusal to the model as the output of the tool; `raise` raises it.
    """
    given: Any = _types.adapt_to_async_tool(tool)
    governance = Governance(
        given.metadata.get_name(),
        cage,
        name=name,
        attributes=attributes,
        approval_timeout=approval_timeout,
        hidden=frozenset(filter(None, [getattr(given, "ctx_param_name", None)])),
        form=_Output(),
    )

    def told(refused: Exception) -> Any:
        if on_refused == "raise":
            raise refused
        text = describe(refused)
        return _types.ToolOutput(
            content=text, tool_name=governance.name, raw_input={}, raw_output=text, is_error=True
        )

    methods = {
        method: governance.function(getattr(given, method), told) for method in ("call", "acall")
    }
    return twin(given, governance, methods)  # type: ignore[no-any-return]
