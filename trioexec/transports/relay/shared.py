"""Shares a run's nodes out over other processes, for as long as these live.

What becomes of nodes when one of them is gone is decided here.  Nodes that it had begun with have
their outcome: it may have started their commands, and nothing is started twice.  All others go to
those that live, and where none does, this process connects by itself.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import TYPE_CHECKING

import trio

from trioexec.model.command import Command
from trioexec.model.errors import TrioexecError
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Unreachable
from trioexec.transports.base import Call, Ended, Transport

if TYPE_CHECKING:
    from trioexec.transports.relay.client import RelayTransport

__all__ = ["SharedTransport"]

_logger = logging.getLogger(__name__)


class SharedTransport:
    """`transports.base.Transport` over those of other processes."""

    def __init__(self, relays: Sequence[RelayTransport], here: Callable[[], Transport]) -> None:
        """Share nodes out over `relays`; `here` makes the transport of this process, if need be.

        It is not asked before: to import what connects takes longer than a run on connections
        that are held.
        """
        self._relays = tuple(relays)
        self._make_here = here
        self._here: _Lazy

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Open all; when left, what was started anywhere has been ended."""
        async with AsyncExitStack() as stack:
            for relay in self._relays:
                await stack.enter_async_context(relay.open())
            self._here = _Lazy(self._make_here)
            async with self._here.open():
                yield

    async def run(self, node: Node, command: Command, call: Call) -> Ended:
        """Have the command run by whoever is there for the node."""
        while (relay := self._for(node)) is not None:
            ended = await relay.run(node, command, call)
            if ended is not None:
                return ended
        return await self._here.run(node, command, call)

    async def ping(self, node: Node, call: Call) -> Ended:
        """Have the node pinged by whoever is there for it."""
        while (relay := self._for(node)) is not None:
            ended = await relay.ping(node, call)
            if ended is not None:
                return ended
        return await self._here.ping(node, call)

    def _for(self, node: Node) -> RelayTransport | None:
        living = [relay for relay in self._relays if relay.lives]
        return living[node.rank % len(living)] if living else None


class _Lazy:
    """A transport that is made and opened when the first node needs it."""

    def __init__(self, make: Callable[[], Transport]) -> None:
        self._make = make
        self._wanted = trio.Event()
        self._settled = trio.Event()
        self._over = trio.Event()
        self._made: Transport | None = None
        self._problem = ""

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._serve)
            try:
                yield
            finally:
                self._over.set()
                if not self._settled.is_set():
                    nursery.cancel_scope.cancel(reason="no call is left")

    async def _serve(self) -> None:
        await self._wanted.wait()
        _logger.info("no other process connects for this run any more: this one does")
        try:
            made = self._make()
        except TrioexecError as exc:  # the configuration was good when the run began
            self._problem = str(exc).partition("\n")[0]
            self._settled.set()
            return
        async with made.open():
            self._made = made
            self._settled.set()
            await self._over.wait()  # and no cancel: what it has open, it closes in peace

    async def run(self, node: Node, command: Command, call: Call) -> Ended:
        made = await self._get()
        return await made.run(node, command, call) if made else self._failure()

    async def ping(self, node: Node, call: Call) -> Ended:
        made = await self._get()
        return await made.ping(node, call) if made else self._failure()

    async def _get(self) -> Transport | None:
        self._wanted.set()
        await self._settled.wait()
        return self._made

    def _failure(self) -> Unreachable:
        return Unreachable(reason=self._problem)
