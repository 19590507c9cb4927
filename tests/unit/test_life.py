from __future__ import annotations

import math

import pytest
import trio
from trio.testing import MockClock

from trioexec.api import Fleet, open_fleet
from trioexec.model.command import Command
from trioexec.model.errors import UsageError
from trioexec.model.events import Event, NodeFinished, RunFinished, RunStarted
from trioexec.model.outcomes import Cancelled
from trioexec.model.report import Report
from trioexec.model.secret import Secret
from trioexec.testing.fakes import FakeNode, FakeTransport

HOUR = 3600.0


async def test_leaving_the_block_ends_what_other_tasks_still_run(
    autojump_clock: MockClock,
) -> None:
    fakes = {"a": FakeNode(takes_s=HOUR), "b": FakeNode(takes_s=HOUR)}
    reports: list[Report] = []
    start_s = trio.current_time()

    async def use(fleet: Fleet, *, task_status: trio.TaskStatus[None]) -> None:
        task_status.started()
        reports.append(await fleet.run("do"))

    async with trio.open_nursery() as nursery:
        async with open_fleet("a,b", transport=FakeTransport(fakes)) as fleet:
            await nursery.start(use, fleet)
            await nursery.start(use, fleet.only([fleet.nodes[0]]))
            await trio.sleep(5)

        assert trio.current_time() == start_s + 5
        assert [fake.stopped_at_s for fake in fakes.values()] == [start_s + 5] * 2

    ended = {type(row.outcome) for report in reports for row in report}
    assert ended == {Cancelled}
    assert sum(len(report) for report in reports) == 3


async def test_a_command_that_is_only_about_to_begin_is_not_begun_after_the_block(
    autojump_clock: MockClock,
) -> None:
    transport = FakeTransport({"a": FakeNode(takes_s=HOUR)})
    block = open_fleet("a", transport=transport)
    fleet = await block.__aenter__()

    async with fleet.stream("do") as stream:  # no checkpoint: its run has had no step yet
        await block.__aexit__(None, None, None)
        events = [event async for event in stream]

    assert transport.nodes["a"].connecting_at_s is None
    assert [event.outcome for event in events if isinstance(event, NodeFinished)] == [
        Cancelled(why="caller", started=False)
    ]


async def test_a_fleet_does_nothing_after_its_block() -> None:
    async with open_fleet("a", transport=FakeTransport({"a": FakeNode()})) as fleet:
        node = fleet.node("a")

    with pytest.raises(trio.ClosedResourceError, match="left"):
        await fleet.run("do")
    with pytest.raises(trio.ClosedResourceError):
        await fleet.only(fleet.nodes).ping()
    with pytest.raises(trio.ClosedResourceError):
        async with fleet.stream("do"):
            pytest.fail("it streams")
    with pytest.raises(trio.ClosedResourceError):
        async with node.open_process("do"):
            pytest.fail("it runs")


async def test_each_command_has_watchers_of_its_own(autojump_clock: MockClock) -> None:
    seen: list[list[Event]] = []

    def watch() -> object:
        seen.append([])
        return seen[-1].append

    fakes = {"a": FakeNode(takes_s=1), "b": FakeNode(takes_s=2)}
    async with open_fleet("a,b", transport=FakeTransport(fakes), watch=[watch]) as fleet:  # type: ignore[list-item]
        async with trio.open_nursery() as nursery:
            for node in fleet:
                nursery.start_soon(node.run, "do")

    for events in seen:
        assert isinstance(events[0], RunStarted)
        assert isinstance(events[-1], RunFinished)
        assert sum(isinstance(event, NodeFinished) for event in events) == 1
    assert len(seen) == 2


@pytest.mark.parametrize("parallel", [0, math.inf])
async def test_no_limit_is_none(autojump_clock: MockClock, parallel: float) -> None:
    fakes = {f"n{i}": FakeNode(takes_s=10) for i in range(100)}

    async with open_fleet(fakes, transport=FakeTransport(fakes), parallel=parallel) as fleet:
        await fleet.run("do")

    assert trio.current_time() == 10


async def test_a_whole_number_may_be_a_float(autojump_clock: MockClock) -> None:
    fakes = {f"n{i}": FakeNode(takes_s=10) for i in range(4)}

    async with open_fleet(fakes, transport=FakeTransport(fakes), parallel=2.0) as fleet:
        await fleet.run("do")

    assert trio.current_time() == 20


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"parallel": -1}, id="fewer than none"),
        pytest.param({"parallel": 2.5}, id="half a node"),
        pytest.param({"parallel": math.nan}, id="no number of nodes"),
        pytest.param({"connect_timeout_s": 0}, id="no time at all"),
        pytest.param({"connect_timeout_s": -1}, id="less than no time"),
        pytest.param({"connect_timeout_s": math.nan}, id="no number of seconds"),
    ],
)
async def test_numbers_that_make_no_sense_are_refused_at_once(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="It takes"):
        async with open_fleet("a", transport=FakeTransport({}), **options):  # type: ignore[arg-type]
            pytest.fail("it opened")


@pytest.mark.parametrize(
    ("command", "env", "says"),
    [
        pytest.param("echo a\0b", {}, "the command has a NUL", id="NUL in the command"),
        pytest.param("true", {"A": "x\0"}, "value of A has a NUL", id="NUL in a value"),
        pytest.param("\udce9", {}, "the command is not UTF-8", id="no text"),
        pytest.param("true", {"A": "\ud800"}, "value of A is not UTF-8", id="a value is no text"),
        pytest.param("true", {"A B": "1"}, "'A B' is no name", id="two words"),
        pytest.param("true", {"-p": "1"}, "'-p' is no name", id="an option of export's"),
        pytest.param("true", {"": "1"}, "'' is no name", id="no name"),
        pytest.param("true", {"1A": "1"}, "'1A' is no name", id="a digit first"),
        pytest.param("true", {"A\n": "1"}, "is no name", id="a newline"),
    ],
)
async def test_what_no_shell_can_be_given_is_refused_before_any_node_has_it(
    command: str, env: dict[str, str], says: str
) -> None:
    fake = FakeNode()

    async with open_fleet("a", transport=FakeTransport({"a": fake})) as fleet:
        with pytest.raises(UsageError, match=says):
            await fleet.run(command, env=env)

    assert fake.commands == []


@pytest.mark.parametrize("how", [{"tty": True}, {"wrap": False}], ids=["terminal", "no wrapper"])
def test_a_sudo_password_has_no_place_where_it_would_be_seen_or_sent_to_nobody(
    how: dict[str, bool],
) -> None:
    with pytest.raises(UsageError, match="sudo password"):
        Command(text="id", sudo_password=Secret("s"), **how)
