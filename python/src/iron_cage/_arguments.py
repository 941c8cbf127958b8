"""Arguments of a function as what a policy reads: names and values, and back."""

from __future__ import annotations

import inspect
import os
import types
import typing
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from iron_cage import _native
from iron_cage._kinds import is_a

__all__ = ["Binding", "Parameters"]

_NAMED, _MANY, _REST = (
    (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY),
    inspect.Parameter.VAR_POSITIONAL,
    inspect.Parameter.VAR_KEYWORD,
)

_ANY = inspect.signature(lambda *args, **kwargs: None)  # pyright: ignore[reportUnknownLambdaType]


@dataclass(frozen=True)
class Binding:
    """The arguments of one call."""

    #: What is judged: JSON, with the real paths of files.
    judged: dict[str, Any]
    #: What is handed to the function if nothing was changed.
    values: dict[str, Any]

    def after(self, allowed: Mapping[str, Any]) -> dict[str, Any]:
        """What is handed to the function, where guardrails have changed some of it."""
        if allowed is self.judged:
            return self.values
        kept = {name: value for name, value in self.values.items() if name not in self.judged}
        for name, value in allowed.items():
            same = name in self.judged and self.judged[name] == value
            kept[name] = self.values[name] if same else value
        return kept


class Parameters:
    """What a function can be called with."""

    def __init__(
        self, function: Callable[..., Any], *, hidden: Collection[str] = (), paths: Collection[str] = ()
    ) -> None:
        try:
            self.signature = inspect.signature(function)
        except ValueError:
            # Some functions written in C tell none.
            self.signature = _ANY
        self._hidden = frozenset(hidden)
        hints = resolved_hints(function)
        annotated = {name for name, hint in hints.items() if _is_path(hint)}
        self._paths = frozenset(paths) | annotated

    def bind(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Binding:
        """Raises `TypeError` as the call of the function would."""
        bound = self.signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values: dict[str, Any] = {}
        for name, value in bound.arguments.items():
            if self.signature.parameters[name].kind == _REST:
                values.update(value)
            else:
                values[name] = value
        return self.of(values)

    def of(self, values: Mapping[str, Any]) -> Binding:
        """The binding of arguments that have names already."""
        values = {
            name: _real_paths(value) if name in self._paths else value
            for name, value in values.items()
        }
        shown = {name: value for name, value in values.items() if name not in self._hidden}
        return Binding(_native.simplify(shown), values)

    def call(self, function: Callable[..., Any], values: Mapping[str, Any]) -> Any:
        """Calls a function with arguments by name."""
        args: list[Any] = []
        kwargs: dict[str, Any] = {}
        rest = dict(values)
        many = any(known.kind == _MANY for known in self.signature.parameters.values())
        for name, known in self.signature.parameters.items():
            if name not in rest:
                continue
            if known.kind == _MANY:
                args.extend(rest.pop(name))
            elif known.kind == inspect.Parameter.POSITIONAL_ONLY or (
                many and known.kind == inspect.Parameter.POSITIONAL_OR_KEYWORD
            ):
                args.append(rest.pop(name))
            elif known.kind != _REST:
                kwargs[name] = rest.pop(name)
        return function(*args, **kwargs, **rest)


def resolved_hints(function: Callable[..., Any]) -> dict[str, Any]:
    """The annotations of a callable; none where they cannot be resolved."""
    target = function if inspect.isroutine(function) else type(function).__call__
    try:
        return typing.get_type_hints(target)
    except (NameError, TypeError, AttributeError):
        return {}


def _is_path(hint: Any) -> bool:
    origin = typing.get_origin(hint)
    if origin in (typing.Union, types.UnionType, list, tuple, set, typing.Annotated):
        return any(_is_path(inner) for inner in typing.get_args(hint))
    hint = origin or hint
    return hint is os.PathLike or (isinstance(hint, type) and issubclass(hint, PurePath))


def _real_paths(value: Any) -> Any:
    if is_a(value, list):
        return [_real_paths(item) for item in value]
    return real_path(value) if is_a(value, (str, PurePath)) else value


def real_path(path: str | PurePath) -> str | PurePath:
    """Where a path leads on this machine, every link followed: what is judged is what is opened.

    A path that tries to climb (`..`) or to end early (NUL) stays as it is, so that it is refused.
    """
    text = os.fspath(path)
    parts = text.replace("\\", "/").split("/")
    if not text or ".." in parts or "\0" in text:
        return path
    real = os.path.realpath(text)
    return real if isinstance(path, str) else type(path)(real)
