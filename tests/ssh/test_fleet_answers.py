"""What the nodes of a fleet in this process answer, and how they fail."""

from __future__ import annotations

import math
from functools import partial
from typing import Any

import pytest
import trio
from msgspec.structs import replace

from tests.ssh.fleet_rig import HANG_S, outcomes, run_on
from trioexec.api import open_fleet
from trioexec.model.command import Command, Limits
from trioexec.model.events import NodeOutput
from trioexec.model.outcomes import (
    Denied,
    Exited,
    HostKeyRejected,
    Killed,
    Remote,
    TimedOut,
    Unreachable,
)
from trioexec.model.secret import Secret
from trioexec.testing import (
    Answer,
    Asked,
    Fault,
    Say,
    ScriptedNode,
    open_ssh_fleet,
)
from trioexec.transports.ssh import handshake
from trioexec.transports.ssh import transport as transport_module

pytestmark = pytest.mark.usefixtures("nothing_left")

# -- what nodes answer ----------------------------------------------------------


async def test_each_node_answers_the_users_command_by_its_own_script() -> None:
    nodes = [
        ScriptedNode(name="a", answers={"uptime": "up 3 days\n", "false": 1}),
        ScriptedNode(name="b", answers={"uptime": Answer(stderr=b"who?\n", code=5)}),
        ScriptedNode(name="c", answers={"other": "x"}),
        ScriptedNode(name="d"),
        ScriptedNode(name="e", answers=b"always"),
        ScriptedNode(name="f", answers={"uptime": Answer(signal="KILL")}),
    ]
    async with open_ssh_fleet(nodes) as fleet:
        report, said = await run_on(fleet, "uptime")

    assert outcomes(report) == {
        "a": Exited(code=0),
        "b": Exited(code=5),
        "c": Exited(code=127),
        "d": Exited(code=0),
        "e": Exited(code=0),
        "f": Killed(signal=9),
    }
    assert said == {
        ("a", "stdout"): b"up 3 days\n",
        ("b", "stderr"): b"who?\n",
        ("c", "stderr"): b"c: not scripted: uptime\n",
        ("e", "stdout"): b"always",
    }


async def test_a_ping_asks_the_node_and_not_a_connection_that_is_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    logins = []

    async def counted(*args: Any) -> object:
        logins.append(args)
        return await handshake.authenticate(*args)

    monkeypatch.setattr(transport_module, "authenticate", counted)

    async with open_ssh_fleet(1, answers=b"here") as ssh:
        with trio.fail_after(HANG_S):
            async with open_fleet(ssh.nodes, ssh=ssh.ssh_options()) as fleet:
                await fleet.run("x")
                await fleet.run("x")
                assert len(logins) == 1
                await fleet.ping()

    assert len(logins) == 2


@pytest.mark.parametrize("wrap", [True, False], ids=["guarded", "plain"])
@pytest.mark.parametrize("text", ["it's a\n'multi'\\line!", "echo \N{SNOWMAN}"])
async def test_scripts_see_the_command_as_it_was_typed(text: str, *, wrap: bool) -> None:
    async with open_ssh_fleet(1, answers=lambda asked: asked.command) as fleet:
        report, said = await run_on(fleet, Command(text=text, wrap=wrap))

    assert report.ok
    assert said == {("node1", "stdout"): text.encode()}


async def test_an_answer_comes_in_pieces_with_pauses() -> None:
    answer = Answer(
        pieces=[Say(data=b"one "), Say(data=b"err", stream="stderr"), Say(data=b"two", after_s=0.3)]
    )
    times: list[float] = []
    async with open_ssh_fleet("a", answers=answer) as fleet:
        _, said = await run_on(
            fleet,
            "x",
            on_event=lambda e, _: times.append(e.at_s) if isinstance(e, NodeOutput) else None,
        )

    assert said == {("a", "stdout"): b"one two", ("a", "stderr"): b"err"}
    assert times[-1] - times[0] >= 0.25


async def test_an_answer_may_be_a_function_on_trio_that_reads_stdin() -> None:
    async def answer(asked: Asked) -> int:
        total = 0
        while data := await asked.read():
            total += len(data)
        await asked.say(f"{asked.user}@{asked.node} {total}".encode())
        await trio.sleep(0.01)
        return 7

    async with open_ssh_fleet(1, answers=answer) as fleet:
        report, said = await run_on(fleet, Command(text="wc", stdin=b"x" * 1_000_000))
        again, said_without = await run_on(fleet, Command(text="wc"))

    assert outcomes(report) == outcomes(again) == {"node1": Exited(code=7)}
    assert said == {("node1", "stdout"): b"tester@node1 1000000"}
    assert said_without == {("node1", "stdout"): b"tester@node1 0"}


async def test_an_answer_may_echo_or_await_its_stdin() -> None:
    answers = {"cat": Answer(echoes_stdin=True), "sink": Answer(reads_stdin=True, stdout=b"full")}
    async with open_ssh_fleet(1, answers=answers) as fleet:
        _, echoed = await run_on(fleet, Command(text="cat", stdin=b"hello"))
        _, sunk = await run_on(fleet, Command(text="sink", stdin=b"hello"))

    assert echoed == {("node1", "stdout"): b"hello"}
    assert sunk == {("node1", "stdout"): b"full"}


async def test_names_resolve_by_the_fleets_ssh_config_with_openssh_too() -> None:
    async with open_ssh_fleet("web[1-2]", answers=lambda asked: asked.node) as fleet:
        with trio.fail_after(HANG_S):
            done = await trio.run_process(
                ["ssh", "-F", str(fleet.ssh_config), "web2", "hostname"], capture_stdout=True
            )

    assert done.stdout == b"web2"


async def test_a_password_lets_in_where_one_is_set() -> None:
    async with open_ssh_fleet(1, answers="in", password="sesame") as fleet:
        options = replace(fleet.ssh_options(), password=Secret("sesame"), identities=())
        fleet.client_key.unlink()
        config = fleet.ssh_config.read_text().replace("IdentityFile", "#IdentityFile")
        fleet.ssh_config.write_text(config)
        async with open_fleet(fleet.nodes, ssh=options) as nodes:
            report = await nodes.run("x")

    assert report.ok


def test_a_node_is_found_by_name() -> None:
    async def main() -> None:
        async with open_ssh_fleet(["a", "b"]) as fleet:
            assert fleet.node("b") is fleet.nodes[1]
            with pytest.raises(KeyError):
                fleet.node("c")

    trio.run(main)


# -- being stopped --------------------------------------------------------------


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(Command(text="x"), id="guarded"),
        pytest.param(Command(text="x", stdin=b"in"), id="fed"),
        pytest.param(Command(text="x", wrap=False), id="plain"),
    ],
)
@pytest.mark.parametrize("ignores_term", [False, True], ids=["obeys", "deaf"])
async def test_a_stopped_answer_ends_as_a_command_does(
    command: Command, *, ignores_term: bool
) -> None:
    node = ScriptedNode(
        name="a", answers=Answer(stdout=b"on it", takes_s=math.inf), ignores_term=ignores_term
    )
    async with open_ssh_fleet([node]) as fleet:
        report, said = await run_on(
            fleet,
            Command(text="x", stdin=command.stdin, wrap=command.wrap, stop_grace_s=0.2),
            limits=Limits(timeout_s=0.5),
        )

    # Without the guard nobody can say that nothing of it is left.
    remote: Remote = "ended" if command.wrap else "not confirmed"
    assert outcomes(report) == {"a": TimedOut(phase="command", remote=remote)}
    assert said == {("a", "stdout"): b"on it"}


# -- faults ---------------------------------------------------------------------


async def test_every_fault_comes_out_as_what_it_is() -> None:
    talk = Answer(stdout=b"0123456789")
    nodes = [ScriptedNode(name=fault.name, fault=fault, answers=talk) for fault in Fault]
    async with open_ssh_fleet(nodes) as fleet:
        report, said = await run_on(
            fleet,
            Command(text="x", stop_grace_s=0.1),
            limits=Limits(connect_timeout_s=4, timeout_s=4, parallel=math.inf),
        )

    found = outcomes(report)
    assert isinstance(found["REFUSES"], Unreachable)
    assert "refused" in found["REFUSES"].reason
    assert found["SILENT"] == TimedOut(phase="connect", step="no SSH greeting")
    assert found["DRIPS"] == TimedOut(phase="connect", step="no SSH greeting")
    assert found["HANGS_IN_KEY_EXCHANGE"] == TimedOut(
        phase="connect", step="no end of the key exchange"
    )
    assert isinstance(found["CHANGED_HOST_KEY"], HostKeyRejected)
    assert found["HANGS_IN_AUTH"] == TimedOut(phase="auth")
    assert found["HANGS_IN_SESSION"] == TimedOut(phase="auth")
    assert isinstance(found["DENIES"], Denied)
    assert isinstance(found["REFUSES_SESSION"], Unreachable)
    assert "too many sessions" in found["REFUSES_SESSION"].reason
    for lost in ("DROPS_MID_OUTPUT", "RESETS_MID_COMMAND", "NO_EXIT_STATUS"):
        outcome = found[lost]
        assert isinstance(outcome, Unreachable), lost
        assert outcome.remote == "not confirmed", lost
    assert found["NEVER_EXITS"] == TimedOut(phase="command", remote="not confirmed")
    assert found["READS_SLOWLY"] == Exited(code=0)
    assert found["ENDLESS_OUTPUT"] == TimedOut(phase="command", remote="ended")
    assert said["DROPS_MID_OUTPUT", "stdout"] == b"01234"
    assert said["NO_EXIT_STATUS", "stdout"] == said["NEVER_EXITS", "stdout"] == b"0123456789"
    assert set(said["ENDLESS_OUTPUT", "stdout"]) == set(b"y\n")


async def test_a_slow_reader_takes_all_in_the_end() -> None:
    node = ScriptedNode(name="a", fault=Fault.READS_SLOWLY, answers=Answer(echoes_stdin=True))
    data = bytes(range(256)) * 64
    started_s = trio.current_time()
    async with open_ssh_fleet([node]) as fleet:
        report, said = await run_on(fleet, Command(text="cat", stdin=data))

    assert report.ok
    assert said["a", "stdout"] == data
    assert trio.current_time() - started_s >= len(data) / 1024 * 0.02


async def test_a_node_has_no_more_sessions_than_it_may() -> None:
    begun, over = trio.Event(), trio.Event()

    async def answer(asked: Asked) -> Answer:
        if asked.command == "first":
            begun.set()
            await over.wait()
        return Answer()

    async with open_ssh_fleet([ScriptedNode(name="a", max_sessions=1, answers=answer)]) as fleet:
        # It takes a client that shares a connection; the path of its socket has to be short.
        # Refused there, this client goes on over a connection of its own, where it may.
        ssh = ["ssh", "-F", str(fleet.ssh_config), "-oControlPath=ctl"]
        run = partial(trio.run_process, cwd=fleet.ssh_config.parent)
        with trio.fail_after(HANG_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(run, [*ssh, "-M", "a", "first"])
                await begun.wait()
                second = await run(
                    [*ssh, "-oControlMaster=no", "a", "second"], check=False, capture_stderr=True
                )
                over.set()

    assert b"Session open refused by peer" in second.stderr
    assert second.returncode == 0


async def test_logging_in_takes_as_long_as_scripted() -> None:
    started_s = trio.current_time()
    async with open_ssh_fleet([ScriptedNode(name="a", auth_s=0.5)]) as fleet:
        report, _ = await run_on(fleet, "x")

    assert report.ok
    assert trio.current_time() - started_s >= 0.5
