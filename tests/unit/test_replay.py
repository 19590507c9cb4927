from __future__ import annotations

from collections.abc import Callable

import trio
from trio.testing import MockClock

from tests.unit.recorded import EVERY_WAY, events_of
from trioexec.api.replay import replay
from trioexec.model.events import Event
from trioexec.model.flow import Flow


class Screen:
    """A terminal that takes nothing until it is closed."""

    def __init__(self) -> None:
        self.on_closed: Callable[[], None] = lambda: None
        self._closed = trio.Event()

    def say(self, line: str) -> None:
        raise AssertionError(line)

    async def serve(self) -> None:
        await self._closed.wait()

    def close(self) -> None:
        self._closed.set()


class Reader:
    """A sink that is full after every so many events, until somebody releases it."""

    def __init__(self, flow: Flow, *, every: int) -> None:
        self.events: list[Event] = []
        self._flow = flow
        self._every = every

    def handle(self, event: Event) -> None:
        assert not self._flow.held
        self.events.append(event)
        if len(self.events) % self._every == 0:
            self._flow.hold(self)

    async def serve(self) -> None:
        """Nothing takes time here."""


async def test_every_event_is_shown_in_order_and_a_slow_reader_is_waited_for(
    autojump_clock: MockClock,
) -> None:
    flow, events = Flow(), events_of(EVERY_WAY)
    slow = Reader(flow, every=10)

    async with trio.open_nursery() as nursery:

        async def read_now_and_then() -> None:
            while True:
                await trio.sleep(3600)
                flow.release(slow)
                flow.hold(slow)  # full again before anybody came to run
                flow.release(slow)

        nursery.start_soon(read_now_and_then)
        whole = await replay(events, flow=flow, sinks=[slow], console=Screen())
        nursery.cancel_scope.cancel()

    assert whole
    assert slow.events == events
    assert trio.current_time() == len(events) // 10 * 3600


async def test_a_reader_that_went_away_ends_it(autojump_clock: MockClock) -> None:
    flow, screen = Flow(), Screen()
    reader = Reader(flow, every=5)

    async with trio.open_nursery() as nursery:

        async def leave() -> None:
            await trio.sleep(10)
            screen.on_closed()

        nursery.start_soon(leave)
        whole = await replay(events_of(EVERY_WAY), flow=flow, sinks=[reader], console=screen)

    assert not whole
    assert len(reader.events) == 5
