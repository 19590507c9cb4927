from __future__ import annotations

import tracemalloc

import pytest
import trio
import trio.testing

from trioexec.api.event_stream import HIGH_BYTES, EventStream
from trioexec.model.events import NodeOutput, NodeQueued, RunFinished
from trioexec.model.flow import Flow

HANG_S = 60.0
END = RunFinished(at_s=1.0, exit_code=0)


def stream_of(count: int) -> EventStream:
    events = EventStream(Flow())
    for number in range(count):
        events.handle(NodeQueued(node=f"n{number}", at_s=0.0))
    return events


async def test_each_step_is_a_checkpoint_however_much_is_waiting() -> None:
    events = stream_of(2)
    events.handle(END)

    for _ in range(3):
        with trio.testing.assert_checkpoints():
            await anext(events)
    with trio.testing.assert_checkpoints(), pytest.raises(StopAsyncIteration):
        await anext(events)


async def test_a_step_that_is_cancelled_takes_no_event() -> None:
    events = stream_of(1)

    with trio.CancelScope() as scope:
        scope.cancel()
        await anext(events)

    assert scope.cancelled_caught
    assert await anext(events) == NodeQueued(node="n0", at_s=0.0)


async def test_a_second_task_that_iterates_is_told_so_instead_of_hanging_the_first() -> None:
    events = stream_of(0)
    got: list[object] = []

    async def iterate() -> None:
        got.append(await anext(events))

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(iterate)
            await trio.testing.wait_all_tasks_blocked()
            with pytest.raises(trio.BusyResourceError, match="iterating"):
                await anext(events)
            events.handle(END)

    assert got == [END]


async def test_what_waits_is_bounded_also_where_each_piece_is_a_byte() -> None:
    flow = Flow()
    events = EventStream(flow)
    pieces = 0

    tracemalloc.start()
    try:
        while not flow.held:
            events.handle(NodeOutput(node="a", at_s=float(pieces), stream="stdout", data=b"x"))
            pieces += 1
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept_bytes < 4 * HIGH_BYTES
    for _ in range(pieces):
        await anext(events)
    assert not flow.held
