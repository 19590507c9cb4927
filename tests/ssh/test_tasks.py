"""Which tasks may use a fleet, and which fleet may end first: on real loops and connections."""

from __future__ import annotations

from functools import partial

import pytest
import trio
import trio_asyncio  # noqa: TID251

from trioexec.api import Fleet, open_fleet
from trioexec.model.events import NodeFinished, NodeOutput
from trioexec.model.outcomes import Cancelled, Outcome
from trioexec.testing import SshFleet, open_ssh_fleet

HANG_S = 60.0

pytestmark = pytest.mark.usefixtures("nothing_left")


async def serve(servers: SshFleet, *, task_status: trio.TaskStatus[Fleet]) -> None:
    """Have a fleet until cancelled, as a manager task would."""
    async with open_fleet(servers.nodes, ssh=servers.ssh_options()) as fleet:
        task_status.started(fleet)
        await trio.sleep_forever()


async def test_a_task_that_did_not_open_the_fleet_may_use_it() -> None:
    with trio.fail_after(HANG_S):
        async with open_ssh_fleet(2, answers="hi") as servers, trio.open_nursery() as nursery:
            fleet = await nursery.start(partial(serve, servers))
            report = await fleet.run("x")
            async with fleet.node("node1").open_process("x") as process:
                said = await process.stdout.receive_some()
            nursery.cancel_scope.cancel()

    assert [row.stdout for row in report] == [b"hi", b"hi"]
    assert said == b"hi"


async def test_a_thread_may_use_it() -> None:
    async def run(fleet: Fleet) -> bytes:
        return (await fleet.node("node1").run("x")).stdout

    with trio.fail_after(HANG_S):
        async with open_ssh_fleet(1, answers="hi") as servers:
            async with open_fleet(servers.nodes, ssh=servers.ssh_options()) as fleet:
                token = trio.lowlevel.current_trio_token()
                ask = partial(trio.from_thread.run, run, fleet, trio_token=token)
                said = await trio.to_thread.run_sync(ask)

    assert said == b"hi"


async def test_of_two_fleets_the_outer_may_end_first() -> None:
    with trio.fail_after(HANG_S):
        async with open_ssh_fleet(1, answers="hi") as servers, trio.open_nursery() as nursery:
            async with open_fleet(servers.nodes, ssh=servers.ssh_options()) as outer:
                inner = await nursery.start(partial(serve, servers))
                assert (await outer.run("x")).ok
            report = await inner.run("x")
            nursery.cancel_scope.cancel()

    assert report["node1"].stdout == b"hi"


async def test_a_command_of_another_task_is_ended_before_its_connection_goes() -> None:
    ended: list[Outcome] = []

    async def run(fleet: Fleet, *, task_status: trio.TaskStatus[None]) -> None:
        async with fleet.stream("echo up; sleep 600") as events:
            async for event in events:
                match event:
                    case NodeOutput():
                        task_status.started()
                    case NodeFinished():
                        ended.append(event.outcome)

    with trio.fail_after(HANG_S):
        async with open_ssh_fleet(1, runs_commands=True) as servers, trio.open_nursery() as nursery:
            async with open_fleet(servers.nodes, ssh=servers.ssh_options()) as fleet:
                await nursery.start(run, fleet)

    assert ended == [Cancelled(why="caller", started=True, remote="ended")]


async def test_inside_a_loop_of_the_callers() -> None:
    async with trio_asyncio.open_loop() as loop, open_ssh_fleet(1, answers="hi") as servers:
        async with open_fleet(servers.nodes, ssh=servers.ssh_options()) as fleet:
            report = await fleet.run("x")
            assert trio_asyncio.current_loop.get() is loop

    assert report["node1"].stdout == b"hi"
