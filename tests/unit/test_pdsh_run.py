"""What pdsh says of ends and of Ctrl-C, and cancelling what waits while the rest goes on."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

import pytest
import trio
from trio.testing import MockClock

from tests.unit.rig import Rig
from tests.unit.sink_fakes import FakeConsole, err
from trioexec.engine.jobs import CommandsJob
from trioexec.engine.signals import obey_signals
from trioexec.model.command import Command, Limits
from trioexec.model.events import NodeFinished, RunStarted
from trioexec.model.outcomes import (
    Cancelled,
    Denied,
    Exited,
    Killed,
    Outcome,
    TimedOut,
    Unreachable,
)
from trioexec.model.pdsh_interrupt import PdshManners
from trioexec.sinks.pdsh import PdshSink, code_of, lines_for
from trioexec.testing.fakes import FakeNode

INT, TSTP = signal.SIGINT, signal.SIGTSTP
FIRST = [
    "pdsh@me: interrupt (one more within 1 sec to abort)",
    "pdsh@me:  (^Z within 1 sec to cancel pending threads)",
]


@pytest.mark.parametrize(
    ("outcome", "over_ssh", "local", "codes"),
    [
        pytest.param(Exited(code=0), [], [], (0, 0), id="success"),
        pytest.param(
            Exited(code=3),
            ["W: n: ssh exited with exit code 3"],
            ["W: n: sh exited with exit code 3"],
            (3, 3),
            id="failure",
        ),
        pytest.param(
            Killed(signal=9),
            ["W: n: ssh exited with exit code 255"],
            ["W: n: sh killed by signal 9"],
            (255, 137),
            id="killed",
        ),
        pytest.param(
            TimedOut(phase="command", remote="ended"),
            ["W: n: command timeout", "W: n: ssh exited with exit code 255"],
            ["W: n: command timeout", "W: n: sh exited with exit code 254"],
            (255, 254),
            id="timed out",
        ),
        pytest.param(
            Unreachable(reason="no route"),
            ["n: ssh: unreachable: no route", "W: n: ssh exited with exit code 255"],
            ["n: sh: unreachable: no route", "W: n: sh exited with exit code 255"],
            (255, 255),
            id="unreachable",
        ),
        pytest.param(Cancelled(why="interrupt", started=False), [], [], (0, 0), id="cancelled"),
        pytest.param(
            Cancelled(why="interrupt", started=True, remote="not confirmed"),
            ["n: stopped (interrupt) (remote end not confirmed)"],
            ["n: stopped (interrupt) (remote end not confirmed)"],
            (0, 0),
            id="left behind",
        ),
    ],
)
def test_an_end_is_told_and_counted(
    outcome: Outcome, over_ssh: list[str], local: list[str], codes: tuple[int, int]
) -> None:
    assert lines_for("n", outcome, who="W", program="ssh") == over_ssh
    assert lines_for("n", outcome, who="W", program="sh") == local
    assert (code_of(outcome, over_ssh=True), code_of(outcome, over_ssh=False)) == codes


async def test_the_sink_says_ends_and_leaves_output_to_others() -> None:
    console = FakeConsole()
    sink = PdshSink(console.as_console, who="W", program="ssh")

    sink.handle(err("n", b"x\n"))
    sink.handle(NodeFinished(node="n", at_s=1.0, outcome=Denied(reason="no")))
    await sink.serve()

    assert console.stderr.written == b"n: ssh: denied: no\nW: n: ssh exited with exit code 255\n"


async def run_with_signals(
    rig: Rig,
    presses: Sequence[tuple[float, signal.Signals]],
    *,
    batch: bool = False,
    debug: bool = False,
) -> list[str]:
    said: list[str] = []
    manners = PdshManners(who="pdsh@me", labels={"done": "d"}, debug=debug)

    async def press() -> None:
        for at_s, number in presses:
            await trio.sleep_until(at_s)
            signal.raise_signal(number)

    async with trio.open_nursery() as nursery:
        await nursery.start(
            lambda task_status: obey_signals(
                rig.run,
                batch=batch,
                say=said.append,
                fold=",".join,
                cut_readers=lambda: None,
                manners=manners,
                task_status=task_status,
            )
        )
        nursery.start_soon(press)
        await rig.execute()
        nursery.cancel_scope.cancel()
    return said


def fakes() -> dict[str, FakeNode]:
    return {
        "done": FakeNode(takes_s=1),
        "failed": FakeNode(takes_s=1, code=1),
        "busy": FakeNode(takes_s=10),
        "slow": FakeNode(connect_s=9),
        "q1": FakeNode(),
        "q2": FakeNode(),
    }


async def test_a_press_lists_who_is_busy_in_pdshs_words(autojump_clock: MockClock) -> None:
    said = await run_with_signals(Rig(fakes(), Limits(parallel=2)), [(5, INT)])

    assert said == [
        *FIRST,
        "pdsh@me: busy: command in progress",
        "pdsh@me: slow: connecting",
    ]


async def test_with_debug_a_press_lists_the_others_too(autojump_clock: MockClock) -> None:
    said = await run_with_signals(Rig(fakes(), Limits(parallel=2)), [(5, INT)], debug=True)

    assert said[2:] == [
        "pdsh@me: d: [done]",
        "pdsh@me: failed: [failed]",
        "pdsh@me: busy: command in progress",
        "pdsh@me: slow: connecting",
        "pdsh@me: q1: [new]",
        "pdsh@me: q2: [new]",
    ]


@pytest.mark.parametrize(
    ("presses", "how"),
    [
        pytest.param([(5, INT), (6, INT)], "interrupt", id="second"),
        pytest.param([(5, INT)], "batch mode interrupt", id="batch"),
    ],
)
async def test_a_press_that_aborts_says_so(
    presses: list[tuple[float, signal.Signals]], how: str, autojump_clock: MockClock
) -> None:
    rig = Rig(fakes(), Limits(parallel=2))

    said = await run_with_signals(rig, presses, batch=len(presses) == 1)

    assert said[-1] == f"pdsh@me: {how}, aborting."
    assert rig.end.stopped == "interrupt"


async def test_while_aborting_a_further_press_says_nothing(autojump_clock: MockClock) -> None:
    rig = Rig({"deaf": FakeNode(takes_s=3600, term_takes_s=1.5)})

    said = await run_with_signals(rig, [(5, INT), (5.5, INT), (5.6, INT)])

    assert said[-1] == "pdsh@me: interrupt, aborting."


async def test_ctrl_z_after_ctrl_c_cancels_who_waits_and_the_rest_goes_on(
    autojump_clock: MockClock,
) -> None:
    rig = Rig(fakes(), Limits(parallel=2))

    said = await run_with_signals(rig, [(5, INT), (6, TSTP)])

    assert said[-1] == "pdsh@me: Canceled 2 pending threads."
    never = Cancelled(why="interrupt", started=False)
    assert rig.outcomes == {
        "done": Exited(code=0),
        "failed": Exited(code=1),
        "q1": never,
        "q2": never,
        "busy": Exited(code=0),
        "slow": Exited(code=0),
    }
    assert rig.end.stopped is None
    assert rig.connected == ["done", "failed", "busy", "slow"]


@pytest.mark.parametrize(
    "presses",
    [
        pytest.param([(5, TSTP)], id="alone"),
        pytest.param([(5, INT), (6.5, TSTP)], id="late"),
    ],
)
async def test_ctrl_z_at_another_time_stops_us_as_any_program(
    presses: list[tuple[float, signal.Signals]],
    autojump_clock: MockClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "kill", lambda pid, number: sent.append((pid, number)))
    rig = Rig(fakes(), Limits(parallel=2))

    await run_with_signals(rig, presses)

    assert sent == [(os.getpid(), signal.SIGSTOP)]
    assert len(rig.connected) == 6


@pytest.mark.parametrize("at_s", [0, 1, 5, 20])
async def test_every_node_has_one_end_whenever_those_that_wait_are_cancelled(
    at_s: float, autojump_clock: MockClock
) -> None:
    rig = Rig({f"n{i}": FakeNode(takes_s=1) for i in range(6)}, Limits(parallel=2))

    def stop() -> None:
        rig.run.cancel_queued()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.stop_at, at_s, stop)
        await rig.execute()
        nursery.cancel_scope.cancel()

    ends = [event.node for event in rig.events if isinstance(event, NodeFinished)]
    assert sorted(ends) == sorted(f"n{i}" for i in range(6))
    assert set(rig.connected) == {
        name for name, end in rig.outcomes.items() if end == Exited(code=0)
    }


async def test_those_that_wait_can_be_cancelled_before_anything_has_begun(
    autojump_clock: MockClock,
) -> None:
    rig = Rig({"a": FakeNode(), "b": FakeNode()})

    count = rig.run.cancel_queued()
    await rig.execute()

    assert count == 2
    assert isinstance(rig.events[0], RunStarted)
    never = Cancelled(why="interrupt", started=False)
    ends = [(e.node, e.outcome) for e in rig.events if isinstance(e, NodeFinished)]
    assert ends == [("a", never), ("b", never)]
    assert rig.end.stopped is None


async def test_each_node_runs_its_own_command(autojump_clock: MockClock) -> None:
    nodes = {"a": FakeNode(), "b": FakeNode()}
    job = CommandsJob(text="do", commands={"a": Command(text="1"), "b": Command(text="2")})

    await Rig(nodes, job=job).execute()

    assert [nodes[name].commands[0].text for name in nodes] == ["1", "2"]
