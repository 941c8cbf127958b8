"""LangChain and LangGraph: governed tools, and a middleware that governs all tools of an agent."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from iron_cage._drivers import adrive, drive
from iron_cage._frameworks import TOLD, Governance, need
from iron_cage._kinds import class_of, is_a
from iron_cage._proxy import describe
from iron_cage._steps import Form
from iron_cage._subclass import twin
from iron_cage.errors import Denied

if TYPE_CHECKING:
    from iron_cage._cage import Cage

__all__ = ["IronCageMiddleware", "IronCageToolWrapper", "govern"]

T = TypeVar("T")

_tools = need("langchain_core.tools", "langchain")
_Message: Any = need("langchain_core.messages", "langchain").ToolMessage
_ToolException: Any = _tools.ToolException
_AgentMiddleware: Any
try:
    _AgentMiddleware = need("langchain.agents.middleware", "langchain").AgentMiddleware
except Exception:
    # Only the tools of `langchain_core` are there.
    _AgentMiddleware = object


class _Refusal(_ToolException):  # type: ignore[misc]
    """A refusal on its way to the model."""


def IronCageToolWrapper(  # noqa: N802 - it stands where a class would
    tool: T,
    cage: Cage | None = None,
    *,
    name: str | None = None,
    attributes: Mapping[str, str] | None = None,
    approval_timeout: float | None = None,
    on_refused: Literal["tell", "raise"] = "tell",
) -> T:
    """A LangChain tool, governed: of the same class, with the same name, schema and callbacks.

    :param tool: Any tool of LangChain.
    :param cage: Whom to ask; the one that the environment describes, if none is given.
    :param name: What the tool is registered as; its own name, if none is given.
    :param attributes: What policies may ask for besides, for every call.
    :param approval_timeout: How long to wait for an approval, in seconds.
    :param on_refused: `tell` gives a refusal to the model as the answer of the tool; `raise` raises it.
    """
    given: Any = tool
    governance = Governance(
        given.name,
        cage,
        name=name,
        attributes=attributes,
        approval_timeout=approval_timeout,
        hidden=_hidden(given),
    )
    if on_refused == "raise":
        return twin(given, governance, _methods(given, governance, _raise))  # type: ignore[no-any-return]
    governed = twin(given, governance, _methods(given, governance, _tell))
    governed.handle_tool_error = _told_or(given.handle_tool_error)
    return governed  # type: ignore[no-any-return]


def govern(tool: Any, cage: Cage, **options: Any) -> Any:
    """The tool for `Cage.register_agent`."""
    return IronCageToolWrapper(tool, cage, **options)


def _methods(
    tool: Any, governance: Governance, told: Callable[[Exception], Any]
) -> dict[str, Callable[..., Any]]:
    # Tools without an `_arun` of their own run `_run` in a thread, and LangChain asks which they are.
    own = class_of(tool)._arun is not _tools.BaseTool._arun
    names = ("_run", "_arun") if own else ("_run",)
    return {name: governance.function(getattr(tool, name), told) for name in names}


def _hidden(tool: Any) -> frozenset[str]:
    """Arguments that LangChain adds: its own, and those that a tool has declared as injected."""
    hidden = {"run_manager", "config", *tool._injected_args_keys}
    taken = getattr(tool.args_schema, "model_fields", {})
    told = getattr(tool.tool_call_schema, "model_fields", taken)
    return frozenset(hidden | (set(taken) - set(told)))


def _tell(refused: Exception) -> Any:
    raise _Refusal(describe(refused)) from refused


def _raise(refused: Exception) -> Any:
    raise refused


def _told_or(flag: Any) -> Callable[[Any], Any]:
    """Gives refusals to the model, and other errors to what the tool had for them."""

    def handle(error: Any) -> Any:
        if is_a(error, _Refusal) or flag is True:
            return str(error)
        if is_a(flag, str):
            return flag
        if callable(flag):
            return flag(error)
        raise error

    return handle


class _Answer(Form):
    """The content and the artifact of a tool's message."""

    def shown(self, output: Any) -> Any:
        if not is_a(output, _Message):
            return output
        if output.artifact is None:
            return output.content
        return {"content": output.content, "artifact": output.artifact}

    def replaced(self, output: Any, changed: Any) -> Any:
        if not is_a(output, _Message):
            return super().replaced(output, changed)
        update = {"content": changed} if output.artifact is None else changed
        return output.model_copy(update=update)

    def failed(self, output: Any) -> bool:
        return is_a(output, _Message) and output.status == "error"


class IronCageMiddleware(_AgentMiddleware):  # type: ignore[misc]
    """Governs every tool that an agent of `create_agent` runs, whatever it was made of.

    Put it last in the list: it is then the innermost, and what others repeat is governed each time.
    Tools that the provider of the model runs itself never come by here; they are refused, unless
    `hosted_tools` is `allow`, and then governed by what the gateway makes of the model's answer.
    """

    def __init__(
        self,
        cage: Cage | None = None,
        *,
        attributes: Mapping[str, str] | None = None,
        approval_timeout: float | None = None,
        on_refused: Literal["tell", "raise"] = "tell",
        hosted_tools: Literal["refuse", "allow"] = "refuse",
    ) -> None:
        """
        :param cage: Whom to ask; the one that the environment describes, if none is given.
        :param attributes: What policies may ask for besides, for every call.
        :param approval_timeout: How long to wait for an approval, in seconds.
        :param on_refused: `tell` gives refusals to the model as answers of tools; `raise` raises them.
        :param hosted_tools: What becomes of tools that the provider of the model runs.
        """
        from iron_cage._cage import default_cage

        super().__init__()  # pyright: ignore[reportUnknownMemberType]
        self._cage = cage or default_cage()
        self._options: dict[str, Any] = {
            "attributes": attributes,
            "approval_timeout": approval_timeout,
        }
        self._telling = on_refused == "tell"
        self._refusing = hosted_tools == "refuse"

    def wrap_tool_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """Asks before a tool runs, and scans what it gives back."""
        if hasattr(request.tool, "tool_proxy"):
            return handler(request)
        try:
            return drive(self._steps(request, handler), self._cage.transport)
        except TOLD as refused:
            return self._told(request, refused)

    async def awrap_tool_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """`wrap_tool_call`, on an event loop."""
        if hasattr(request.tool, "tool_proxy"):
            return await handler(request)
        try:
            return await adrive(self._steps(request, handler), self._cage.transport)
        except TOLD as refused:
            return self._told(request, refused)

    def wrap_model_call(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        """Refuses tools that the provider would run itself."""
        self._refuse_hosted(request)
        return handler(request)

    async def awrap_model_call(self, request: Any, handler: Callable[[Any], Awaitable[Any]]) -> Any:
        """`wrap_model_call`, on an event loop."""
        self._refuse_hosted(request)
        return await handler(request)

    def _steps(self, request: Any, handler: Callable[[Any], Any]) -> Any:
        asked = request.tool_call
        governance = Governance(asked["name"], self._cage, **self._options)

        def run(allowed: Mapping[str, Any]) -> Any:
            return handler(request.override(tool_call={**asked, "args": dict(allowed)}))

        return governance.steps(asked["args"], run, _Answer())

    def _told(self, request: Any, refused: Exception) -> Any:
        if not self._telling:
            raise refused
        asked = request.tool_call
        return _Message(
            content=describe(refused), name=asked["name"], tool_call_id=asked["id"], status="error"
        )

    def _refuse_hosted(self, request: Any) -> None:
        for tool in request.tools if self._refusing else ():
            kind = tool.get("type", "function") if is_a(tool, dict) else "function"
            if kind != "function":
                raise Denied(
                    f"`{kind}` runs at the provider of the model, where no tool call can be "
                    "governed; remove it, or pass hosted_tools='allow' to IronCageMiddleware",
                    code="POLICY_DENIED",
                    tool=str(kind),
                )
