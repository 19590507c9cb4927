"""Connections that stay open between the commands of one process."""

from __future__ import annotations

import asyncssh  # noqa: TID251
import trio

from trioexec.model.nodes import Node
from trioexec.transports.ssh.routes import Route

__all__ = ["KeptConnections"]

_Key = tuple[object, ...]


class KeptConnections:
    """One connection a node; several commands may use it at the same time.

    Whoever has a connection, by `put` or `take`, gives it back with `release`.
    """

    def __init__(self, *, limit: int) -> None:
        """Keep at most so many; 0 keeps none."""
        self._limit = limit
        self._by_key: dict[_Key, asyncssh.SSHClientConnection] = {}
        self._since_s: dict[_Key, tuple[str, float, float]] = {}
        self._users: dict[asyncssh.SSHClientConnection, int] = {}

    def take(self, route: Route) -> asyncssh.SSHClientConnection | None:
        """Give the connection to a route's end, if there is one that is open."""
        connection = self._find(route)
        if connection is not None:
            name, since_s, _ = self._since_s[_key_of(route)]
            self._since_s[_key_of(route)] = (name, since_s, trio.current_time())
            self._users[connection] += 1
        return connection

    def put(self, route: Route, connection: asyncssh.SSHClientConnection) -> None:
        """Take a new connection in, which its maker goes on using; keep it if there is room."""
        self._users[connection] = 1
        if len(self._by_key) < self._limit and self._find(route) is None:
            key, now_s = _key_of(route), trio.current_time()
            self._by_key[key] = connection
            self._since_s[key] = (route.target.label, now_s, now_s)

    def release(self, route: Route, connection: asyncssh.SSHClientConnection) -> None:
        """End one use of a connection; the last one closes it, unless it is kept."""
        if connection not in self._users:
            return  # all was closed under a command, by who left a fleet while it ran
        self._users[connection] -= 1
        if self._users[connection] == 0 and self._by_key.get(_key_of(route)) is not connection:
            del self._users[connection]
            # Synchronous, and what is left of it happens in the loop's next turns: no
            # wait, so that a cancel which has had its grace is not held up here.
            connection.close()

    def forget(self, route: Route, connection: asyncssh.SSHClientConnection) -> None:
        """Keep a connection no longer; commands that still use it go on."""
        if self._by_key.get(_key_of(route)) is connection:
            del self._by_key[_key_of(route)]

    def ages(self) -> list[tuple[str, float, float]]:
        """Name, age and idle time in seconds of each connection that is open."""
        now_s = trio.current_time()
        return [
            (name, now_s - since_s, now_s - used_s)
            for key, (name, since_s, used_s) in self._since_s.items()
            if key in self._by_key and not self._by_key[key].is_closed()
        ]

    def close(self) -> None:
        """Close all."""
        for connection in self._users:
            connection.close()
        self._users.clear()
        self._by_key.clear()

    def _find(self, route: Route) -> asyncssh.SSHClientConnection | None:
        connection = self._by_key.get(_key_of(route)) if self._by_key else None
        if connection is None or not connection.is_closed():
            return connection
        del self._by_key[_key_of(route)]
        if self._users[connection] == 0:
            del self._users[connection]
        return None


def _key_of(route: Route) -> _Key:
    target = route.target
    hops: tuple[Node, ...] = route.hops
    # The prepared options stand for everything else that was said for the node.
    return (
        target.host,
        target.port,
        target.username,
        hops,
        route.proxy_command,
        id(target.options),
    )
