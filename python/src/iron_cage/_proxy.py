"""Tools that ask before they run."""

from __future__ import annotations

import functools
import inspect
from collections.abc import AsyncIterator, Callable, Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any, cast

import anyio

from iron_cage._arguments import Binding, Parameters
from iron_cage._drivers import adrive, drive
from iron_cage._steps import Call, governed
from iron_cage.errors import ContentBlocked, RateLimited

if TYPE_CHECKING:
    from iron_cage._cage import Cage

__all__ = ["ToolProxy", "describe"]


class ToolProxy:
    """A tool behind the governed path.

    Each execution goes the same way: the server decides (policy, arguments, rate, budget) and
    records that it begins, the tool runs here, and the server scans what it gave back and records
    how it ended. A refusal is an exception (`iron_cage.Refused` and below), and the tool was not run.

    It takes functions, coroutine functions, generators of both kinds, bound methods, and objects that
    can be called, or that have a method `run`, `invoke` or `execute`.
    """

    def __init__(
        self,
        tool: Any,
        cage: Cage | None = None,
        *,
        name: str | None = None,
        paths: Collection[str] = (),
        hidden: Collection[str] = (),
        attributes: Mapping[str, str] | None = None,
        approval_timeout: float | None = None,
    ) -> None:
        """
        :param tool: What runs.
        :param cage: Whom to ask; the one that the environment describes, if none is given.
        :param name: What the tool is registered as; its own name, if none is given.
        :param paths: Arguments that are paths of files, besides those annotated as `Path`. Links are
            followed before the server judges them.
        :param hidden: Arguments that are no affair of a policy, as the context of a framework.
        :param attributes: What policies may ask for besides, for every call.
        :param approval_timeout: How long to wait for an approval, in seconds; 0 raises
            `ApprovalRequired` at once. As the cage says, if nothing is given.
        """
        from iron_cage._cage import default_cage

        self.tool = tool
        self.function = _callable_of(tool)
        self.name = name or _name_of(tool)
        self.cage = cage or default_cage()
        self._parameters = Parameters(self.function, hidden=hidden, paths=paths)
        self._attributes = dict(attributes or {})
        self._approval_timeout = approval_timeout
        called = self.function if inspect.isroutine(self.function) else type(self.function).__call__
        self.is_async_generator = inspect.isasyncgenfunction(called)
        self.is_generator = inspect.isgeneratorfunction(called)
        self.is_async = inspect.iscoroutinefunction(called) or self.is_async_generator
        functools.update_wrapper(self, self.function, updated=())

    def __repr__(self) -> str:
        return f"ToolProxy({self.name!r})"

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the tool, if it may. What generators yield comes as a list.

        A coroutine function gets an event loop of its own; within a running one, await `aexecute`.
        """
        if self.is_async:
            return anyio.run(functools.partial(self.aexecute, *args, **kwargs))
        binding = self._parameters.bind(args, kwargs)
        return drive(self._steps(binding), self.cage.transport)

    async def aexecute(self, *args: Any, **kwargs: Any) -> Any:
        """Runs the tool, if it may, on any event loop; a plain function in a thread beside it."""
        binding = self._parameters.bind(args, kwargs)
        steps = self._steps(binding)
        return await adrive(steps, self.cage.transport, in_thread=not self.is_async)

    def resume(self, approval_id: str, *args: Any, **kwargs: Any) -> Any:
        """`execute` with an approval that was asked for before, for the same arguments."""
        steps = self._steps(self._parameters.bind(args, kwargs), approval_id)
        if self.is_async:
            return anyio.run(adrive, steps, self.cage.transport)
        return drive(steps, self.cage.transport)

    async def aresume(self, approval_id: str, *args: Any, **kwargs: Any) -> Any:
        """`aexecute` with an approval that was asked for before, for the same arguments."""
        steps = self._steps(self._parameters.bind(args, kwargs), approval_id)
        return await adrive(steps, self.cage.transport, in_thread=not self.is_async)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """As the tool itself is called: gives a coroutine or a generator where it would."""
        if self.is_async_generator:
            return self._astream(args, kwargs)
        if self.is_async:
            return self.aexecute(*args, **kwargs)
        if self.is_generator:
            return self._stream(args, kwargs)
        return self.execute(*args, **kwargs)

    def _stream(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[Any]:
        # Nothing is given on before all of it was scanned.
        yield from self.execute(*args, **kwargs)

    async def _astream(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> AsyncIterator[Any]:
        for piece in await self.aexecute(*args, **kwargs):
            yield piece

    def _steps(self, binding: Binding, approval_id: str | None = None) -> Any:
        call = Call(
            tool=self.name,
            arguments=binding.judged,
            approval_timeout=self.cage.wait(self._approval_timeout),
            approval_id=approval_id,
            attributes=self._attributes,
        )
        return governed(call, lambda allowed: self._run(binding.after(allowed)))

    def _run(self, values: Mapping[str, Any]) -> Any:
        came = self._parameters.call(self.function, values)
        if inspect.isgenerator(came):
            return list(cast("Iterator[Any]", came))
        if inspect.isasyncgen(came):
            return _collected(came)
        return came


async def _collected(pieces: AsyncIterator[Any]) -> list[Any]:
    return [piece async for piece in pieces]


def _callable_of(tool: Any) -> Callable[..., Any]:
    if callable(tool):
        return cast("Callable[..., Any]", tool)
    for method in ("run", "invoke", "execute"):
        if callable(found := getattr(tool, method, None)):
            return cast("Callable[..., Any]", found)
    raise TypeError(f"{tool!r} cannot be called; give a function, or an object with `run`")


def _name_of(tool: Any) -> str:
    for attribute in ("name", "__name__"):
        if isinstance(found := getattr(tool, attribute, None), str) and found:
            return found
    return type(tool).__name__


def as_function(proxy: ToolProxy) -> Callable[..., Any]:
    """A proxy as a function like the one behind it, for frameworks that look at functions."""
    original = proxy.function
    if proxy.is_async_generator:

        async def pieces(*args: Any, **kwargs: Any) -> AsyncIterator[Any]:
            async for piece in proxy(*args, **kwargs):
                yield piece

        governed: Callable[..., Any] = pieces
    elif proxy.is_async:

        async def awaited(*args: Any, **kwargs: Any) -> Any:
            return await proxy.aexecute(*args, **kwargs)

        governed = awaited
    elif proxy.is_generator:

        def yielded(*args: Any, **kwargs: Any) -> Iterator[Any]:
            yield from proxy(*args, **kwargs)

        governed = yielded
    else:

        def called(*args: Any, **kwargs: Any) -> Any:
            return proxy.execute(*args, **kwargs)

        governed = called
    functools.update_wrapper(governed, original)
    governed.tool_proxy = proxy  # type: ignore[attr-defined] # pyright: ignore[reportFunctionMemberAccess]
    return governed


def describe(error: Exception) -> str:
    """A refusal as a model should read it: what was refused, and what may help."""
    told = str(error).rstrip(".")
    rules = getattr(error, "rules", ())
    by = f" (by {', '.join(rules)})" if rules else ""
    if isinstance(error, RateLimited):
        return f"This call was not made: {told}{by}. It may be made later."
    if isinstance(error, ContentBlocked) and error.decision_id:
        return f"This call was made, but what came of it may not be shown: {told}{by}."
    return f"This call was not made: {told}{by}. Do not try it again with the same arguments."
