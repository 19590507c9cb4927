from __future__ import annotations

import signal
from collections.abc import Sequence
from dataclasses import dataclass, field

import pytest
import trio
from trio.testing import MockClock

from tests.unit.rig import Rig
from trioexec.engine.signals import obey_signals
from trioexec.model.command import Limits
from trioexec.model.outcomes import Cancelled, Exited
from trioexec.testing.fakes import FakeNode

HOUR = 3600.0
FIRST = "Received Ctrl+C. Press Ctrl+C again within 1 second to terminate."
SECOND = "Received second Ctrl+C. Terminating all jobs..."
BATCH = "Received Ctrl+C (batch mode). Terminating all jobs..."

INT, TERM, HUP = signal.SIGINT, signal.SIGTERM, signal.SIGHUP


@dataclass
class Heard:
    said: list[str] = field(default_factory=list)
    cut_at_s: list[float] = field(default_factory=list)
    over_at_s: float = 0.0


async def run_with_signals(
    rig: Rig,
    presses: Sequence[tuple[float, signal.Signals]],
    *,
    batch: bool = False,
    reading_s: float = 0.0,
) -> Heard:
    """Execute with signals at times on the run's clock; `reading_s`: output goes on so long."""
    heard = Heard()

    async def press() -> None:
        for at_s, number in presses:
            await trio.sleep_until(at_s)
            signal.raise_signal(number)

    async with trio.open_nursery() as nursery:
        await nursery.start(
            lambda task_status: obey_signals(
                rig.run,
                batch=batch,
                say=heard.said.append,
                fold=",".join,
                cut_readers=lambda: heard.cut_at_s.append(trio.current_time()),
                task_status=task_status,
            )
        )
        nursery.start_soon(press)
        await rig.execute()
        heard.over_at_s = trio.current_time()
        await trio.sleep(reading_s)
        nursery.cancel_scope.cancel()
    return heard


async def test_one_press_says_where_things_stand_and_the_run_goes_on(
    autojump_clock: MockClock,
) -> None:
    fakes = {
        "done": FakeNode(takes_s=1),
        "failed": FakeNode(takes_s=1, code=1),
        "a": FakeNode(takes_s=10),
        "b": FakeNode(connect_s=9),
        "q": FakeNode(),
    }
    rig = Rig(fakes, Limits(parallel=2))

    heard = await run_with_signals(rig, [(5, INT)])

    assert heard.said == [FIRST, "Status: 2 running, 2 completed, 1 queued", "Running: a,b"]
    assert rig.end.stopped is None
    assert rig.outcomes["a"] == Exited(code=0)


async def test_before_the_first_node_all_are_queued(autojump_clock: MockClock) -> None:
    rig = Rig({"a": FakeNode(), "b": FakeNode()})
    said: list[str] = []

    async with trio.open_nursery() as nursery:
        await nursery.start(
            lambda task_status: obey_signals(
                rig.run,
                batch=False,
                say=said.append,
                fold=",".join,
                cut_readers=list,
                task_status=task_status,
            )
        )
        signal.raise_signal(INT)
        await trio.sleep(1)  # its transport takes so long to open
        report = await rig.execute()
        nursery.cancel_scope.cancel()

    assert said == [FIRST, "Status: 0 running, 0 completed, 2 queued"]
    assert report.ok


async def test_nothing_queued_is_not_mentioned(autojump_clock: MockClock) -> None:
    rig = Rig({"a": FakeNode(takes_s=10)})

    heard = await run_with_signals(rig, [(5, INT)])

    assert heard.said == [FIRST, "Status: 1 running, 0 completed", "Running: a"]


async def test_a_second_press_within_a_second_terminates(autojump_clock: MockClock) -> None:
    rig = Rig({"a": FakeNode(takes_s=HOUR), "q": FakeNode()}, Limits(parallel=1))

    heard = await run_with_signals(rig, [(5, INT), (6, INT)])

    assert heard.said[0] == FIRST
    assert heard.said[-1] == SECOND
    assert rig.outcomes == {
        "a": Cancelled(why="interrupt", started=True, remote="ended"),
        "q": Cancelled(why="interrupt", started=False),
    }
    assert heard.over_at_s == 6
    assert heard.cut_at_s == []


async def test_a_late_second_press_is_a_first_one_again(autojump_clock: MockClock) -> None:
    rig = Rig({"a": FakeNode(takes_s=20)})

    heard = await run_with_signals(rig, [(5, INT), (6.001, INT), (10, INT)])

    assert heard.said == [FIRST, "Status: 1 running, 0 completed", "Running: a"] * 3
    assert rig.end.stopped is None


async def test_a_late_second_press_may_be_followed_by_its_own_second(
    autojump_clock: MockClock,
) -> None:
    rig = Rig({"a": FakeNode(takes_s=20)})

    heard = await run_with_signals(rig, [(5, INT), (8, INT), (8.5, INT)])

    assert heard.said[-1] == SECOND
    assert heard.over_at_s == 8.5


async def test_in_batch_mode_one_press_terminates(autojump_clock: MockClock) -> None:
    rig = Rig({"a": FakeNode(takes_s=HOUR)})

    heard = await run_with_signals(rig, [(5, INT)], batch=True)

    assert heard.said == [BATCH]
    assert rig.end.stopped == "interrupt"
    assert heard.over_at_s == 5


@pytest.mark.parametrize(
    ("presses", "batch"),
    [
        pytest.param([(5, INT), (5.5, INT), (6, INT)], False, id="third press"),
        pytest.param([(5, INT), (6, INT)], True, id="second press in batch mode"),
        pytest.param([(5, TERM), (6, INT)], False, id="a press after SIGTERM"),
        pytest.param([(5, HUP), (6, TERM)], False, id="SIGTERM after SIGHUP"),
        pytest.param([(4, INT), (5, INT), (6, TERM)], False, id="SIGTERM while terminating"),
    ],
)
async def test_a_further_signal_cuts_the_goodbyes_short(
    autojump_clock: MockClock, presses: list[tuple[float, signal.Signals]], *, batch: bool
) -> None:
    deaf = FakeNode(takes_s=HOUR, ignores_term=True)
    rig = Rig({"deaf": deaf})

    heard = await run_with_signals(rig, presses, batch=batch)

    assert deaf.cut_at_s == 6
    assert heard.over_at_s == 6
    assert heard.cut_at_s == [6]


@pytest.mark.parametrize(("number", "why"), [(TERM, "terminate"), (HUP, "hangup")])
async def test_terminate_and_hangup_stop_at_once_and_say_nothing(
    autojump_clock: MockClock, number: signal.Signals, why: str
) -> None:
    rig = Rig({"a": FakeNode(takes_s=HOUR)})

    heard = await run_with_signals(rig, [(5, number)])

    assert heard.said == []
    assert rig.end.stopped == why
    assert heard.over_at_s == 5


async def test_sigterm_after_one_press_stops_without_a_second(autojump_clock: MockClock) -> None:
    rig = Rig({"a": FakeNode(takes_s=HOUR)})

    heard = await run_with_signals(rig, [(5, INT), (9, TERM)])

    assert rig.end.stopped == "terminate"
    assert heard.over_at_s == 9


async def test_a_stop_while_only_output_is_left_cuts_the_readers(
    autojump_clock: MockClock,
) -> None:
    rig = Rig({"a": FakeNode(takes_s=1)})

    heard = await run_with_signals(rig, [(5, INT), (5.5, INT)], reading_s=10)

    assert heard.over_at_s == 1
    assert heard.cut_at_s == [5.5]
    assert rig.run.stopped == "interrupt"
    assert rig.outcomes == {"a": Exited(code=0)}


async def test_ctrl_c_works_while_the_readers_are_stuck(autojump_clock: MockClock) -> None:
    chatty = FakeNode(takes_s=HOUR, output=tuple((s, "stdout", b".") for s in range(1, 100)))
    rig = Rig({"a": chatty})
    rig.flow.hold("pager")

    heard = await run_with_signals(rig, [(50, INT), (50.5, INT)])

    assert heard.said[-1] == SECOND
    assert rig.end.stopped == "interrupt"
    assert heard.over_at_s <= 50.5 + 2


async def test_a_signal_that_was_ignored_when_we_started_stays_ignored(
    autojump_clock: MockClock,
) -> None:
    before = signal.signal(HUP, signal.SIG_IGN)
    try:
        rig = Rig({"a": FakeNode(takes_s=10)})

        await run_with_signals(rig, [(5, HUP)])

        assert rig.end.stopped is None
        assert signal.getsignal(HUP) is signal.SIG_IGN
    finally:
        signal.signal(HUP, before)


async def test_a_run_for_which_every_signal_is_ignored_runs(autojump_clock: MockClock) -> None:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (INT, TERM, HUP)}
    try:
        rig = Rig({"a": FakeNode(takes_s=10)})

        await run_with_signals(rig, [(5, INT), (6, TERM), (7, HUP)])

        assert rig.outcomes == {"a": Exited(code=0)}
        assert rig.end.stopped is None
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


async def test_the_signals_are_given_back(autojump_clock: MockClock) -> None:
    before = [signal.getsignal(number) for number in (INT, TERM, HUP)]

    await run_with_signals(Rig({"a": FakeNode()}), [])

    assert [signal.getsignal(number) for number in (INT, TERM, HUP)] == before
