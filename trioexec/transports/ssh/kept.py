"""Connections that stay open between the commands of one process."""

from __future__ import annotations

import asyncssh  # noqa: TID251
import trio

from trioexec.model.nodes import Node
from trioexec.transports.ssh.routes import Route

__all__ = ["KeptConnections", "Lease"]

_Key = tuple[object, ...]


class Lease:
    """One command's use of a connection, which others may use at the same time."""

    __slots__ = ("_kept", "_over", "_route", "connection")

    def __init__(
        self, kept: KeptConnections, route: Route, connection: asyncssh.SSHClientConnection
    ) -> None:
        self.connection: asyncssh.SSHClientConnection = connection
        self._kept = kept
        self._route = route
        self._over = False

    def release(self) -> None:
        """End the use; the last one closes the connection, unless it is kept. Once is enough."""
        if not self._over:
            self._over = True
            self._kept._release(self._route, self.connection)  # noqa: SLF001 - its other half

    def forget(self) -> None:
        """Have the connection kept no longer; commands that still use it go on."""
        self._kept._forget(self._route, self.connection)  # noqa: SLF001 - its other half

    def give_up(self) -> bool:
        """Have the connection closed: now, or, where other commands use it, when these are over.

        Returns:
            Whether others use it, so that it is still open.
        """
        self.forget()
        self.release()
        return self._kept._is_used(self.connection)  # noqa: SLF001 - its other half


class KeptConnections:
    """One connection a node; several commands may use it at the same time.

    Whoever has a connection has a lease of it, by `put` or `take`, and ends that.
    """

    def __init__(self, *, limit: int) -> None:
        """Keep at most so many; 0 keeps none."""
        self._limit = limit
        self._by_key: dict[_Key, asyncssh.SSHClientConnection] = {}
        self._since_s: dict[_Key, tuple[str, float, float]] = {}
        self._users: dict[asyncssh.SSHClientConnection, int] = {}

    def take(self, route: Route) -> Lease | None:
        """Lease the connection to a route's end, if there is one that is open."""
        connection = self._find(route)
        if connection is None:
            return None
        name, since_s, _ = self._since_s[_key_of(route)]
        self._since_s[_key_of(route)] = (name, since_s, trio.current_time())
        self._users[connection] += 1
        return Lease(self, route, connection)

    def put(self, route: Route, connection: asyncssh.SSHClientConnection) -> Lease:
        """Take a new connection in, which its maker goes on using; keep it if there is room."""
        self._users[connection] = 1
        if len(self._by_key) < self._limit and self._find(route) is None:
            key, now_s = _key_of(route), trio.current_time()
            self._by_key[key] = connection
            self._since_s[key] = (route.target.label, now_s, now_s)
        return Lease(self, route, connection)

    def _release(self, route: Route, connection: asyncssh.SSHClientConnection) -> None:
        if connection not in self._users:
            return  # all was closed under a command, by who left a fleet while it ran
        self._users[connection] -= 1
        if self._users[connection] == 0 and self._by_key.get(_key_of(route)) is not connection:
            del self._users[connection]
            # Synchronous, and what is left of it happens in the loop's next turns: no
            # wait, so that a cancel which has had its grace is not held up here.
            connection.close()

    def _forget(self, route: Route, connection: asyncssh.SSHClientConnection) -> None:
        if self._by_key.get(_key_of(route)) is connection:
            del self._by_key[_key_of(route)]

    def _is_used(self, connection: asyncssh.SSHClientConnection) -> bool:
        return connection in self._users

    def ages(self) -> list[tuple[str, float, float]]:
        """Name, age and idle time in seconds of each connection that is open."""
        now_s = trio.current_time()
        return [
            (name, now_s - since_s, now_s - used_s)
            for key, (name, since_s, used_s) in self._since_s.items()
            if key in self._by_key and not self._by_key[key].is_closed()
        ]

    def drop_dead(self) -> None:
        """Let those go that are closed: their nodes may be asked for never again."""
        for key, connection in tuple(self._by_key.items()):
            self._drop_if_dead(key, connection)
        self._since_s = {key: self._since_s[key] for key in self._by_key}

    def close(self) -> None:
        """Close all."""
        for connection in self._users:
            connection.close()
        self._users.clear()
        self._by_key.clear()

    def _find(self, route: Route) -> asyncssh.SSHClientConnection | None:
        connection = self._by_key.get(_key_of(route)) if self._by_key else None
        if connection is None or self._drop_if_dead(_key_of(route), connection):
            return None
        return connection

    def _drop_if_dead(self, key: _Key, connection: asyncssh.SSHClientConnection) -> bool:
        if not connection.is_closed():
            return False
        del self._by_key[key]
        if self._users[connection] == 0:
            del self._users[connection]
        return True


def _key_of(route: Route) -> _Key:
    target = route.target
    hops: tuple[Node, ...] = route.hops
    # The prepared options stand for everything else that was said for the node.
    return (
        target.host,
        target.port,
        target.username,
        hops,
        route.way.proxy_command,
        id(target.options),
    )
