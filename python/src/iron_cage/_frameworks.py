"""What the adapters of frameworks share."""

from __future__ import annotations

import functools
import importlib
import inspect
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from iron_cage._drivers import adrive, drive
from iron_cage._steps import Call, Form, governed
from iron_cage.errors import (
    ApprovalDenied,
    ApprovalExpired,
    ConfigurationError,
    ContentBlocked,
    Denied,
    RateLimited,
)

if TYPE_CHECKING:
    from iron_cage._cage import Cage

#: Refusals that a model is told of, so that it can go another way. Budgets that are spent, servers
#: that are away and approvals that nobody waits for are raised.
TOLD = (Denied, ApprovalDenied, ApprovalExpired, RateLimited, ContentBlocked)


def need(module: str, package: str) -> Any:
    """A module of a framework, or what to install."""
    try:
        return importlib.import_module(module)
    except ImportError as missing:
        raise ConfigurationError(f"`{module}` cannot be imported: pip install {package}") from missing


class Governance:
    """How one tool of a framework is governed."""

    def __init__(
        self,
        tool: str,
        cage: Cage | None = None,
        *,
        name: str | None = None,
        attributes: Mapping[str, str] | None = None,
        approval_timeout: float | None = None,
        hidden: frozenset[str] = frozenset(),
        form: Form | None = None,
    ) -> None:
        from iron_cage._cage import default_cage

        self.cage = cage or default_cage()
        self.name = name or tool
        self._attributes = dict(attributes or {})
        self._approval_timeout = approval_timeout
        #: Arguments that the framework adds, and no model has named.
        self._hidden = hidden
        self._form = form or Form()

    def call(self, arguments: Mapping[str, Any]) -> Call:
        """One call, by what a model has given."""
        return Call(
            tool=self.name,
            arguments=arguments,
            approval_timeout=self.cage.wait(self._approval_timeout),
            attributes=self._attributes,
        )

    def steps(self, arguments: Mapping[str, Any], run: Callable[..., Any], form: Form | None = None) -> Any:
        """One governed call of something that takes its arguments as one mapping."""
        return governed(self.call(arguments), run, form or Form())

    def run(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Runs the method of a tool in this thread."""
        return drive(self._of(original, args, kwargs), self.cage.transport)

    async def arun(self, original: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Runs the coroutine method of a tool on the event loop."""
        return await adrive(self._of(original, args, kwargs), self.cage.transport)

    def _of(self, original: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        # Tools of one text take it without a name.
        named = {"input": args[0]} if len(args) == 1 else {"args": list(args)} if args else {}
        shown = {name: value for name, value in kwargs.items() if name not in self._hidden}
        call = self.call({**named, **shown})

        def run(allowed: Mapping[str, Any]) -> Any:
            if allowed is call.arguments:
                return original(*args, **kwargs)
            changed = dict(allowed)
            positional = (changed.pop("input", args[0]),) if len(args) == 1 else args
            changed.pop("args", None)
            return original(*positional, **{**kwargs, **changed})

        return governed(call, run, self._form)

    def function(self, original: Callable[..., Any], told: Callable[[Exception], Any]) -> Any:
        """A function that runs another governed; `told` makes an answer of a refusal, or raises it."""
        if inspect.iscoroutinefunction(original):

            @functools.wraps(original)
            async def awaited(*args: Any, **kwargs: Any) -> Any:
                try:
                    return await self.arun(original, *args, **kwargs)
                except TOLD as refused:
                    return told(refused)

            return awaited

        @functools.wraps(original)
        def called(*args: Any, **kwargs: Any) -> Any:
            try:
                return self.run(original, *args, **kwargs)
            except TOLD as refused:
                return told(refused)

        return called
