"""What the calls of one piece of work have in common, carried through threads of control."""

from __future__ import annotations

import contextlib
import secrets
import uuid
from collections.abc import Generator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field

__all__ = ["Conversation", "conversation", "current", "headers"]


@dataclass(frozen=True)
class Conversation:
    """One piece of work of an agent: model and tool calls within are recorded together."""

    #: Its name in records; what it has read decides what its tools may do afterwards.
    id: str
    #: The execution of the agent that it belongs to.
    execution_id: str | None = None
    #: For whom the agent works.
    end_user: str | None = None
    #: What policies may ask for besides.
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])
    #: The trace of W3C, 32 hexadecimal digits, where no library of tracing carries one.
    trace_id: str = field(default_factory=lambda: secrets.token_hex(16))


_current: ContextVar[Conversation | None] = ContextVar("iron_cage_conversation", default=None)


@contextlib.contextmanager
def conversation(
    id: str | None = None,
    *,
    execution_id: str | None = None,
    end_user: str | None = None,
    attributes: Mapping[str, str] | None = None,
) -> Generator[Conversation, None, None]:
    """Puts all calls within the block, also those of tasks begun there, into one conversation.

    Within another conversation, what is not given is taken from it, but for the `id`: a new one
    is made, unless you name it.
    """
    for name, value in (("id", id), ("end_user", end_user)):
        if value is not None and not (value.isascii() and value.isprintable()):
            raise ValueError(f"`{name}` travels in a header and must be printable ASCII: {value!r}")
    outer = _current.get()
    inner = Conversation(
        id=id or f"conv_{uuid.uuid4().hex}",
        execution_id=execution_id or (outer.execution_id if outer else None),
        end_user=end_user or (outer.end_user if outer else None),
        attributes={**(outer.attributes if outer else {}), **(attributes or {})},
        trace_id=outer.trace_id if outer else secrets.token_hex(16),
    )
    token = _current.set(inner)
    try:
        yield inner
    finally:
        # A generator that is closed elsewhere ends in another context, where nothing was set.
        with contextlib.suppress(ValueError):
            _current.reset(token)


def current() -> Conversation | None:
    """The conversation around this line, if there is one."""
    return _current.get()


def headers() -> dict[str, str]:
    """What tells the server of the conversation and the trace around this line."""
    found = _traced()
    known = _current.get()
    if known is None:
        return found
    found.setdefault("traceparent", f"00-{known.trace_id}-{secrets.token_hex(8)}-01")
    found["x-ironcage-conversation"] = known.id
    if known.end_user:
        found["x-ironcage-end-user"] = known.end_user
    return found


def _traced() -> dict[str, str]:
    """The span of OpenTelemetry around this line, if that library is in use."""
    try:
        from opentelemetry.propagate import inject
    except ImportError:
        return {}
    carrier: dict[str, str] = {}
    inject(carrier)
    return {name: value for name, value in carrier.items() if name in ("traceparent", "tracestate")}
