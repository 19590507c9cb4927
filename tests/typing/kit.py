"""What tests of other projects see of trioexec.testing."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import assert_type

import trioexec.testing
from trioexec import Fleet, Node, SshOptions, Unreachable, open_fleet
from trioexec.testing import (
    Answer,
    Asked,
    FakeNode,
    FakeTransport,
    Fault,
    Reply,
    Say,
    ScriptedNode,
    SshFleet,
    StartFleet,
    open_demo_fleet,
    open_ssh_fleet,
)
from trioexec.transports.base import Transport


async def count(asked: Asked) -> int:
    total = 0
    while data := await asked.read():
        assert_type(data, bytes)
        total += len(data)
        await asked.say(f"{asked.node} has {total}\n".encode(), "stderr")
    return total


def plainly(asked: Asked) -> Reply:
    return Answer(stdout=asked.command.encode(), pieces=[Say(data=b"first", after_s=0.1)])


async def serve() -> None:
    nodes: list[str | ScriptedNode] = [
        ScriptedNode(name="mapped", answers={"df": "12%\n", "uptime": Answer(code=1), "id": 0}),
        ScriptedNode(name="asked", answers=count),
        ScriptedNode(name="plain", answers=plainly),
        ScriptedNode(name="faulty", fault=Fault.SILENT, max_sessions=2),
        "by name",
    ]
    async with open_ssh_fleet(nodes, answers=b"42\n", user="ops", password="x") as servers:
        assert_type(servers, SshFleet)
        assert_type(servers.nodes, tuple[Node, ...])
        assert_type(servers.node("mapped"), Node)
        assert_type(servers.ssh_config, Path)
        assert_type(servers.ssh_options(), SshOptions)
        async with open_fleet(servers.nodes, ssh=servers.ssh_options()) as fleet:
            assert_type(fleet, Fleet)
    async with open_ssh_fleet(3, runs_commands=True) as servers:
        assert_type(servers, SshFleet)
    async with open_demo_fleet(8) as servers:
        assert_type(servers, SshFleet)


async def start(ssh_fleet: StartFleet) -> None:
    assert_type(await ssh_fleet("web[1-3]", runs_commands=True), SshFleet)


async def pretend() -> None:
    slow = FakeNode(takes_s=3600, output=((0.5, "stdout", b"x"),))
    fake = FakeTransport({"slow": slow, "gone": FakeNode(fails=Unreachable(reason="no route"))})
    transport: Transport = fake
    async with open_fleet("slow,gone", transport=transport) as fleet:
        await fleet.run("backup")
    assert_type(slow.stopped_at_s, float | None)
    assert_type(fake.nodes, dict[str, FakeNode])


def answers_are_any_of_these(answers: trioexec.testing.Answers) -> None:
    function: Callable[[Asked], Reply | Awaitable[Reply]] = count
    for each in (answers, function, {"df": 1}, 1, "text", b"bytes", Answer()):
        ScriptedNode(name="a", answers=each)
