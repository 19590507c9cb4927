"""The fleet in this process: what it runs for real, and what it leaves behind."""

from __future__ import annotations

import math
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import trio
import trio_asyncio  # noqa: TID251

from tests.ssh.fleet_rig import HANG_S, outcomes, run_on
from trioexec.api import open_fleet
from trioexec.model.command import Command, Limits
from trioexec.model.events import Event, NodeFinished
from trioexec.model.outcomes import (
    Cancelled,
    Exited,
    Killed,
    TimedOut,
)
from trioexec.testing import (
    Answer,
    Fault,
    ScriptedNode,
    StartFleet,
    open_ssh_fleet,
)

pytestmark = pytest.mark.usefixtures("nothing_left")


# -- commands that run ----------------------------------------------------------


async def test_real_commands_know_their_node_and_end_as_they_end() -> None:
    async with open_ssh_fleet("n[1-2]", runs_commands=True) as fleet:
        report, said = await run_on(fleet, "echo $HOSTNAME $TRIOEXEC_NODE; echo e >&2; exit 3")
        killed, _ = await run_on(fleet, "kill -USR1 $$")
        _, fed = await run_on(fleet, Command(text="cat; echo end", stdin=b"in "))
        plain, _ = await run_on(fleet, Command(text="exit 5", wrap=False))

    assert outcomes(report) == {"n1": Exited(code=3), "n2": Exited(code=3)}
    assert said["n1", "stdout"] == b"n1 n1\n"
    assert said["n2", "stdout"] == b"n2 n2\n"
    assert said["n2", "stderr"] == b"e\n"
    assert outcomes(killed)["n1"] == Killed(signal=10)
    assert fed["n1", "stdout"] == b"in end\n"
    assert outcomes(plain)["n1"] == Exited(code=5)


def running(word: str) -> list[str]:
    """Live processes with a word in their command line."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "cmdline").read_bytes()
            state = (folder / "stat").read_bytes().rpartition(b")")[2].split()[0]
        except OSError:
            continue
        if word.encode() in text and state != b"Z" and int(folder.name) != os.getpid():
            found.append(text.decode())
    return found


@pytest.mark.parametrize("stdin", [None, b"in"], ids=["guarded", "fed"])
async def test_a_stopped_run_leaves_no_real_process(stdin: bytes | None) -> None:
    word = "31536123" if stdin else "31536124"
    async with open_ssh_fleet("n[1-2]", runs_commands=True) as fleet:
        report, _ = await run_on(
            fleet,
            Command(
                text=f"trap '' TERM; sleep {word} & sleep {word}", stdin=stdin, stop_grace_s=0.2
            ),
            limits=Limits(timeout_s=0.7),
        )
        assert running(word) == []

    assert set(outcomes(report).values()) == {TimedOut(phase="command", remote="ended")}


CLIENT = """
import sys
import trio
from trioexec.api import open_fleet
from trioexec.model.command import Command
from trioexec.model.nodes import Node
from trioexec.transports.ssh.options import SshOptions

async def main():
    node = Node(name="node1", host="127.0.0.1", port=int(sys.argv[2]))
    options = SshOptions(config_file=sys.argv[1], user="tester")
    async with open_fleet([node], ssh=options) as fleet:
        await fleet.run(eval(sys.argv[3]))

trio.run(main)
"""


@pytest.mark.parametrize("wrap", [True, False], ids=["guarded", "plain"])
@pytest.mark.parametrize("stdin", [None, b"in"], ids=["null", "fed"])
async def test_a_client_that_vanishes_leaves_no_real_process(
    stdin: bytes | None, *, wrap: bool
) -> None:
    word = f"3153{int(wrap)}{int(stdin is None)}25"
    command = Command(text=f"sleep {word} & sleep {word}", stdin=stdin, wrap=wrap)

    async with open_ssh_fleet(1, runs_commands=True) as fleet:
        port = str(fleet.nodes[0].port)
        client = await trio.lowlevel.open_process(
            [sys.executable, "-c", CLIENT, str(fleet.ssh_config), port, repr(command)]
        )
        try:
            with trio.fail_after(HANG_S):
                while not running(f"sleep\0{word}"):
                    await trio.sleep(0.02)
        finally:
            client.kill()
            await client.wait()
        with trio.fail_after(HANG_S):
            while running(f"sleep\0{word}"):
                await trio.sleep(0.02)

    assert running(word) == []


# -- nothing stays --------------------------------------------------------------


class OwnError(Exception):
    pass


async def test_an_exception_of_the_block_comes_out_as_it_is() -> None:
    with pytest.raises(OwnError):
        async with open_ssh_fleet(2):
            raise OwnError


async def test_an_exception_is_not_lost_to_a_cancel_on_the_way_out() -> None:
    with pytest.raises(OwnError), trio.CancelScope() as scope:
        async with open_ssh_fleet(2):
            scope.cancel()
            raise OwnError


@pytest.mark.parametrize("runs_commands", [True, False], ids=["real", "scripted"])
async def test_a_cancelled_fleet_leaves_nothing_of_what_is_under_way(
    *, runs_commands: bool
) -> None:
    word = f"315361{int(runs_commands)}8"
    with trio.move_on_after(1.5) as scope:
        async with (
            open_ssh_fleet(
                3, runs_commands=runs_commands, answers=Answer(takes_s=math.inf)
            ) as fleet,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(run_on, fleet, f"sleep {word} & sleep {word}")
            await trio.sleep_forever()

    assert scope.cancelled_caught
    assert running(word) == []
    assert not fleet.client_key.exists()


async def test_the_ports_are_closed_afterwards() -> None:
    async with open_ssh_fleet(
        [
            "a",
            ScriptedNode(name="b", fault=Fault.SILENT),
            ScriptedNode(name="c", fault=Fault.REFUSES),
        ]
    ) as fleet:
        pass

    for node in fleet.nodes:
        with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
            probe.connect((node.host, node.port))


async def test_a_fleet_lives_inside_the_callers_loop() -> None:
    async with trio_asyncio.open_loop() as loop:
        async with open_ssh_fleet(1, answers="hi") as fleet:
            assert trio_asyncio.current_loop.get() is loop
            report, said = await run_on(fleet, "x")
        assert loop.is_running()

    assert report.ok
    assert said == {("node1", "stdout"): b"hi"}


async def test_two_fleets_at_once_do_not_know_each_other() -> None:
    async with open_ssh_fleet(2, answers="one") as one, open_ssh_fleet(2, answers="two") as two:
        _, said_one = await run_on(one, "x")
        _, said_two = await run_on(two, "x")
        ports = {node.port for node in (*one.nodes, *two.nodes)}

    assert set(said_one.values()) == {b"one"}
    assert set(said_two.values()) == {b"two"}
    assert len(ports) == 4


async def test_a_fleet_outlives_the_callers_cancel_no_longer_than_its_grace() -> None:
    """A client that is connected and does nothing does not hold the fleet up."""
    with trio.fail_after(HANG_S):
        async with open_ssh_fleet(1, answers=Answer(takes_s=math.inf)) as fleet:
            node = fleet.nodes[0]
            stream = await trio.open_tcp_stream(node.host, node.port or 0)
            assert await stream.receive_some(7) == b"SSH-2.0"
        await stream.aclose()


# -- the fixture ----------------------------------------------------------------


async def test_the_fixture_starts_fleets_for_the_length_of_a_test(ssh_fleet: StartFleet) -> None:
    web = await ssh_fleet("web[1-2]", answers={"id": "web"})
    db = await ssh_fleet([ScriptedNode(name="db", answers="db")])

    async with open_fleet([*web.nodes, *db.nodes], ssh=web.ssh_options()) as fleet:
        report = await fleet.only([fleet.nodes[0]]).run("id")

    assert [row.stdout for row in report] == [b"web"]
    assert [node.name for node in db.nodes] == ["db"]


def test_importing_the_plugin_imports_neither_asyncssh_nor_trio_asyncio() -> None:
    code = (
        "import sys, trioexec.testing.fixtures;"
        "print([m for m in ('asyncssh', 'trio_asyncio') if m in sys.modules])"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)

    assert done.stdout == b"[]\n"


def test_a_cancel_from_outside_finds_the_nodes_still_listening() -> None:
    """They hear their clients' goodbyes, and confirm."""
    events: list[Event] = []

    async def main() -> None:
        with trio.move_on_after(1):
            async with open_ssh_fleet(1, answers=Answer(takes_s=math.inf)) as fleet:
                await run_on(fleet, "x", on_event=lambda event, _: events.append(event))

    trio.run(main)

    finished = [event.outcome for event in events if isinstance(event, NodeFinished)]
    assert finished == [Cancelled(why="caller", started=True, remote="ended")]


async def test_a_fleet_that_is_cancelled_before_it_is_open_opens_not() -> None:
    with trio.fail_after(HANG_S), trio.CancelScope() as scope:
        scope.cancel()
        async with open_ssh_fleet(1):
            pytest.fail("it opened")

    assert scope.cancelled_caught
