"""How long a node and a run may take."""

from __future__ import annotations

import pytest
import trio
from trio.testing import MockClock

from tests.unit.rig import HOUR, Rig
from trioexec.model.command import Limits
from trioexec.model.outcomes import (
    Cancelled,
    Exited,
    TimedOut,
)
from trioexec.testing.fakes import FakeNode

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
