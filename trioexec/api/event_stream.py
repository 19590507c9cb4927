"""A run's events as an async iterator, with backpressure."""

from __future__ import annotations

from collections import deque
from typing import Final

import trio

from trioexec.api.streams import OneTask
from trioexec.model.events import Event, NodeOutput, RunFinished
from trioexec.model.flow import Flow

__all__ = ["EventStream"]

HIGH_BYTES: Final = 1024 * 1024
"""So much output may wait for the program; then the nodes wait.  A few of the largest reads of a
node each, so that a program which keeps up never makes any wait."""

LOW_BYTES: Final = 256 * 1024
"""What may still wait when the nodes go on: well below the other, or every event would stop and
start every channel; and not nothing, for it takes a while until more comes."""


EVENT_BYTES: Final = 128
"""What keeping one piece of output costs beside its bytes: with pieces of a byte it is all that
counts."""


class EventStream:
    """Iterate over it to get `model.events.Event` values, in the order in which they happened.

    A program that iterates slowly slows the nodes down: their SSH windows fill.  The
    iteration ends after `RunFinished`.  One task at a time may iterate; each step is a
    checkpoint.  An event that a cancelled task was waiting for is not lost: the next
    iteration gives it.

    Example:
        Output as it comes, of all nodes::

            async with open_fleet("web[1-3]") as fleet:
                async with fleet.stream("echo one; echo two") as events:
                    async for event in events:
                        match event:
                            case NodeOutput(node=name, data=data):
                                print(name, data)
                            case NodeFinished(node=name, outcome=outcome):
                                print(name, outcome.text)
    """

    def __init__(self, flow: Flow) -> None:
        self._flow = flow
        self._events: deque[Event] = deque()
        self._waiting_bytes = 0
        self._more = trio.Event()
        self._over = False
        self._dropped = False
        self._one_task = OneTask("iterating")

    def handle(self, event: Event) -> None:
        """Take an event from the engine; a sink's method."""
        if self._dropped:
            return
        self._events.append(event)
        if isinstance(event, NodeOutput):
            self._waiting_bytes += len(event.data) + EVENT_BYTES
            if self._waiting_bytes > HIGH_BYTES:
                self._flow.hold(self)
        elif isinstance(event, RunFinished):
            self._over = True
        self._more.set()

    def drop(self) -> None:
        """Want no more: what is kept is forgotten, and nobody waits for us."""
        self._dropped = self._over = True
        self._events.clear()
        self._flow.release(self)
        self._more.set()

    def __aiter__(self) -> EventStream:
        return self

    async def __anext__(self) -> Event:
        with self._one_task.hold():
            await trio.lowlevel.checkpoint()
            while not self._events:
                if self._over:
                    raise StopAsyncIteration
                self._more = trio.Event()
                await self._more.wait()
            event = self._events.popleft()
        if isinstance(event, NodeOutput):
            self._waiting_bytes -= len(event.data) + EVENT_BYTES
            if self._waiting_bytes < LOW_BYTES:
                self._flow.release(self)
        return event
