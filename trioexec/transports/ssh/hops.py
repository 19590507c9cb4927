"""Jump hosts: one connection per distinct chain, shared by all nodes behind it.

A hop is connected by a task of its own, not by the first node that needs it: that
node may be cancelled while others wait.
"""

from __future__ import annotations

import asyncio  # noqa: TID251
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager, nullcontext
from typing import Final

import asyncssh  # noqa: TID251
import trio

from trioexec.model.command import DEFAULT_CONNECT_TIMEOUT_S
from trioexec.model.nodes import Node
from trioexec.transports.ssh.dial import open_way
from trioexec.transports.ssh.failures import DialError, NodeFailureError, behind
from trioexec.transports.ssh.handshake import authenticate
from trioexec.transports.ssh.lean import LeanConnection
from trioexec.transports.ssh.lookups import find_hop
from trioexec.transports.ssh.loop import run_in_loop
from trioexec.transports.ssh.routes import Routes

__all__ = ["Hops"]

FAILURE_KEPT_S: Final = 10.0
"""How long a hop that failed is not tried again: many nodes behind it come one after the other,
and a bastion counts failed logins."""


SILENT_S: Final = 5.0
"""After so long without a word from a hop it is asked whether it is there: its connection may
have died in silence, and without an answer through it nobody knows who does not give it."""

ANSWER_LIMIT_S: Final = 3.0
"""How long the hop may take to say so."""


class _Hop:
    """A chain's last connection, on its way or there."""

    def __init__(self) -> None:
        self.settled = trio.Event()
        self.connection: LeanConnection | None = None
        self.dead = False
        """Whether it gives no answer any more; what goes through it is left alone."""
        self.failure: NodeFailureError | None = None
        self.failed_at_s = 0.0

    @property
    def usable(self) -> bool:
        """Whether it is worth waiting for, or there, or has failed just now."""
        if not self.settled.is_set():
            return True
        if self.connection is None:
            return trio.current_time() - self.failed_at_s < FAILURE_KEPT_S
        return not self.dead and not self.connection.is_closed()

    @property
    def is_silent(self) -> bool:
        """Whether its connection is there, and may be dead."""
        connection = self.connection if self.settled.is_set() else None
        return connection is not None and connection.silent_s > SILENT_S


class Hops:
    """The jump hosts of a run."""

    def __init__(
        self, routes: Routes, nursery: trio.Nursery, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._routes = routes
        self._loop = loop
        self._nursery = nursery
        self._chains: dict[tuple[Node, ...], _Hop] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, routes: Routes, loop: asyncio.AbstractEventLoop) -> AsyncIterator[Hops]:
        """Have hops; when this is left, their connections are closed."""
        async with trio.open_nursery() as nursery:
            hops = cls(routes, nursery, loop)
            try:
                yield hops
            finally:
                nursery.cancel_scope.cancel(reason="no node needs a hop any more")

    def forget_failures(self) -> None:
        """Have hops tried again that have failed, however lately."""
        self._chains = {
            chain: hop
            for chain, hop in self._chains.items()
            if hop.connection is not None or not hop.settled.is_set()
        }

    async def reach(self, chain: tuple[Node, ...]) -> asyncssh.SSHClientConnection:
        """Give the connection to a chain's last hop, making it if nobody has.

        Raises:
            NodeFailureError: A hop failed; its outcome names the hop.
            DialError: It was given up, because the transport closes.
        """
        hop = await self._settled(chain)
        while hop.dead:
            hop = await self._settled(chain)
        if hop.connection is None:
            if hop.failure is None:
                raise DialError(
                    f"jump host {chain[-1].name}: given up, as all connections are closed"
                )
            raise NodeFailureError(hop.failure.outcome) from hop.failure.__cause__
        return hop.connection

    async def _settled(self, chain: tuple[Node, ...]) -> _Hop:
        hop = self._chains.get(chain)
        if hop is None or not hop.usable:
            hop = self._chains[chain] = _Hop()
            self._nursery.start_soon(self._connect, chain, hop, name=f"hop {chain[-1].name}")
        elif hop.is_silent:
            hop.settled = trio.Event()
            self._nursery.start_soon(self._prove, hop, name=f"hop {chain[-1].name}")
        await hop.settled.wait()
        return hop

    async def _prove(self, hop: _Hop) -> None:
        assert hop.connection is not None
        try:
            hop.dead = not await run_in_loop(self._loop, hop.connection.answers(ANSWER_LIMIT_S))
        finally:
            hop.settled.set()

    async def _connect(self, chain: tuple[Node, ...], hop: _Hop) -> None:
        try:
            via = await self.reach(chain[:-1]) if chain[:-1] else None
            try:
                async with AsyncExitStack() as stack:
                    hop.connection = await self._shake_hands(chain, via, stack)
                    stack.callback(hop.connection.close)
                    hop.settled.set()
                    # What a ProxyCommand has started lives as long as what goes through it.
                    await run_in_loop(self._loop, hop.connection.wait_closed())
            except Exception as exc:
                raise behind(chain[-1].name, exc) from exc
        except NodeFailureError as exc:
            hop.failure, hop.failed_at_s = exc, trio.current_time()
        finally:
            hop.settled.set()

    async def _shake_hands(
        self,
        chain: tuple[Node, ...],
        via: asyncssh.SSHClientConnection | None,
        stack: AsyncExitStack,
    ) -> LeanConnection:
        route = await find_hop(self._routes, chain)
        limit_s = route.connect_timeout_s or DEFAULT_CONNECT_TIMEOUT_S
        doing = "connecting"

        def reached_auth() -> None:
            nonlocal doing
            doing = "authenticating"

        def awaits(step: str) -> None:
            nonlocal doing
            if doing != "authenticating":
                doing = f"connecting ({step})"

        with trio.move_on_after(limit_s):
            if via is not None:
                return await run_in_loop(
                    self._loop, authenticate(route.target, via, reached_auth, awaits)
                )
            opened = await stack.enter_async_context(
                open_way(route.way, _nobody_in_a_hurry, awaits)
            )
            try:
                return await run_in_loop(
                    self._loop, authenticate(route.target, opened, reached_auth, awaits)
                )
            except BaseException:
                opened.close()  # cancelled before its first step, it never heard of the socket
                raise
        raise DialError(f"timed out {doing} after {limit_s:g} s")


def _nobody_in_a_hurry(_cut: Callable[[], None]) -> AbstractContextManager[None]:
    """Have a goodbye that nothing cuts short: it is a second at most."""
    return nullcontext()
