"""The asyncio loop of a transport: opened once round everything, entered once a node.

A quick loop of ours; where trio-asyncio has not the shape that this one knows, the
stock loop, which does the same at about twice the price.
"""

from __future__ import annotations

import asyncio  # noqa: TID251
import logging
import types
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, TypeVar, TypeVarTuple

import trioexec.transports.ssh.plain_asyncio  # noqa: F401 - before anything imports trio-asyncio

# isort: split

import trio_asyncio  # noqa: TID251

from trioexec.transports.ssh.quick_loop import QuickLoop, misfit

__all__ = ["open_loop", "run_in_loop", "run_in_own_loop", "run_in_trio"]

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


@asynccontextmanager
async def open_loop() -> AsyncIterator[asyncio.AbstractEventLoop]:
    """Have an asyncio loop of our own; its tasks end when it is left.

    Code in the block does not see it: a loop of the caller's stays the current one, and
    another block within this one gets one more.  So none depends on who ends first.
    """
    reason = misfit()
    if reason is not None:
        _logger.info("stock trio-asyncio loop: %s", reason)
    callers = trio_asyncio.current_loop.get()
    async with trio_asyncio.open_loop() if reason else _open_quick_loop() as loop:
        seen = trio_asyncio.current_loop.set(callers)
        try:
            yield loop
        finally:
            trio_asyncio.current_loop.reset(seen)


async def run_in_loop(loop: asyncio.AbstractEventLoop, coro: Coroutine[Any, Any, T]) -> T:
    """Run an asyncio coroutine from trio, from any task, in a loop that is open; one crossing.

    A cancel of the trio task is one `asyncio.CancelledError` in the coroutine, which is
    waited for.
    """
    result: T = await loop.run_aio_coroutine(coro)  # type: ignore[attr-defined]
    return result


async def run_in_own_loop(coro: Coroutine[Any, Any, T]) -> T:
    """Run an asyncio coroutine as `run_in_loop` does, in a loop that is there for it only."""
    async with open_loop() as loop:
        return await run_in_loop(loop, coro)


async def run_in_trio(function: Callable[[*Ts], Awaitable[T]], *args: *Ts) -> T:
    """Run a trio function from asyncio, in a task under the loop.

    A cancel of the asyncio task cancels the trio task, which is waited for.
    """
    loop: Any = asyncio.get_running_loop()
    result: T = await loop.trio_as_future(function, *args)
    return result
