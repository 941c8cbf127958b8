"""What does the steps: in a thread, or on any event loop."""

from __future__ import annotations

import contextlib
import contextvars
import inspect
import os
import threading
import time
import weakref
from collections.abc import Generator
from typing import Any, TypeVar, cast

import anyio
import anyio.lowlevel
import anyio.to_thread
import httpx2 as httpx

from iron_cage import _context
from iron_cage._steps import Answer, Pause, Run, Send, Step
from iron_cage.errors import Unavailable

T = TypeVar("T")

_transports: weakref.WeakSet[Transport] = weakref.WeakSet()


class Transport:
    """The way to one server: a client for threads, and one for each event loop.

    Clients are made when first needed. A process that was forked makes its own: connections
    shared with the parent would mix up answers.
    """

    def __init__(self, url: str, token: str, timeout: float, **options: Any) -> None:
        self._url = url
        self._options: dict[str, Any] = {
            "base_url": url,
            "timeout": timeout,
            "headers": {"authorization": f"Bearer {token}", "content-type": "application/json"},
            "limits": httpx.Limits(max_connections=None, max_keepalive_connections=100),
            **options,
        }
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._of_loop = anyio.lowlevel.RunVar[httpx.AsyncClient]("iron_cage_client")
        _transports.add(self)

    def forget(self) -> None:
        """Drops the clients without touching their connections, which belong to another process."""
        self._lock = threading.Lock()
        self._client = None
        self._of_loop = anyio.lowlevel.RunVar[httpx.AsyncClient]("iron_cage_client")

    def close(self) -> None:
        with self._lock:
            client, self._client = self._client, None
        if client is not None:
            client.close()

    async def aclose(self) -> None:
        self.close()
        with contextlib.suppress(LookupError):
            await self._of_loop.get().aclose()

    def _sync_client(self) -> httpx.Client:
        with self._lock:
            if self._client is None:
                self._client = httpx.Client(**self._options)
            return self._client

    def _async_client(self) -> httpx.AsyncClient:
        try:
            client = self._of_loop.get()
        except LookupError:
            client = None
        if client is None or client.is_closed:
            client = httpx.AsyncClient(**self._options)
            self._of_loop.set(client)
        return client

    def _unavailable(self, error: Exception) -> Unavailable:
        away = Unavailable(
            f"{self._url} gave no answer ({type(error).__name__}: {error}); "
            "nothing runs without a decision, so check the URL and the server"
        )
        # Where no connection was made, nothing has arrived.
        away.unsent = isinstance(error, (httpx.ConnectError, httpx.ConnectTimeout))
        return away

    def send(self, step: Send) -> Answer:
        try:
            answer = self._sync_client().request(step.method, step.path, **_request(step))
        except httpx.TransportError as error:
            raise self._unavailable(error) from error
        return _answer(answer)

    async def asend(self, step: Send) -> Answer:
        client = self._async_client()
        try:
            if not step.shielded:
                answer = await client.request(step.method, step.path, **_request(step))
            else:
                with anyio.fail_after(5, shield=True):
                    answer = await client.request(step.method, step.path, **_request(step))
        except (httpx.TransportError, TimeoutError) as error:
            raise self._unavailable(error) from error
        return _answer(answer)


def _request(step: Send) -> dict[str, Any]:
    request: dict[str, Any] = {"headers": {**_context.headers(), **step.headers}}
    if step.body:
        request["content"] = step.body
    if step.timeout is not None:
        request["timeout"] = step.timeout
    return request


def _answer(answer: httpx.Response) -> Answer:
    after = answer.headers.get("retry-after", "")
    return Answer(
        status=answer.status_code,
        body=answer.content,
        request_id=answer.headers.get("x-request-id"),
        retry_after=float(after) if after.isdigit() else None,
    )


def drive(steps: Generator[Step, Any, T], transport: Transport) -> T:
    """Does the steps in this thread."""
    try:
        step = next(steps)
        while True:
            try:
                match step:
                    case Send():
                        came: Any = transport.send(step)
                    case Pause():
                        came = None
                        time.sleep(step.seconds)
                    case Run():
                        came = step.call()
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(came)
    except StopIteration as end:
        return cast("T", end.value)


async def adrive(
    steps: Generator[Step, Any, T], transport: Transport, *, in_thread: bool = False
) -> T:
    """Does the steps on the event loop; with `in_thread` the tool runs beside it."""
    try:
        step = next(steps)
        while True:
            try:
                match step:
                    case Send():
                        came: Any = await transport.asend(step)
                    case Pause():
                        came = None
                        await anyio.sleep(step.seconds)
                    case Run():
                        came = await _run(step, in_thread)
            except BaseException as error:
                step = steps.throw(error)
            else:
                step = steps.send(came)
    except StopIteration as end:
        return cast("T", end.value)


async def _run(step: Run, in_thread: bool) -> Any:
    if in_thread:
        context = contextvars.copy_context()
        came = await anyio.to_thread.run_sync(lambda: context.run(step.call))
    else:
        came = step.call()
    return await came if inspect.isawaitable(came) else came


def _after_fork() -> None:
    for transport in list(_transports):
        transport.forget()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)
