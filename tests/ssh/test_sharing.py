"""Several commands on one connection: how one of them ends is not the others' affair."""

from __future__ import annotations

import asyncio  # noqa: TID251
import math
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import trio

from trioexec.api import Fleet, open_fleet
from trioexec.model.command import Command
from trioexec.model.outcomes import Cancelled, Exited, Outcome
from trioexec.testing import Answer, Asked, ScriptedNode, open_ssh_fleet
from trioexec.testing import server as server_module

HANG_S = 60.0

pytestmark = pytest.mark.usefixtures("nothing_left")


async def until(holds: Callable[[], bool]) -> None:
    with trio.fail_after(HANG_S):
        while not holds():
            await trio.sleep(0.01)


class Answers:
    """A node on which "long" runs until it is let go, and all else until it is stopped.

    But for "deaf", which nothing stops.
    """

    def __init__(self) -> None:
        self.running: list[str] = []
        self.let_go = trio.Event()
        self.let_go_deaf = trio.Event()

    async def __call__(self, asked: Asked) -> Answer:
        self.running.append(asked.command)
        if asked.command == "long":
            await self.let_go.wait()
            return Answer()
        if asked.command == "deaf":
            with trio.CancelScope(shield=True):
                await self.let_go_deaf.wait()
        return Answer(takes_s=math.inf)

    async def are_running(self, *commands: str) -> None:
        await until(lambda: not set(commands) - set(self.running))


async def beside_a_long_one(
    fleet: Fleet, answers: Answers, do: Callable[[], Awaitable[object]]
) -> Outcome:
    """Do something while another command runs on the node; give how that one ended."""
    ended: list[Outcome] = []

    async def run_long() -> None:
        ended.append((await fleet.run("long")).results[0].outcome)

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run_long)
            await answers.are_running("long")
            await do()
            assert not ended
            answers.let_go.set()
    return ended[0]


async def test_a_stop_that_finds_no_session_free_leaves_the_others_running() -> None:
    answers = Answers()
    node = ScriptedNode(name="a", answers=answers, max_sessions=2)
    stopped: list[Outcome] = []

    async with open_ssh_fleet([node]) as ssh:
        async with open_fleet(ssh.nodes, ssh=ssh.ssh_options()) as fleet:

            async def stop_a_fed_one() -> None:
                async with fleet.node("a").open_process("cat") as process:
                    await answers.are_running("cat")
                    process.terminate()
                    stopped.append(await process.wait())

            outcome = await beside_a_long_one(fleet, answers, stop_a_fed_one)

    assert outcome == Exited(code=0)
    assert stopped == [Cancelled(why="caller", started=True, remote="ended")]


async def test_a_command_that_does_not_end_leaves_the_others_running() -> None:
    answers = Answers()
    node = ScriptedNode(name="a", answers=answers)
    stopped: list[Outcome] = []

    async with open_ssh_fleet([node]) as ssh:
        async with open_fleet(ssh.nodes, ssh=ssh.ssh_options()) as fleet:

            async def stop_a_deaf_one() -> None:
                deaf = Command(text="deaf", stop_grace_s=0.0)
                async with fleet.node("a").open_process(deaf) as process:
                    await answers.are_running("deaf")
                    process.terminate()
                    stopped.append(await process.wait())

            outcome = await beside_a_long_one(fleet, answers, stop_a_deaf_one)
        answers.let_go_deaf.set()

    assert outcome == Exited(code=0)
    assert stopped == [Cancelled(why="caller", started=True, remote="not confirmed")]


async def test_a_channel_that_is_confirmed_when_nobody_waits_for_it_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    gate: list[asyncio.Event] = []
    asked_for = trio.Event()
    servers: list[Any] = []
    opened: list[object] = []
    session_requested = server_module._Server.session_requested

    def now(server: Any) -> object:
        opened.append(server)
        return session_requested(server)

    async def late(server: Any) -> object:
        gate.append(asyncio.Event())
        asked_for.set()
        await gate[0].wait()
        return now(server)

    def requested(server: Any) -> object:
        servers.append(server)
        return now(server) if len(servers) == 1 else late(server)

    monkeypatch.setattr(server_module._Server, "session_requested", requested)

    async with open_ssh_fleet("a", answers=Answer(takes_s=math.inf)) as ssh:
        async with open_fleet(ssh.nodes, ssh=ssh.ssh_options()) as fleet:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fleet.run, "x")
                await until(lambda: bool(opened))
                async with trio.open_nursery() as second:
                    second.start_soon(fleet.run, "y")
                    await asked_for.wait()
                    second.cancel_scope.cancel()
                gate[0].set()
                await until(lambda: len(opened) == 2 and servers[0]._open_sessions == 1)
                nursery.cancel_scope.cancel()

    assert servers[0] is servers[1]
