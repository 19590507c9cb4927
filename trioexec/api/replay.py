"""A run that is over, shown again through the ordinary sinks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import trio

from trioexec.api.runner import Terminal
from trioexec.model.events import Event
from trioexec.model.flow import Flow
from trioexec.sinks.base import Sink

__all__ = ["replay"]


class _Feed:
    """Obeys the flow as a channel to a node would."""

    def __init__(self) -> None:
        self._open = trio.Event()
        self._open.set()

    def pause_reading(self) -> None:
        if self._open.is_set():
            self._open = trio.Event()

    def resume_reading(self) -> None:
        self._open.set()

    async def passed(self) -> None:
        await trio.lowlevel.checkpoint()
        while not self._open.is_set():
            await self._open.wait()


async def replay(
    events: Iterable[Event], *, flow: Flow, sinks: Sequence[Sink], console: Terminal
) -> bool:
    """Give the events to the sinks, as fast as they take them.

    Returns:
        Whether all was shown; false where the reader of our output went away.
    """
    feed = _Feed()
    scope = trio.CancelScope()
    console.on_closed = lambda: scope.cancel(reason="nobody reads any more")
    with scope:
        async with trio.open_nursery() as output:
            output.start_soon(console.serve)
            async with trio.open_nursery() as readers:
                for sink in sinks:
                    readers.start_soon(sink.serve)
                flow.attach(feed)
                for event in events:
                    await feed.passed()
                    for sink in sinks:
                        sink.handle(event)
            console.close()
    return not scope.cancelled_caught
