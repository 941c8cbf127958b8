"""Questions about the class of a value whose type nobody knows before."""

from __future__ import annotations

from typing import Any


def is_a(value: object, kind: Any) -> bool:
    """`isinstance`, without telling a type checker what it cannot know of the contents."""
    return isinstance(value, kind)


def class_of(value: object) -> Any:
    """The class of a value."""
    return type(value)
