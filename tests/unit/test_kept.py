"""Who keeps and who closes a connection, when several commands have to do with it."""

from __future__ import annotations

import socket
from types import SimpleNamespace
from typing import Any, cast

import asyncssh  # noqa: TID251
from trio.testing import MockClock

from trioexec.transports.ssh.kept import KeptConnections
from trioexec.transports.ssh.routes import Route

ROUTE = cast(
    "Route",
    SimpleNamespace(
        target=SimpleNamespace(label="n", host="n", port=22, username="u", options=object()),
        hops=(),
        proxy_command=None,
        family=socket.AF_UNSPEC,
    ),
)


class Connection:
    closed = False

    def close(self) -> None:
        self.closed = True

    def is_closed(self) -> bool:
        return self.closed


def connection() -> Any:
    return cast("asyncssh.SSHClientConnection", Connection())


def taken(kept: KeptConnections) -> object:
    return kept.take(ROUTE)


async def test_of_two_connections_made_at_once_the_first_is_kept(
    autojump_clock: MockClock,
) -> None:
    kept, first, second = KeptConnections(limit=2), connection(), connection()

    kept.put(ROUTE, first)
    kept.put(ROUTE, second)
    kept.release(ROUTE, first)
    kept.release(ROUTE, second)

    assert (first.closed, second.closed) == (False, True)
    assert taken(kept) == first


async def test_a_connection_that_is_forgotten_is_closed_by_its_last_user(
    autojump_clock: MockClock,
) -> None:
    kept, only = KeptConnections(limit=1), connection()
    kept.put(ROUTE, only)
    assert taken(kept) == only

    kept.forget(ROUTE, only)
    kept.release(ROUTE, only)
    assert not only.closed
    kept.release(ROUTE, only)

    assert only.closed
    assert taken(kept) is None


async def test_a_command_that_outlives_the_transport_ends_without_a_fuss(
    autojump_clock: MockClock,
) -> None:
    kept, only = KeptConnections(limit=1), connection()
    kept.put(ROUTE, only)

    kept.close()
    kept.release(ROUTE, only)

    assert only.closed
