"""What a run tells of its nodes, and in what order they run."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.unit.rig import CODE, HOUR, Rig, make_nodes, names
from trioexec.engine.jobs import PingJob
from trioexec.model.command import Command, Limits
from trioexec.model.events import (
    NodeConnecting,
    NodeFinished,
    NodeOutput,
    NodeQueued,
    NodeStarted,
    RunFinished,
    RunStarted,
)
from trioexec.model.nodes import Node
from trioexec.model.outcomes import (
    Cancelled,
    Denied,
    Exited,
    Killed,
    TimedOut,
    Unreachable,
)
from trioexec.testing.fakes import FakeNode
from trioexec.transports.base import Call, Ended, Transport

# -- order, and how many at once ------------------------------------------------


async def test_events_of_a_node_come_in_the_order_of_its_life(autojump_clock: MockClock) -> None:
    fake = FakeNode(connect_s=1, auth_s=2, takes_s=4, output=((1, "stdout", b"x"),), code=3)
    rig = Rig({"a": fake})

    report = await rig.execute()

    assert [(type(e), e.at_s) for e in rig.events] == [
        (RunStarted, 0),
        (NodeQueued, 0),
        (NodeConnecting, 0),
        (NodeStarted, 3),
        (NodeOutput, 4),
        (NodeFinished, 7),
        (RunFinished, 7),
    ]
    assert rig.end == RunFinished(at_s=7, exit_code=CODE, stopped=None)
    assert [(row.node.name, row.outcome, row.started_s) for row in report] == [
        ("a", Exited(code=3), 3)
    ]
    assert report.took_s == 7
    assert fake.commands == [Command(text="do")]


async def test_a_run_without_nodes_begins_and_ends(autojump_clock: MockClock) -> None:
    rig = Rig({})

    report = await rig.execute()

    assert [type(e) for e in rig.events] == [RunStarted, RunFinished]
    assert len(report) == 0


async def test_no_more_than_parallel_run_at_once(autojump_clock: MockClock) -> None:
    rig = Rig({n: FakeNode(takes_s=HOUR) for n in names(5)}, Limits(parallel=2))

    await rig.execute()

    assert trio.current_time() == 3 * HOUR  # 5 nodes, 2 at a time
    assert Counter(rig.finished_s.values()) == {HOUR: 2, 2 * HOUR: 2, 3 * HOUR: 1}


async def test_infinite_parallel_runs_all_at_once(autojump_clock: MockClock) -> None:
    rig = Rig({n: FakeNode(takes_s=HOUR) for n in names(500)}, Limits(parallel=math.inf))

    await rig.execute()

    assert trio.current_time() == HOUR
    assert len(rig.outcomes) == 500


@pytest.mark.parametrize("parallel", [1, 3, 64, math.inf])
async def test_nodes_start_in_the_order_typed(autojump_clock: MockClock, parallel: float) -> None:
    rig = Rig({n: FakeNode(takes_s=1) for n in names(100)}, Limits(parallel=parallel))

    report = await rig.execute()

    assert rig.connected == names(100)
    assert [row.node.name for row in report] == names(100)


async def test_a_slot_is_free_for_the_next_as_soon_as_a_node_is_done(
    autojump_clock: MockClock,
) -> None:
    rig = Rig(
        {"slow": FakeNode(takes_s=10), "a": FakeNode(takes_s=1), "b": FakeNode(takes_s=2)},
        Limits(parallel=2),
    )

    await rig.execute()

    assert rig.finished_s == {"slow": 10, "a": 1, "b": 3}


async def test_failed_nodes_do_not_disturb_the_others(autojump_clock: MockClock) -> None:
    rig = Rig(
        {
            "denied": FakeNode(fails=Denied(reason="no key"), connect_s=1),
            "killed": FakeNode(takes_s=2, signal=9),
            "fine": FakeNode(takes_s=3),
        },
        extra_nodes=("gone",),
    )

    await rig.execute()

    assert rig.outcomes == {
        "denied": Denied(reason="no key"),
        "killed": Killed(signal=9),
        "fine": Exited(code=0),
        "gone": Unreachable(reason="no such node"),
    }
    assert rig.started == ["killed", "fine"]


async def test_a_ping_starts_no_command(autojump_clock: MockClock) -> None:
    fakes = {"a": FakeNode(connect_s=1), "b": FakeNode(fails=Denied(reason="no"))}
    rig = Rig(fakes, job=PingJob())

    await rig.execute()

    assert rig.outcomes == {"a": Exited(code=0), "b": Denied(reason="no")}
    assert rig.started == []
    assert fakes["a"].commands == []
    first = rig.events[0]
    assert isinstance(first, RunStarted)
    assert (first.command, first.nodes) == ("", tuple(make_nodes(fakes)))


async def test_a_bug_in_a_transport_comes_out_and_the_others_are_ended(
    autojump_clock: MockClock,
) -> None:
    class Broken:
        text = "broken"

        async def run(self, transport: Transport, node: Node, call: Call) -> Ended:
            if node.name == "bug":
                await trio.sleep(1)
                raise ZeroDivisionError
            return await transport.run(node, Command(text="x"), call)

    fakes = {"slow": FakeNode(takes_s=HOUR), "bug": FakeNode(), "queued": FakeNode()}
    rig = Rig(fakes, Limits(parallel=2), job=Broken())

    with pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        await rig.execute()

    assert fakes["slow"].stopped_at_s == 1
    assert sorted(rig.outcomes) == ["bug", "queued", "slow"]
    assert isinstance(rig.events[-1], RunFinished)


# -- whatever happens -----------------------------------------------------------

_TIMES = st.sampled_from([0.0, 0.5, 1.0, 1.5, 2.0, 3.0, 5.0])
_FAKES = st.builds(
    FakeNode,
    takes_s=_TIMES,
    code=st.sampled_from([0, 0, 0, 1, 77]),
    signal=st.sampled_from([None, None, None, 9]),
    output=st.lists(
        st.tuples(_TIMES, st.sampled_from(["stdout", "stderr"]), st.just(b"x")), max_size=3
    ).map(lambda pieces: tuple(sorted(pieces))),
    last_words=st.sampled_from([b"", b"bye"]),
    ignores_term=st.booleans(),
    term_takes_s=_TIMES,
    connect_s=_TIMES,
    auth_s=_TIMES,
    fails=st.sampled_from([None, None, None, Denied(reason="x"), Unreachable(reason="y")]),
    link_lost=st.booleans(),
)
_LIMITS = st.builds(
    Limits,
    parallel=st.sampled_from([1, 2, 5, math.inf]),
    fail_fast=st.booleans(),
    connect_timeout_s=st.sampled_from([0.5, 2.0, 10.0]),
    timeout_s=st.sampled_from([1.0, 2.5, math.inf]),
    idle_timeout_s=st.sampled_from([0.5, 1.0, math.inf]),
    deadline_s=st.sampled_from([1.0, 4.0, math.inf]),
)


async def _live_through(rig: Rig, stop_at_s: float | None, how: str, cut_at_s: float) -> None:
    with trio.CancelScope() as caller:
        async with trio.open_nursery() as nursery:
            if stop_at_s is not None:
                stop = {
                    "caller": caller.cancel,
                    "interrupt": lambda: rig.run.cancel("interrupt"),
                    "hold": lambda: rig.flow.hold("reader"),
                }[how]
                nursery.start_soon(rig.stop_at, stop_at_s, stop)
                nursery.start_soon(rig.stop_at, stop_at_s + cut_at_s, rig.run.goodbyes.cut)
                nursery.start_soon(
                    rig.stop_at, stop_at_s + cut_at_s + 0.25, lambda: rig.flow.release("reader")
                )
            await rig.execute()


@settings(max_examples=300, deadline=None)
@given(
    fakes=st.lists(_FAKES, max_size=6),
    limits=_LIMITS,
    stop_at_s=st.none() | _TIMES,
    how=st.sampled_from(["caller", "interrupt", "hold"]),
    cut_at_s=_TIMES,
)
def test_whatever_happens_each_node_has_one_history_and_one_end(
    fakes: list[FakeNode], limits: Limits, stop_at_s: float | None, how: str, cut_at_s: float
) -> None:
    for fake in fakes:
        fake.commands = []
    by_name = {f"n{i}": fake for i, fake in enumerate(fakes)}
    rig = Rig(by_name, limits)

    trio.run(_live_through, rig, stop_at_s, how, cut_at_s, clock=MockClock(autojump_threshold=0))

    assert isinstance(rig.events[0], RunStarted)
    assert isinstance(rig.events[-1], RunFinished)
    times = [event.at_s for event in rig.events]
    assert times == sorted(times)
    for name, fake in by_name.items():
        life = [type(e) for e in rig.events[1:-1] if getattr(e, "node", None) == name]
        told = [kind for kind in life if kind is not NodeOutput]
        assert told in (
            [NodeQueued, NodeFinished],
            [NodeQueued, NodeConnecting, NodeFinished],
            [NodeQueued, NodeConnecting, NodeStarted, NodeFinished],
        )
        assert life[-1] is NodeFinished
        outcome = rig.outcomes[name]
        assert (NodeStarted in told) == bool(fake.commands)
        if isinstance(outcome, Cancelled):
            assert outcome.started == (NodeStarted in told)
            assert outcome.why == rig.end.stopped
        if isinstance(outcome, Cancelled | TimedOut):
            assert (outcome.remote != "never started") == (NodeStarted in told)
        if isinstance(outcome, Exited | Killed):
            assert fake.stopped_at_s is None
            said = [e for e in rig.events if isinstance(e, NodeOutput) and e.node == name]
            assert len(said) == len([p for p in fake.output if p[0] <= fake.takes_s])
    failed = [name for name, outcome in rig.outcomes.items() if not outcome.ok]
    if limits.fail_fast and failed:
        assert rig.end.stopped is not None
    assert rig.run.tally.completed == len(fakes)
    assert not rig.run.tally.running
    assert not rig.run.tally.queued


async def test_the_run_does_not_wait_for_what_it_did_not_start(autojump_clock: MockClock) -> None:
    """The idle watch ends with the nodes, it does not tick on."""
    rig = Rig({"a": FakeNode(takes_s=1)}, Limits(idle_timeout_s=HOUR))

    await rig.execute()

    assert trio.current_time() == 1
