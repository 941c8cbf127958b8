"""The connection of an agent to its server."""

from __future__ import annotations

import functools
import inspect
import os
from collections.abc import AsyncIterator, Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Any, ParamSpec, TypeVar, cast, overload

from iron_cage import _adapters, _context
from iron_cage._context import Conversation
from iron_cage._drivers import Transport, adrive, drive
from iron_cage._proxy import ToolProxy, as_function
from iron_cage._server_tools import AvailableTool, Invocation, available, invoke
from iron_cage._steps import Call, Decision, Result, Step, authorize, report
from iron_cage.errors import ConfigurationError

__all__ = ["Cage", "default_cage", "env", "protect_agent"]

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C")



class Cage:
    """A server or router by its URL, and the agent whose token this is.

    One cage serves all threads, event loops and forked processes. It opens nothing before the first
    call.
    """

    def __init__(
        self,
        url: str | None = None,
        token: str | None = None,
        *,
        timeout: float = 30.0,
        approval_timeout: float = 300.0,
        **options: Any,
    ) -> None:
        """
        :param url: Where the server listens; `IRON_CAGE_URL`, if none is given.
        :param token: The token of the agent; `IRON_CAGE_TOKEN`, if none is given.
        :param timeout: How long one request may take, in seconds.
        :param approval_timeout: How long tools wait for an approval, in seconds; 0 raises
            `ApprovalRequired` at once.
        :param options: For the clients of `httpx2`: `verify`, `proxy`, `transport`.
        """
        self.url = (url or os.environ.get("IRON_CAGE_URL") or "").rstrip("/")
        self.token = token or os.environ.get("IRON_CAGE_TOKEN") or ""
        if not self.url:
            raise ConfigurationError("no server is known: pass `url` or set IRON_CAGE_URL")
        if not self.token:
            raise ConfigurationError("no token is known: pass `token` or set IRON_CAGE_TOKEN")
        self.approval_timeout = approval_timeout
        self.transport = Transport(self.url, self.token, timeout, **options)

    def __repr__(self) -> str:
        return f"Cage(url={self.url!r})"

    def __enter__(self) -> Cage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __aenter__(self) -> Cage:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def close(self) -> None:
        """Closes the connections of threads; the next call opens new ones."""
        self.transport.close()

    async def aclose(self) -> None:
        """Closes the connections of threads and of this event loop."""
        await self.transport.aclose()

    def wait(self, given: float | None) -> float:
        """How long to wait for an approval, in seconds."""
        return self.approval_timeout if given is None else given

    # Tools.

    def register_agent(self, tools: Iterable[Any]) -> list[Any]:
        """Gives the tools back governed, each in the form in which it came.

        Functions become functions; tools of LangChain, CrewAI, OpenAI Agents, LlamaIndex and
        AutoGen stay tools of theirs.
        """
        return [self.protect(tool) for tool in tools]

    @overload
    def protect(self, tool: Callable[P, R], **options: Any) -> Callable[P, R]: ...
    @overload
    def protect(self, tool: Any, **options: Any) -> Any: ...
    def protect(self, tool: Any, **options: Any) -> Any:
        """One tool, governed, in the form in which it came; `options` are those of `ToolProxy`."""
        if isinstance(tool, ToolProxy) or hasattr(tool, "tool_proxy"):
            return tool
        if (adapted := _adapters.govern(tool, self, options)) is not None:
            return adapted
        proxy = ToolProxy(tool, self, **options)
        return as_function(proxy) if inspect.isroutine(tool) else proxy

    def tool(self, name: str | None = None, **options: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Governs the function below it: `@cage.tool()`, `@cage.tool("send_email")`."""

        def governed(function: Callable[P, R]) -> Callable[P, R]:
            return cast("Callable[P, R]", as_function(ToolProxy(function, self, name=name, **options)))

        return governed

    def available_tools(self) -> list[AvailableTool]:
        """The tools that the agent may call, with or without the leave of people, by name. What is
        not among them is always denied."""
        return drive(available(), self.transport)

    async def aavailable_tools(self) -> list[AvailableTool]:
        """`available_tools`, on an event loop."""
        return await adrive(available(), self.transport)

    # Tools that the server runs.

    def invoke(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        approval_timeout: float | None = None,
        approval_id: str | None = None,
        attributes: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Invocation:
        """Has the server run a tool. A refusal raises as everywhere; what the tool itself did, or
        failed to do, is in what comes back.

        :param approval_timeout: How long to wait for an approval, in seconds; that of the cage, if
            none is given.
        :param idempotency_key: With one, the call is run once and sent again if the server is away;
            routers take none. What was approved meanwhile is another request: use a new key if
            `invoke` itself is called again.
        """
        wait = self.wait(approval_timeout)
        call = Call(tool, arguments, wait, approval_id, attributes or {})
        return drive(invoke(call, idempotency_key), self.transport)

    async def ainvoke(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        approval_timeout: float | None = None,
        approval_id: str | None = None,
        attributes: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
    ) -> Invocation:
        """`invoke`, on an event loop."""
        wait = self.wait(approval_timeout)
        call = Call(tool, arguments, wait, approval_id, attributes or {})
        return await adrive(invoke(call, idempotency_key), self.transport)

    # The two halves of a governed call, for those who run tools themselves.

    def authorize(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        approval_timeout: float = 0.0,
        approval_id: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> Decision:
        """Asks whether a call may be made. A refusal is a decision here, not an exception."""
        call = Call(tool, arguments, approval_timeout, approval_id, attributes or {})
        return drive(authorize(call), self.transport)

    async def aauthorize(
        self,
        tool: str,
        arguments: Mapping[str, Any],
        *,
        approval_timeout: float = 0.0,
        approval_id: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> Decision:
        """`authorize`, on an event loop."""
        call = Call(tool, arguments, approval_timeout, approval_id, attributes or {})
        return await adrive(authorize(call), self.transport)

    def report(
        self,
        decision: Decision,
        *,
        output: Any = None,
        error: str | None = None,
        duration_ms: int | None = None,
    ) -> Result:
        """Tells what came of an allowed call; gives its output as guardrails let it pass."""
        steps = _reported(decision, output, error, duration_ms)
        return drive(steps, self.transport)

    async def areport(
        self,
        decision: Decision,
        *,
        output: Any = None,
        error: str | None = None,
        duration_ms: int | None = None,
    ) -> Result:
        """`report`, on an event loop."""
        steps = _reported(decision, output, error, duration_ms)
        return await adrive(steps, self.transport)

    # Surroundings.

    def conversation(
        self,
        id: str | None = None,
        *,
        execution_id: str | None = None,
        end_user: str | None = None,
        attributes: Mapping[str, str] | None = None,
    ) -> AbstractContextManager[Conversation]:
        """`iron_cage.conversation`."""
        return _context.conversation(
            id, execution_id=execution_id, end_user=end_user, attributes=attributes
        )

    def env(self) -> dict[str, str]:
        """The variables with which the SDKs of OpenAI and Anthropic, and what stands on them, come
        through the gateway without a change: `os.environ.update(cage.env())`."""
        return {
            "IRON_CAGE_URL": self.url,
            "IRON_CAGE_TOKEN": self.token,
            "OPENAI_BASE_URL": f"{self.url}/v1",
            "OPENAI_API_BASE": f"{self.url}/v1",
            "OPENAI_API_KEY": self.token,
            "ANTHROPIC_BASE_URL": self.url,
            "ANTHROPIC_API_KEY": self.token,
        }


def _reported(
    decision: Decision, output: Any, error: str | None, duration_ms: int | None
) -> Generator[Step, Any, Result]:
    return report(
        decision.decision_id,
        "success" if error is None else "error",
        output=error if output is None else output,
        duration_ms=duration_ms,
    )


_default: Cage | None = None


def default_cage() -> Cage:
    """The cage that `IRON_CAGE_URL` and `IRON_CAGE_TOKEN` describe."""
    global _default
    if _default is None:
        _default = Cage()
    return _default


def env() -> dict[str, str]:
    """`Cage.env` of the cage that the environment describes."""
    return default_cage().env()


@overload
def protect_agent(agent: type[C], /) -> type[C]: ...
@overload
def protect_agent(agent: Callable[P, R], /) -> Callable[P, R]: ...
@overload
def protect_agent(
    *, cage: Cage | None = None, tools: Sequence[str] | None = None
) -> Callable[[C], C]: ...
def protect_agent(
    agent: Any = None, /, *, cage: Cage | None = None, tools: Sequence[str] | None = None
) -> Any:
    """Governs an agent where it is written.

    A function: each call is one conversation, and what is passed as `tools` is governed before it
    arrives. A class: the methods named in `tools` (all public ones, if none are) are governed tools
    under their own names.
    """
    if agent is None:
        return functools.partial(protect_agent, cage=cage, tools=tools)
    if inspect.isclass(agent):
        return _protect_class(cast("type[Any]", agent), cage, tools)
    return _protect_function(agent, cage)


def _protect_class(agent: type[Any], cage: Cage | None, tools: Sequence[str] | None) -> type[Any]:
    public = [name for name in vars(agent) if not name.startswith("_")]
    for name in public if tools is None else tools:
        method = inspect.getattr_static(agent, name)
        if inspect.isfunction(method):
            setattr(agent, name, _Method(method, cage))
        elif tools is not None:
            raise TypeError(f"`{agent.__name__}.{name}` is no method of an instance")
    return agent


class _Method:
    """A method that is a governed tool of its instance."""

    def __init__(self, method: Callable[..., Any], cage: Cage | None) -> None:
        self.method = method
        self.cage = cage

    def __get__(self, instance: object | None, owner: type[Any]) -> Any:
        if instance is None:
            return self
        bound = self.method.__get__(instance, owner)
        return as_function(ToolProxy(bound, self.cage))


def _protect_function(agent: Callable[..., Any], cage: Cage | None) -> Callable[..., Any]:
    signature = inspect.signature(agent)

    def governed(args: tuple[Any, ...], kwargs: dict[str, Any]) -> inspect.BoundArguments:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        tools = bound.arguments.get("tools")
        if isinstance(tools, (list, tuple)):
            given = cast("Sequence[Any]", tools)
            bound.arguments["tools"] = (cage or default_cage()).register_agent(given)
        return bound

    if inspect.iscoroutinefunction(agent):

        @functools.wraps(agent)
        async def awaited(*args: Any, **kwargs: Any) -> Any:
            bound = governed(args, kwargs)
            with _inherited():
                return await agent(*bound.args, **bound.kwargs)

        return awaited

    if inspect.isgeneratorfunction(agent):

        @functools.wraps(agent)
        def yielded(*args: Any, **kwargs: Any) -> Iterator[Any]:
            bound = governed(args, kwargs)
            with _inherited():
                yield from agent(*bound.args, **bound.kwargs)

        return yielded

    if inspect.isasyncgenfunction(agent):

        @functools.wraps(agent)
        async def streamed(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            bound = governed(args, kwargs)
            with _inherited():
                async for piece in agent(*bound.args, **bound.kwargs):
                    yield piece

        return streamed

    @functools.wraps(agent)
    def called(*args: Any, **kwargs: Any) -> Any:
        bound = governed(args, kwargs)
        with _inherited():
            return agent(*bound.args, **bound.kwargs)

    return called


def _inherited() -> AbstractContextManager[Conversation]:
    """The conversation around the agent, or a new one."""
    around = _context.current()
    return _context.conversation(around.id if around else None)
