"""A run that is over, shown again through the ordinary sinks."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import trio

from trioexec.api.runner import Terminal
from trioexec.model.events import Event
from trioexec.model.flow import Flow
from trioexec.sinks.base import Sink
from trioexec.transports.gate import Gate

__all__ = ["replay"]


async def replay(
    events: Iterable[Event], *, flow: Flow, sinks: Sequence[Sink], console: Terminal
) -> bool:
    """Give the events to the sinks, as fast as they take them.

    Returns:
        Whether all was shown; false where the reader of our output went away.
    """
    gate = Gate()
    scope = trio.CancelScope()
    console.on_closed = lambda: scope.cancel(reason="nobody reads any more")
    with scope:
        async with trio.open_nursery() as output:
            output.start_soon(console.serve)
            async with trio.open_nursery() as readers:
                for sink in sinks:
                    readers.start_soon(sink.serve)
                flow.attach(gate)
                for event in events:
                    await trio.lowlevel.checkpoint()
                    await gate.passed()
                    for sink in sinks:
                        sink.handle(event)
            console.close()
    return not scope.cancelled_caught
