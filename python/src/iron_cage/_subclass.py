"""Tools of frameworks that are objects: a copy whose class runs them governed."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from iron_cage._kinds import class_of


def twin(tool: Any, governance: Any, methods: Mapping[str, Callable[..., Any]]) -> Any:
    """A copy of a tool in a class below its own, which has these functions for methods.

    All else stays: schemas, callbacks, what the framework asks of its class. The functions get no
    `self`; they are made of the methods of the tool itself, so that what one of those calls of
    another is not governed twice.
    """
    kind = class_of(tool)
    namespace: dict[str, Any] = {
        "__module__": __name__,
        "__doc__": kind.__doc__,
        "__annotations__": {"tool_proxy": ClassVar[Any]},
        "tool_proxy": governance,
    }
    for name, function in methods.items():
        namespace[name] = _method(getattr(tool, name), function)
    below = class_of(kind)
    copied = tool.model_copy() if hasattr(tool, "model_copy") else copy.copy(tool)
    copied.__class__ = below(f"Governed{kind.__name__}", (kind,), namespace)
    return copied


def _method(original: Callable[..., Any], function: Callable[..., Any]) -> Callable[..., Any]:
    # Frameworks look at the signature of a method to learn what to pass to it.
    @functools.wraps(getattr(original, "__func__", original))
    def method(_: Any, *args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs)

    return method
