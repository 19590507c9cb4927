from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable

import pytest
import trio
import trio.testing
from trio.testing import MockClock

from trioexec.api import Fleet, open_fleet
from trioexec.api.streams import BUFFER_BYTES, InputStream, OutputStream
from trioexec.model.events import NodeFinished, NodeOutput, RunFinished
from trioexec.model.failures import (
    CommandFailedError,
    NodeCancelledError,
    NodeDeniedError,
    NodeTimedOutError,
    NodeUnreachableError,
)
from trioexec.model.flow import Flow
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Denied, Exited, Unreachable
from trioexec.testing.fakes import FakeNode, FakeTransport


async def test_run_gives_a_row_a_node_with_its_output(autojump_clock: MockClock) -> None:
    fakes = {
        "a": FakeNode(output=((0.0, "stdout", b"one\n"), (0.0, "stderr", b"two\n"))),
        "b": FakeNode(code=3),
    }

    async with open_fleet("a,b", transport=FakeTransport(fakes)) as fleet:
        report = await fleet.run("do", input=b"in", env={"K": "v"})

    assert (report["a"].stdout, report["a"].stderr) == (b"one\n", b"two\n")
    assert report["b"].outcome == Exited(code=3)
    assert [node.name for node in report.failed] == ["b"]
    assert fakes["a"].received == b"in"
    assert fakes["a"].commands[0].env == {"K": "v"}
    with pytest.raises(KeyError):
        report["c"]


async def test_failures_are_raised_when_asked_for(autojump_clock: MockClock) -> None:
    fakes = {
        "ok": FakeNode(),
        "bad": FakeNode(code=3),
        "gone": FakeNode(fails=Unreachable(reason="no route")),
        "shut": FakeNode(fails=Denied(reason="no key")),
        "slow": FakeNode(connect_s=1000),
    }

    async with open_fleet(list(fakes), transport=FakeTransport(fakes)) as fleet:
        report = await fleet.run("do")
        fine = await fleet.only(report.succeeded).run("do")

    fine.raise_for_failures()
    with pytest.RaisesGroup(
        pytest.RaisesExc(CommandFailedError, match="bad: exit 3"),
        NodeUnreachableError,
        NodeDeniedError,
        NodeTimedOutError,
    ):
        report.raise_for_failures()


async def test_a_callers_deadline_ends_the_commands_first(autojump_clock: MockClock) -> None:
    slow = FakeNode(takes_s=3600, term_takes_s=1)
    started_s = trio.current_time()

    async with open_fleet("slow", transport=FakeTransport({"slow": slow})) as fleet:
        with trio.move_on_after(10) as scope:
            await fleet.run("do")

    assert scope.cancelled_caught
    assert slow.stopped_at_s == started_s + 10
    assert trio.current_time() == started_s + 11


async def test_a_stream_gives_every_event_in_order(autojump_clock: MockClock) -> None:
    fakes = {"a": FakeNode(takes_s=2, output=((1.0, "stdout", b"x"),))}

    async with open_fleet("a", transport=FakeTransport(fakes)) as fleet:
        async with fleet.stream("do") as events:
            names = [type(event).__name__ async for event in events]

    assert names == [
        "RunStarted",
        "NodeQueued",
        "NodeConnecting",
        "NodeStarted",
        "NodeOutput",
        "NodeFinished",
        "RunFinished",
    ]


async def test_leaving_a_stream_early_ends_the_commands(autojump_clock: MockClock) -> None:
    slow = FakeNode(takes_s=3600, output=((1.0, "stdout", b"x"),))

    async with open_fleet("slow", transport=FakeTransport({"slow": slow})) as fleet:
        async with fleet.stream("do") as events:
            async for event in events:
                if isinstance(event, NodeOutput):
                    break

    assert slow.stopped_at_s is not None


async def test_an_exception_in_a_stream_block_comes_out_as_it_is(
    autojump_clock: MockClock,
) -> None:
    slow = FakeNode(takes_s=3600)

    with pytest.raises(ZeroDivisionError):
        async with open_fleet("slow", transport=FakeTransport({"slow": slow})) as fleet:
            async with fleet.stream("do"):
                raise ZeroDivisionError

    assert slow.started_at_s is None or slow.stopped_at_s is not None


async def test_a_slow_iterator_makes_the_nodes_wait(autojump_clock: MockClock) -> None:
    pieces = tuple((0.0, "stdout", b"x" * 65536) for _ in range(200))
    fakes = {"a": FakeNode(output=pieces)}  # type: ignore[arg-type]

    async with open_fleet("a", transport=FakeTransport(fakes)) as fleet:
        async with fleet.stream("do") as events:
            await trio.sleep(100)
            waiting = sum(isinstance(event, NodeOutput) for event in events._events)
            total = 0
            async for event in events:
                total += isinstance(event, NodeOutput)

    assert waiting <= 18
    assert total == 200


async def test_two_runs_at_once_on_one_fleet(autojump_clock: MockClock) -> None:
    fakes = {"a": FakeNode(takes_s=5)}
    reports = []

    async with open_fleet("a", transport=FakeTransport(fakes)) as fleet:

        async def run() -> None:
            reports.append(await fleet.run("do"))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(run)
            nursery.start_soon(run)

    assert [report.ok for report in reports] == [True, True]


async def test_fail_fast_stops_the_others(autojump_clock: MockClock) -> None:
    fakes = {"bad": FakeNode(takes_s=1, code=3), "slow": FakeNode(takes_s=3600)}

    async with open_fleet("bad,slow", fail_fast=True, transport=FakeTransport(fakes)) as fleet:
        report = await fleet.run("do")

    with pytest.RaisesGroup(CommandFailedError, NodeCancelledError):
        report.raise_for_failures()


async def test_ping_runs_nothing(autojump_clock: MockClock) -> None:
    fakes = {"a": FakeNode()}

    async with open_fleet("a,b", transport=FakeTransport(fakes)) as fleet:
        report = await fleet.ping()

    assert [node.name for node in report.succeeded] == ["a"]
    assert fakes["a"].commands == []


async def test_a_fleet_of_values_is_ranked_and_each_node_once(autojump_clock: MockClock) -> None:
    node = Node(name="b", host="b", rank=7)

    async with open_fleet(["a", node, "b"], transport=FakeTransport({})) as fleet:
        ranks = [(each.name, each.node.rank) for each in fleet]
        with pytest.raises(KeyError):
            fleet.node("c")

    assert ranks == [("a", 0), ("b", 1)]
    assert len(fleet) == 2


async def test_a_process_that_cannot_start_raises_what_it_is(autojump_clock: MockClock) -> None:
    async with open_fleet("gone", transport=FakeTransport({})) as fleet:
        with pytest.raises(NodeUnreachableError):
            async with fleet.node("gone").open_process("do"):
                pytest.fail("it did not start")


async def test_a_fake_node_takes_what_its_process_is_sent(autojump_clock: MockClock) -> None:
    fake = FakeNode(takes_s=10, output=((1, "stdout", b"said"),))

    async with open_fleet("a", transport=FakeTransport({"a": fake})) as fleet:
        async with fleet.node("a").open_process("cat") as process:
            await process.stdin.send_all(b"x" * 200_000)
            await process.stdin.send_all(b"y")
            await process.stdin.aclose()
            assert await process.stdout.receive_some() == b"said"
            assert await process.wait() == Exited(code=0)

    assert fake.received == b"x" * 200_000 + b"y"


async def test_leaving_a_process_block_ends_it(autojump_clock: MockClock) -> None:
    slow = FakeNode(takes_s=3600)

    async with open_fleet("slow", transport=FakeTransport({"slow": slow})) as fleet:
        async with fleet.node("slow").open_process("do"):
            pass

    assert slow.stopped_at_s is not None


async def test_node_run_is_one_row(autojump_clock: MockClock) -> None:
    async with open_fleet("a,b", transport=FakeTransport({"a": FakeNode(code=4)})) as fleet:
        row = await fleet.node("a").run("do")

    assert row.outcome == Exited(code=4)


async def test_closing_both_outputs_ends_the_process(autojump_clock: MockClock) -> None:
    slow = FakeNode(takes_s=3600)

    async with open_fleet("slow", transport=FakeTransport({"slow": slow})) as fleet:
        async with fleet.node("slow").open_process("do") as process:
            await process.stdout.aclose()
            assert process.outcome is None
            await process.stderr.aclose()
            await process.wait()
            with pytest.raises(trio.BrokenResourceError):
                await process.stdin.send_all(b"x")


async def _pipe() -> tuple[InputStream, OutputStream]:
    """A stdin whose bytes come out at a stdout, as through `cat`."""
    flow = Flow()
    stdin = InputStream()
    stdout = OutputStream(flow, stdin.break_)

    class Cat:
        def pause_reading(self) -> None: ...

        def resume_reading(self) -> None:
            pump()

    cursor = stdin.attach(lambda: pump())

    def pump() -> None:
        while not flow.held and not stdout.closed:
            data = cursor.read(4096)
            if data is None:
                stdout.end()
            if not data:
                return
            stdout.put(data)

    flow.attach(Cat())
    return stdin, stdout


async def _clogged_pipe() -> tuple[InputStream, OutputStream]:
    """One whose reader is full, and whose writer has something left to give."""
    stdin, stdout = await _pipe()
    stdout.put(b"x" * BUFFER_BYTES)
    with trio.move_on_after(0.01):
        await stdin.send_all(b"x")
    return stdin, stdout


async def test_the_streams_keep_trios_contract() -> None:
    with trio.fail_after(20):
        await trio.testing.check_one_way_stream(_pipe, _clogged_pipe)


async def test_an_output_stream_holds_the_flow_while_it_is_full() -> None:
    flow = Flow()
    stream = OutputStream(flow, lambda: None)

    stream.put(b"x" * BUFFER_BYTES)
    held = flow.held
    await stream.receive_some()

    assert held
    assert not flow.held


async def test_events_end_after_the_run(autojump_clock: MockClock) -> None:
    async with open_fleet("a", transport=FakeTransport({"a": FakeNode()})) as fleet:
        async with fleet.stream("do") as events:
            seen = [event async for event in events]
            again = [event async for event in events]

    assert isinstance(seen[-1], RunFinished)
    assert isinstance(seen[-2], NodeFinished)
    assert again == []


async def _run(fleet: Fleet) -> None:
    await fleet.run("x")


async def _stream(fleet: Fleet) -> None:
    async with fleet.stream("x") as events:
        async for _ in events:
            pass


async def _leave_a_process(fleet: Fleet) -> None:
    async with fleet.node("a").open_process("x"):
        pass


async def _ask_one_node(fleet: Fleet) -> None:
    await fleet.node("a").run("x")


@pytest.mark.parametrize("use", [_run, _stream, _leave_a_process, _ask_one_node])
def test_a_ctrl_c_comes_out_as_it_is_and_the_command_is_ended(
    use: Callable[[Fleet], Awaitable[None]],
) -> None:
    fake = FakeNode(takes_s=3600, ignores_term=True)

    async def press() -> None:
        await trio.sleep(1)
        signal.raise_signal(signal.SIGINT)

    async def main() -> None:
        async with open_fleet("a", transport=FakeTransport({"a": fake})) as fleet:
            trio.lowlevel.spawn_system_task(press)
            await use(fleet)

    with pytest.raises(KeyboardInterrupt):
        trio.run(main, clock=MockClock(autojump_threshold=0))
    assert fake.killed_at_s is not None


async def test_a_full_stream_that_is_closed_holds_nobody_up() -> None:
    flow, closed = Flow(), []
    stream = OutputStream(flow, lambda: closed.append("closed"))
    stream.put(b"x" * BUFFER_BYTES)
    assert flow.held

    stream.close()
    stream.put(b"more")

    assert not flow.held
    assert closed == ["closed"]


async def test_what_was_sent_before_a_stream_was_closed_is_taken_before_its_end() -> None:
    stream = InputStream()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(stream.send_all, b"last words")
        await trio.testing.wait_all_tasks_blocked()
        taken = stream.take(4)
        nursery.cancel_scope.cancel()

    stream.close()

    assert [taken, stream.take(100), stream.take(100)] == [b"last", b" words", None]


async def test_a_stream_that_has_room_again_lets_the_node_go_on_before_it_is_empty() -> None:
    flow = Flow()
    stream = OutputStream(flow, lambda: None)
    stream.put(b"x" * BUFFER_BYTES)

    await stream.receive_some(1)

    assert not flow.held
