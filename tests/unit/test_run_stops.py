"""How a run stops before its nodes are done."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.unit.rig import HOUR, Rig, names
from trioexec.model.command import Limits
from trioexec.model.events import (
    NodeConnecting,
    NodeFinished,
    NodeStarted,
)
from trioexec.model.outcomes import (
    Cancelled,
    Denied,
    Exited,
    TimedOut,
    Unreachable,
)
from trioexec.testing.fakes import FakeNode

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
