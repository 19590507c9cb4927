"""Jump hosts: one connection per distinct chain, shared by all nodes behind it.

A hop is connected by a task of its own, not by the first node that needs it: that
node may be cancelled while others wait.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

import asyncssh  # noqa: TID251
import trio

from trioexec.model.nodes import Node
from trioexec.model.outcomes import Unreachable
from trioexec.transports.ssh.dial import dial
from trioexec.transports.ssh.failures import Failure, NodeFailureError, outcome_of
from trioexec.transports.ssh.handshake import authenticate
from trioexec.transports.ssh.loop import run_in_loop
from trioexec.transports.ssh.routes import Routes

__all__ = ["Hops"]

HOP_TIMEOUT_S: Final = 30.0
"""For one hop's connection; the nodes that wait for it have limits of their own."""


class _Hop:
    """A chain's last connection, on its way or there."""

    def __init__(self) -> None:
        self.settled = trio.Event()
        self.connection: asyncssh.SSHClientConnection | None = None
        self.failure: Failure | None = None

    @property
    def usable(self) -> bool:
        """Whether it is worth waiting for, or there."""
        if not self.settled.is_set():
            return True
        return self.connection is not None and not self.connection.is_closed()


class Hops:
    """The jump hosts of a run."""

    def __init__(self, routes: Routes, nursery: trio.Nursery) -> None:
        self._routes = routes
        self._nursery = nursery
        self._chains: dict[tuple[Node, ...], _Hop] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls, routes: Routes) -> AsyncIterator[Hops]:
        """Have hops; when this is left, their connections are closed."""
        async with trio.open_nursery() as nursery:
            hops = cls(routes, nursery)
            try:
                yield hops
            finally:
                for hop in hops._chains.values():
                    if hop.connection is not None:
                        hop.connection.close()
                nursery.cancel_scope.cancel(reason="no node needs a hop any more")

    async def reach(self, chain: tuple[Node, ...]) -> asyncssh.SSHClientConnection:
        """Give the connection to a chain's last hop, making it if nobody has.

        Raises:
            NodeFailureError: A hop failed; its outcome names the hop.
        """
        hop = self._chains.get(chain)
        if hop is None or not hop.usable:
            hop = self._chains[chain] = _Hop()
            self._nursery.start_soon(self._connect, chain, hop, name=f"hop {chain[-1].name}")
        await hop.settled.wait()
        if hop.connection is None:
            assert hop.failure is not None
            raise NodeFailureError(hop.failure)
        return hop.connection

    async def _connect(self, chain: tuple[Node, ...], hop: _Hop) -> None:
        name = chain[-1].name
        hop.failure = Unreachable(reason=f"jump host {name}: timed out")
        try:
            with trio.move_on_after(HOP_TIMEOUT_S):
                hop.connection = await self._shake_hands(chain)
        except NodeFailureError as exc:
            hop.failure = exc.outcome
        except Exception as exc:  # noqa: BLE001 - outcome_of raises what is not a node's failure
            hop.failure = outcome_of(exc, via=name)
        finally:
            hop.settled.set()

    async def _shake_hands(self, chain: tuple[Node, ...]) -> asyncssh.SSHClientConnection:
        route = self._routes.find(chain[-1], through=chain[:-1])
        if chain[:-1]:
            via = await self.reach(chain[:-1])
            return await run_in_loop(authenticate(route.target, via, lambda: None))
        opened = await dial(
            route.target.host,
            route.target.port,
            family=route.family,
            bind_address=route.bind_address,
        )
        return await run_in_loop(authenticate(route.target, opened, lambda: None))
