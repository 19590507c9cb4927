"""The streams of a process on a node, by trio's own checks, over SSH and through a real `cat`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
import trio
from trio.testing import check_half_closeable_stream, check_one_way_stream, check_two_way_stream

from trioexec import FleetNode, open_fleet
from trioexec.testing import open_ssh_fleet

HANG_S = 120.0
FULL_S = 0.5
"""Without a step forward for so long: everything on the way is full."""

Pipe = tuple[trio.abc.SendStream, trio.abc.ReceiveStream]
Duplex = trio.StapledStream[trio.abc.SendStream, trio.abc.ReceiveStream]

pytestmark = pytest.mark.usefixtures("nothing_left")


class Cats:
    """Makes pipes of processes on a node."""

    def __init__(self, node: FleetNode, kept: AsyncExitStack) -> None:
        self._node = node
        self._kept = kept

    async def pipe(self) -> Pipe:
        process = await self._kept.enter_async_context(self._node.open_process("exec cat"))
        await process.stderr.aclose()  # nobody reads it: when stdout is closed too, it ends
        return process.stdin, process.stdout

    async def clogged_pipe(self) -> Pipe:
        stdin, stdout = await self.pipe()
        while True:
            with trio.move_on_after(FULL_S) as scope:
                await stdin.send_all(b"x" * 1_000_000)
            if scope.cancelled_caught:
                return stdin, stdout

    async def both_ways(self) -> tuple[Duplex, Duplex]:
        return _stapled(await self.pipe(), await self.pipe())


def _stapled(there: Pipe, back: Pipe) -> tuple[Duplex, Duplex]:
    return trio.StapledStream(there[0], back[1]), trio.StapledStream(back[0], there[1])


@asynccontextmanager
async def cats() -> AsyncIterator[Cats]:
    with trio.fail_after(HANG_S):
        async with open_ssh_fleet(1, runs_commands=True) as servers:
            async with open_fleet(servers.nodes, ssh=servers.ssh_options()) as fleet:
                async with AsyncExitStack() as kept:
                    yield Cats(fleet.node("node1"), kept)


async def one_way(made: Cats) -> None:
    await check_one_way_stream(made.pipe, made.clogged_pipe)


async def two_ways(made: Cats) -> None:
    await check_two_way_stream(made.both_ways, None)  # clogged is what one way is already


async def half_closeable(made: Cats) -> None:
    await check_half_closeable_stream(made.both_ways, None)  # a staple may close while it sends


@pytest.mark.parametrize("check", [one_way, two_ways, half_closeable])
async def test_they_keep_trios_contract(check: Callable[[Cats], Awaitable[None]]) -> None:
    async with cats() as made:
        await check(made)
