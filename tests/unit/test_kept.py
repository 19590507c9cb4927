"""Who keeps and who closes a connection, when several commands have to do with it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import asyncssh  # noqa: TID251
import pytest
from trio.testing import MockClock

from trioexec.transports.ssh.dial import Way
from trioexec.transports.ssh.kept import KeptConnections
from trioexec.transports.ssh.routes import Route


def _route(host: str) -> Route:
    target = SimpleNamespace(label=host, host=host, port=22, username="u", options=object())
    return cast("Route", SimpleNamespace(target=target, hops=(), way=Way(host=host, port=22)))


ROUTE = _route("n")


class Connection:
    closed = False

    def close(self) -> None:
        self.closed = True

    def is_closed(self) -> bool:
        return self.closed


def connection() -> Any:
    return cast("asyncssh.SSHClientConnection", Connection())


def taken(kept: KeptConnections) -> object:
    lease = kept.take(ROUTE)
    return lease and lease.connection


async def test_of_two_connections_made_at_once_the_first_is_kept(
    autojump_clock: MockClock,
) -> None:
    kept, first, second = KeptConnections(limit=2), connection(), connection()

    leases = kept.put(ROUTE, first), kept.put(ROUTE, second)
    for lease in leases:
        lease.release()

    assert (first.closed, second.closed) == (False, True)
    assert taken(kept) == first


async def test_a_connection_that_is_forgotten_is_closed_by_its_last_user(
    autojump_clock: MockClock,
) -> None:
    kept, only = KeptConnections(limit=1), connection()
    leases = kept.put(ROUTE, only), kept.take(ROUTE)
    assert leases[1] is not None

    leases[0].forget()
    leases[0].release()
    leases[0].release()
    assert not only.closed
    leases[1].release()

    assert only.closed
    assert taken(kept) is None


async def test_a_command_that_outlives_the_transport_ends_without_a_fuss(
    autojump_clock: MockClock,
) -> None:
    kept, only = KeptConnections(limit=1), connection()
    lease = kept.put(ROUTE, only)

    kept.close()
    lease.release()

    assert only.closed
    assert not lease.give_up()


async def test_a_connection_that_one_command_gives_up_is_closed_when_the_others_are_over(
    autojump_clock: MockClock,
) -> None:
    kept, only = KeptConnections(limit=1), connection()
    first, second = kept.put(ROUTE, only), kept.take(ROUTE)
    assert second is not None

    assert first.give_up()
    first.release()  # the end of a use that is over already
    assert not only.closed
    assert taken(kept) is None
    second.release()

    assert only.closed


async def test_a_connection_that_all_give_up_is_closed_at_once(
    autojump_clock: MockClock,
) -> None:
    kept, only = KeptConnections(limit=1), connection()
    first, second = kept.put(ROUTE, only), kept.take(ROUTE)
    assert second is not None

    used = first.give_up(), second.give_up()

    assert used == (True, False)
    assert only.closed


@pytest.mark.parametrize("limit", [0, 1, 2])
async def test_no_more_are_kept_than_may_be(autojump_clock: MockClock, *, limit: int) -> None:
    kept, made = KeptConnections(limit=limit), [connection() for _ in range(3)]
    routes = [_route(f"n{number}") for number in range(3)]

    for route, each in zip(routes, made, strict=True):
        kept.put(route, each).release()

    assert [each.closed for each in made] == [number >= limit for number in range(3)]
    assert len(kept.ages()) == limit


async def test_the_dead_make_room_though_nobody_asks_for_their_nodes(
    autojump_clock: MockClock,
) -> None:
    kept, gone, used = KeptConnections(limit=2), connection(), connection()
    kept.put(_route("gone"), gone).release()
    user = kept.put(_route("used"), used)
    gone.close()
    used.close()

    kept.drop_dead()
    only = connection()
    kept.put(ROUTE, only).release()

    assert taken(kept) == only
    assert not only.closed
    assert [name for name, _, _ in kept.ages()] == ["n"]
    assert list(kept._users) == [used, only]
    user.release()
    assert list(kept._users) == [only]
