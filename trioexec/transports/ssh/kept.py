"""Connections that stay open between the commands of one process."""

from __future__ import annotations

import asyncssh  # noqa: TID251
import trio

from trioexec.model.nodes import Node
from trioexec.transports.ssh.routes import Route

__all__ = ["KeptConnections"]

_Key = tuple[object, ...]


class KeptConnections:
    """One connection a node; several commands may use it at the same time."""

    def __init__(self, *, limit: int) -> None:
        """Keep at most so many; 0 keeps none."""
        self._limit = limit
        self._by_key: dict[_Key, asyncssh.SSHClientConnection] = {}
        self._since_s: dict[_Key, tuple[str, float, float]] = {}

    def take(self, route: Route) -> asyncssh.SSHClientConnection | None:
        """Give the connection to a route's end, if there is one that is open."""
        if not self._by_key:
            return None
        key = _key_of(route)
        connection = self._by_key.get(key)
        if connection is None or connection.is_closed():
            return None
        name, since_s, _ = self._since_s[key]
        self._since_s[key] = (name, since_s, trio.current_time())
        return connection

    def put(self, route: Route, connection: asyncssh.SSHClientConnection) -> bool:
        """Keep a connection; says whether it is kept, and so not the caller's to close."""
        if len(self._by_key) >= self._limit or self.take(route) is not None:
            return False
        key, now_s = _key_of(route), trio.current_time()
        self._by_key[key] = connection
        self._since_s[key] = (route.target.label, now_s, now_s)
        return True

    def ages(self) -> list[tuple[str, float, float]]:
        """Name, age and idle time in seconds of each connection that is open."""
        now_s = trio.current_time()
        return [
            (name, now_s - since_s, now_s - used_s)
            for key, (name, since_s, used_s) in self._since_s.items()
            if key in self._by_key and not self._by_key[key].is_closed()
        ]

    def forget(self, route: Route, connection: asyncssh.SSHClientConnection) -> None:
        """Keep a connection no longer; closes it where no command uses it."""
        if self._by_key.get(_key_of(route)) is connection:
            del self._by_key[_key_of(route)]
            connection.close()

    def close(self) -> None:
        """Close all."""
        for connection in self._by_key.values():
            connection.close()
        self._by_key.clear()


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
