from __future__ import annotations

import asyncio  # noqa: TID251
from typing import Any, cast

import pytest
import trio
import trio.testing

from trioexec.model.nodes import Node
from trioexec.transports.ssh import hops as hops_module
from trioexec.transports.ssh.dial import DialError
from trioexec.transports.ssh.failures import NodeFailureError
from trioexec.transports.ssh.hops import FAILURE_KEPT_S, SILENT_S, Hops
from trioexec.transports.ssh.loop import open_loop

HANG_S = 60.0


async def test_who_still_waits_for_a_hop_when_all_is_closed_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(*args: object) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(hops_module, "find_hop", never)
    told: list[str] = []

    async def wait(hops: Hops) -> None:
        with pytest.raises(DialError) as raised:
            await hops.reach((Node(name="bastion", host="bastion"),))
        told.append(str(raised.value))

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as waiting:
            async with Hops.open(cast("Any", None), cast("Any", None)) as hops:
                waiting.start_soon(wait, hops)
                await trio.testing.wait_all_tasks_blocked()

    assert told == ["jump host bastion: given up, as all connections are closed"]


async def test_a_hop_that_failed_is_tried_again_only_after_a_while(
    monkeypatch: pytest.MonkeyPatch, autojump_clock: trio.testing.MockClock
) -> None:
    tried_at_s: list[float] = []

    async def refuse(*args: object) -> None:
        tried_at_s.append(trio.current_time())
        raise DialError("connection refused")

    monkeypatch.setattr(hops_module, "find_hop", refuse)
    chain = (Node(name="bastion", host="bastion"),)

    async with Hops.open(cast("Any", None), cast("Any", None)) as hops:
        for _ in range(3):
            with pytest.raises(NodeFailureError, match="jump host bastion: connection refused"):
                await hops.reach(chain)
            await trio.sleep(FAILURE_KEPT_S * 0.6)

    assert tried_at_s == [0, FAILURE_KEPT_S * 1.2]


class Connection:
    """A hop's connection, as far as hops look at it."""

    def __init__(self) -> None:
        self._closed = asyncio.Event()
        self.silent_s = 0.0
        self.lives = True

    async def answers(self, limit_s: float) -> bool:
        await asyncio.sleep(0)
        self.silent_s = 0.0
        return self.lives

    def close(self) -> None:
        self._closed.set()

    def is_closed(self) -> bool:
        return self._closed.is_set()

    async def wait_closed(self) -> None:
        await self._closed.wait()


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[Connection]:
    """The connections to hops, in the order in which they were made."""
    made: list[Connection] = []

    async def shake_hands(*args: object) -> Connection:
        made.append(Connection())
        return made[-1]

    monkeypatch.setattr(Hops, "_shake_hands", shake_hands)
    return made


async def test_one_connection_serves_all_behind_a_hop_until_it_is_closed(
    made: list[Connection],
) -> None:
    chain = (Node(name="bastion", host="bastion"),)

    with trio.fail_after(HANG_S):
        async with (
            open_loop() as loop,
            Hops.open(cast("Any", None), loop) as hops,
        ):
            first, again = await hops.reach(chain), await hops.reach(chain)
            first.close()
            after = await hops.reach(chain)

    assert again is first
    assert after is not first
    assert len(made) == 2
    assert all(connection.is_closed() for connection in made)


@pytest.mark.parametrize("lives", [True, False])
async def test_a_hop_that_is_silent_is_replaced_where_it_gives_no_answer(
    made: list[Connection], *, lives: bool
) -> None:
    reached: list[object] = []
    chain = (Node(name="bastion", host="bastion"),)

    with trio.fail_after(HANG_S):
        async with (
            open_loop() as loop,
            Hops.open(cast("Any", None), loop) as hops,
        ):
            await hops.reach(chain)
            made[0].silent_s, made[0].lives = SILENT_S + 1, lives

            async def one() -> None:
                reached.append(await hops.reach(chain))

            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(one)
            left_alone = not made[0].is_closed()

    assert reached == [made[0 if lives else 1]] * 3
    assert len(made) == (1 if lives else 2)
    assert left_alone  # commands may go through it
    assert all(connection.is_closed() for connection in made)
