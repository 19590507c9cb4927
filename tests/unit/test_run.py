from __future__ import annotations

import math
from collections import Counter

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.unit.rig import CODE, Rig, make_nodes
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

HOUR = 3600.0


def names(count: int) -> list[str]:
    return [f"n{i}" for i in range(count)]


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


# -- fail-fast ------------------------------------------------------------------


async def test_fail_fast_ends_the_running_and_starts_no_more(autojump_clock: MockClock) -> None:
    fakes = {
        "bad": FakeNode(takes_s=1, code=3),
        "slow": FakeNode(takes_s=HOUR, term_takes_s=0.5),
        "never": FakeNode(takes_s=1),
    }
    rig = Rig(fakes, Limits(parallel=2, fail_fast=True))

    report = await rig.execute()

    assert rig.connected == ["bad", "slow"]
    assert fakes["slow"].stopped_at_s == 1
    assert fakes["never"].connecting_at_s is None
    assert rig.outcomes == {
        "bad": Exited(code=3),
        "slow": Cancelled(why="fail-fast", started=True, remote="ended"),
        "never": Cancelled(why="fail-fast", started=False),
    }
    assert trio.current_time() == 1.5
    assert (rig.run.stopped, rig.run.stopped_by) == ("fail-fast", "bad")
    assert rig.decided[-1][1:] == ("fail-fast", "bad")
    assert rig.end.stopped == "fail-fast"
    assert [node.name for node in report.not_started] == ["never"]


@pytest.mark.parametrize(
    "bad",
    [
        pytest.param(FakeNode(takes_s=1, code=1), id="code"),
        pytest.param(FakeNode(takes_s=1, signal=15), id="signal"),
        pytest.param(FakeNode(connect_s=1, fails=Denied(reason="x")), id="denied"),
        pytest.param(FakeNode(connect_s=1, fails=Unreachable(reason="x")), id="unreachable"),
        pytest.param(FakeNode(takes_s=HOUR), id="timeout"),
    ],
)
async def test_every_kind_of_failure_is_fast(autojump_clock: MockClock, bad: FakeNode) -> None:
    rig = Rig(
        {"slow": FakeNode(connect_s=0.5, takes_s=HOUR), "bad": bad},
        Limits(fail_fast=True, timeout_s=1),
    )

    await rig.execute()

    assert trio.current_time() == 1
    assert rig.run.stopped_by == "bad"


async def test_a_node_that_fails_while_another_succeeds_starts_no_third(
    autojump_clock: MockClock,
) -> None:
    """The success frees a slot in the very tick in which fail-fast stops the run."""
    for _ in range(50):
        fakes = {"ok": FakeNode(takes_s=1), "bad": FakeNode(takes_s=1, code=1)} | {
            n: FakeNode(takes_s=1) for n in names(3)
        }
        rig = Rig(fakes, Limits(parallel=2, fail_fast=True))

        await rig.execute()

        events = rig.events
        at = events.index(
            next(e for e in events if isinstance(e, NodeFinished) and e.node == "bad")
        )
        assert not [e for e in events[at:] if isinstance(e, NodeConnecting | NodeStarted)]


async def test_without_fail_fast_a_failure_stops_nothing(autojump_clock: MockClock) -> None:
    rig = Rig({"bad": FakeNode(takes_s=1, code=3), "slow": FakeNode(takes_s=HOUR)})

    await rig.execute()

    assert rig.outcomes["slow"] == Exited(code=0)
    assert rig.end.stopped is None


# -- limits ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fake", "phase"),
    [
        pytest.param(FakeNode(connect_s=HOUR), "connect", id="connecting"),
        pytest.param(FakeNode(connect_s=4, auth_s=HOUR), "auth", id="authenticating"),
    ],
)
async def test_connect_timeout_bounds_everything_before_the_command(
    autojump_clock: MockClock, fake: FakeNode, phase: str
) -> None:
    rig = Rig({"a": fake}, Limits(connect_timeout_s=5))

    await rig.execute()

    assert rig.outcomes == {"a": TimedOut(phase=phase)}  # type: ignore[arg-type]
    assert rig.finished_s == {"a": 5}


async def test_the_connect_timeout_does_not_bound_the_command(autojump_clock: MockClock) -> None:
    rig = Rig({"a": FakeNode(connect_s=4, takes_s=HOUR)}, Limits(connect_timeout_s=5))

    await rig.execute()

    assert rig.outcomes == {"a": Exited(code=0)}


async def test_the_command_timeout_runs_from_the_commands_start(autojump_clock: MockClock) -> None:
    fake = FakeNode(connect_s=4, takes_s=HOUR, term_takes_s=0.25)
    rig = Rig({"a": fake}, Limits(timeout_s=10))

    await rig.execute()

    assert fake.stopped_at_s == 14
    assert rig.outcomes == {"a": TimedOut(phase="command", remote="ended")}
    assert rig.finished_s == {"a": 14.25}


async def test_each_node_has_its_own_timeout(autojump_clock: MockClock) -> None:
    rig = Rig(
        {"a": FakeNode(takes_s=HOUR), "b": FakeNode(takes_s=HOUR)},
        Limits(parallel=1, timeout_s=10),
    )

    await rig.execute()

    assert rig.finished_s == {"a": 10, "b": 20}
    assert rig.end.stopped is None


async def test_idle_timeout_runs_from_the_last_byte(autojump_clock: MockClock) -> None:
    fake = FakeNode(connect_s=3, takes_s=HOUR, output=((1, "stdout", b"a"), (9, "stderr", b"b")))
    rig = Rig({"a": fake}, Limits(idle_timeout_s=10))

    await rig.execute()

    assert fake.stopped_at_s == 3 + 9 + 10
    assert rig.outcomes == {"a": TimedOut(phase="idle", remote="ended")}


async def test_idle_timeout_runs_from_the_start_of_a_silent_command(
    autojump_clock: MockClock,
) -> None:
    fakes = {
        "a": FakeNode(connect_s=3, takes_s=HOUR),
        "b": FakeNode(connect_s=5, takes_s=HOUR),
        "c": FakeNode(connect_s=6, takes_s=9.5),
    }
    rig = Rig(fakes, Limits(idle_timeout_s=10))

    await rig.execute()

    assert rig.finished_s == {"a": 13, "b": 15, "c": 15.5}
    assert rig.outcomes["c"] == Exited(code=0)


async def test_connecting_is_not_idle(autojump_clock: MockClock) -> None:
    rig = Rig({"a": FakeNode(connect_s=9)}, Limits(idle_timeout_s=1))

    await rig.execute()

    assert rig.outcomes == {"a": Exited(code=0)}


async def test_a_node_whose_output_we_hold_back_is_not_idle(autojump_clock: MockClock) -> None:
    chatty = FakeNode(takes_s=30, output=tuple((s, "stdout", b".") for s in range(1, 30)))
    quiet = FakeNode(takes_s=HOUR)
    rig = Rig({"chatty": chatty, "quiet": quiet}, Limits(idle_timeout_s=5))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.stop_at, 3, lambda: rig.flow.hold("pager"))
        nursery.start_soon(rig.stop_at, 18.5, lambda: rig.flow.release("pager"))
        await rig.execute()

    assert rig.outcomes["chatty"] == Exited(code=0)
    assert rig.said["chatty"] == b"." * 29
    assert quiet.stopped_at_s == 18.5 + 5  # nobody can tell before


async def test_an_idle_limit_does_not_rename_another_limits_victim(
    autojump_clock: MockClock,
) -> None:
    fake = FakeNode(takes_s=HOUR, ignores_term=True, output=((9.5, "stdout", b"."),))
    rig = Rig({"a": fake}, Limits(timeout_s=10, idle_timeout_s=1.5))

    await rig.execute()

    assert fake.stopped_at_s == 1.5  # idle came first here

    fake = FakeNode(
        takes_s=HOUR, ignores_term=True, output=tuple((s, "stdout", b".") for s in range(1, 11))
    )
    rig = Rig({"a": fake}, Limits(timeout_s=10, idle_timeout_s=1.5))

    await rig.execute()

    assert rig.outcomes == {"a": TimedOut(phase="command", remote="ended")}


async def test_deadline_stops_the_running_and_the_queued(autojump_clock: MockClock) -> None:
    fakes = {
        "done": FakeNode(takes_s=1),
        "connecting": FakeNode(connect_s=HOUR),
        "running": FakeNode(takes_s=HOUR, term_takes_s=1),
        "queued": FakeNode(),
    }
    rig = Rig(fakes, Limits(parallel=2, deadline_s=5))

    await rig.execute()

    assert rig.outcomes == {
        "done": Exited(code=0),
        "connecting": TimedOut(phase="deadline"),
        "running": TimedOut(phase="deadline", remote="ended"),
        "queued": Cancelled(why="deadline", started=False),
    }
    assert trio.current_time() == 6
    assert rig.end.stopped == "deadline"
    assert rig.run.stopped == "deadline"


async def test_a_deadline_that_only_running_nodes_met_stopped_the_run(
    autojump_clock: MockClock,
) -> None:
    rig = Rig({"a": FakeNode(takes_s=HOUR)}, Limits(deadline_s=5))

    await rig.execute()

    assert rig.end.stopped == "deadline"


async def test_a_deadline_that_nobody_met_stopped_nothing(autojump_clock: MockClock) -> None:
    rig = Rig({"a": FakeNode(takes_s=4)}, Limits(deadline_s=5))

    await rig.execute()

    assert rig.end.stopped is None


# -- stopping -------------------------------------------------------------------


@pytest.mark.parametrize("why", ["interrupt", "terminate", "hangup", "output closed"])
async def test_a_stopped_run_returns_with_an_outcome_for_each_node(
    autojump_clock: MockClock, why: str
) -> None:
    fakes = {
        "done": FakeNode(takes_s=1),
        "connecting": FakeNode(connect_s=9),
        "running": FakeNode(takes_s=HOUR),
        "queued": FakeNode(),
    }
    rig = Rig(fakes, Limits(parallel=2))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.stop_at, 5, lambda: rig.run.cancel(why))  # type: ignore[arg-type]
        await rig.execute()

    assert rig.outcomes == {
        "done": Exited(code=0),
        "connecting": Cancelled(why=why, started=False),  # type: ignore[arg-type]
        "running": Cancelled(why=why, started=True, remote="ended"),  # type: ignore[arg-type]
        "queued": Cancelled(why=why, started=False),  # type: ignore[arg-type]
    }
    assert trio.current_time() == 5
    assert rig.end.stopped == why


async def test_the_first_reason_to_stop_stays(autojump_clock: MockClock) -> None:
    rig = Rig({"deaf": FakeNode(takes_s=HOUR, ignores_term=True)}, Limits(deadline_s=6))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.stop_at, 5, lambda: rig.run.cancel("interrupt"))
        nursery.start_soon(rig.stop_at, 6, lambda: rig.run.cancel("terminate"))
        await rig.execute()

    assert rig.outcomes["deaf"] == Cancelled(why="interrupt", started=True, remote="ended")
    assert rig.end.stopped == "interrupt"


async def test_a_run_stopped_before_it_began_connects_to_nobody(autojump_clock: MockClock) -> None:
    rig = Rig({"a": FakeNode(), "b": FakeNode()})
    rig.run.cancel("interrupt")

    await rig.execute()

    assert rig.connected == []
    assert rig.outcomes == {n: Cancelled(why="interrupt", started=False) for n in "ab"}


async def test_stopping_a_run_that_is_over_changes_no_outcome(autojump_clock: MockClock) -> None:
    rig = Rig({"a": FakeNode()})
    await rig.execute()
    assert rig.run.over

    rig.run.cancel("output closed")

    assert rig.run.stopped == "output closed"
    assert rig.run.report().ok


async def test_a_command_deaf_to_term_is_killed_after_the_grace(autojump_clock: MockClock) -> None:
    deaf = FakeNode(takes_s=HOUR, ignores_term=True)
    rig = Rig({"deaf": deaf}, Limits(timeout_s=10))

    await rig.execute()

    assert deaf.stopped_at_s == 10
    assert deaf.killed_at_s == 12
    assert trio.current_time() == 12
    assert rig.outcomes == {"deaf": TimedOut(phase="command", remote="ended")}


async def test_output_that_comes_during_the_grace_is_kept(autojump_clock: MockClock) -> None:
    fakes = {
        "polite": FakeNode(takes_s=HOUR, last_words=b"bye"),
        "deaf": FakeNode(
            takes_s=HOUR,
            ignores_term=True,
            output=((4, "stdout", b"before "), (6, "stdout", b"after "), (9, "stdout", b"late")),
        ),
    }
    rig = Rig(fakes)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.stop_at, 5, lambda: rig.run.cancel("interrupt"))
        await rig.execute()

    assert rig.said == {"polite": b"bye", "deaf": b"before after "}


async def test_a_lost_link_bounds_the_stop_and_says_not_confirmed(
    autojump_clock: MockClock,
) -> None:
    rig = Rig({"a": FakeNode(takes_s=HOUR, link_lost=True)}, Limits(timeout_s=10))

    await rig.execute()

    assert rig.outcomes == {"a": TimedOut(phase="command", remote="not confirmed")}
    assert trio.current_time() == 12


async def test_a_cut_ends_the_goodbyes_at_once(autojump_clock: MockClock) -> None:
    deaf = FakeNode(takes_s=HOUR, ignores_term=True)
    rig = Rig({"deaf": deaf})

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.stop_at, 5, lambda: rig.run.cancel("interrupt"))
        nursery.start_soon(rig.stop_at, 5.5, rig.run.goodbyes.cut)
        await rig.execute()

    assert deaf.cut_at_s == 5.5
    assert trio.current_time() == 5.5
    assert rig.outcomes["deaf"] == Cancelled(why="interrupt", started=True, remote="not confirmed")


async def test_a_timeout_that_came_before_the_stop_is_still_a_timeout(
    autojump_clock: MockClock,
) -> None:
    rig = Rig({"a": FakeNode(takes_s=HOUR, ignores_term=True)}, Limits(timeout_s=10))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.stop_at, 11, lambda: rig.run.cancel("interrupt"))
        await rig.execute()

    assert rig.outcomes == {"a": TimedOut(phase="command", remote="ended")}
    assert rig.end.stopped == "interrupt"


async def test_a_stop_that_came_before_the_timeout_is_still_a_stop(
    autojump_clock: MockClock,
) -> None:
    rig = Rig({"a": FakeNode(takes_s=HOUR, ignores_term=True)}, Limits(timeout_s=10))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.stop_at, 9, lambda: rig.run.cancel("interrupt"))
        await rig.execute()

    assert rig.outcomes == {"a": Cancelled(why="interrupt", started=True, remote="ended")}


# -- under a caller's scope -----------------------------------------------------


async def test_a_callers_cancel_ends_all_tells_all_and_goes_on_up(
    autojump_clock: MockClock,
) -> None:
    fakes = {
        "done": FakeNode(takes_s=1),
        "running": FakeNode(takes_s=HOUR, term_takes_s=0.5),
        "deaf": FakeNode(takes_s=HOUR, ignores_term=True),
        "queued": FakeNode(),
    }
    rig = Rig(fakes, Limits(parallel=2))

    with trio.move_on_after(5) as scope:
        await rig.execute()

    assert scope.cancelled_caught
    assert rig.outcomes == {
        "done": Exited(code=0),
        "running": Cancelled(why="caller", started=True, remote="ended"),
        "deaf": Cancelled(why="caller", started=True, remote="ended"),
        "queued": Cancelled(why="caller", started=False),
    }
    assert rig.end.stopped == "caller"
    assert trio.current_time() == 7


@pytest.mark.parametrize("fail_fast", [False, True])
async def test_a_callers_cancel_is_named_so_when_nobody_is_queued(
    autojump_clock: MockClock, *, fail_fast: bool
) -> None:
    rig = Rig(
        {"a": FakeNode(takes_s=HOUR), "b": FakeNode(takes_s=HOUR, term_takes_s=1)},
        Limits(fail_fast=fail_fast, deadline_s=5.5),
    )

    with trio.move_on_after(5) as scope:
        await rig.execute()

    assert scope.cancelled_caught
    assert set(rig.outcomes.values()) == {Cancelled(why="caller", started=True, remote="ended")}
    assert rig.end.stopped == "caller"
    assert rig.run.stopped_by is None


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
