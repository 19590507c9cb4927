"""The one asyncio loop of a run: opened once round everything, entered once a node.

A quick loop of ours; where trio-asyncio has not the shape that this one knows, the
stock loop, which does the same at about twice the price.
"""
# ruff: noqa: SLF001  (with `quick_loop`, the module that knows them)

from __future__ import annotations

import asyncio  # noqa: TID251
import logging
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar, TypeVarTuple

import trio_asyncio  # noqa: TID251
from trio.lowlevel import current_trio_token

from trioexec.transports.ssh.quick_loop import QuickLoop, misfit

__all__ = ["open_loop", "run_in_loop", "run_in_trio"]

_logger = logging.getLogger(__name__)

T = TypeVar("T")
Ts = TypeVarTuple("Ts")


def _open_quick_loop() -> AbstractAsyncContextManager[asyncio.AbstractEventLoop]:
    """Run upstream's own `open_loop`, with our class where it names its own."""
    upstream = trio_asyncio.open_loop.__wrapped__
    ours = types.FunctionType(
        upstream.__code__,
        {**upstream.__globals__, "TrioEventLoop": QuickLoop},
        upstream.__name__,
        upstream.__defaults__,
        upstream.__closure__,
    )
    return asynccontextmanager(ours)()


def _current_loop() -> Any:  # noqa: ANN401
    """The loop that is open round this task, or None."""
    loop = trio_asyncio.current_loop.get()
    # A thread's own trio run inherits the variable, but cannot use the loop.
    if loop is None or not loop.is_running() or loop._token is not current_trio_token():
        return None
    return loop


@asynccontextmanager
async def open_loop() -> AsyncIterator[asyncio.AbstractEventLoop]:
    """Have an asyncio loop open: the caller's where there is one, else a quick one.

    One round everything: asyncio tasks end when it is left.
    """
    loop = _current_loop()
    if loop is not None:
        yield loop
        return
    reason = misfit()
    if reason is not None:
        _logger.info("stock trio-asyncio loop: %s", reason)
    async with trio_asyncio.open_loop() if reason else _open_quick_loop() as loop:
        yield loop


async def run_in_loop(coro: Coroutine[Any, Any, T]) -> T:
    """Run an asyncio coroutine from trio, in the loop that is open; one crossing.

    A cancel of the trio task is one `asyncio.CancelledError` in the coroutine, which is
    waited for.
    """
    loop = _current_loop()
    if loop is None:
        coro.close()
        raise RuntimeError("no loop is open: use `async with open_loop()`")
    result: T = await loop.run_aio_coroutine(coro)
    return result


async def run_in_trio(function: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
    """Run a trio function from asyncio, in a task under the loop.

    A cancel of the asyncio task cancels the trio task, which is waited for.
    """
    loop: Any = asyncio.get_running_loop()
    result: T = await loop.trio_as_future(function, *args)
    return result
