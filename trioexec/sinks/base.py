"""The seam to a reader: a sink takes every event of a run, in order, on the hot path.

A sink cannot change an outcome.  What it cannot take now it keeps, bounded, and
holds the run's `Flow` meanwhile.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from typing import Final, Protocol

from trioexec.model.events import Event
from trioexec.model.outcomes import TOLD_TO_GO, StopReason

__all__ = ["Sink", "Writer", "failed_file", "patience_s"]

STUCK_S: Final = 1.0
"""After somebody has told us to end."""


class Sink(Protocol):
    """Something that shows or keeps a run."""

    def handle(self, event: Event) -> None:
        """Take one event.  Must neither block nor raise for anything a node sent."""

    async def serve(self) -> None:
        """Do what takes time (a ticking display, a flush).

        Runs beside the engine and returns after the sink has handled
        `RunFinished` and has given everything away; at once, where there is nothing
        to do.  Cancelled only when nobody wants to wait any more.
        """


def failed_file(sinks: Iterable[Sink]) -> bool:
    """Say whether a file that was asked for is not there, or not whole.

    A sink that writes one has `error`: why it could not, or None.
    """
    return any(getattr(sink, "error", None) is not None for sink in sinks)


def patience_s(stopped: StopReason | None) -> float:
    """Say how long a reader that does not read may keep a run that is over from ending."""
    return STUCK_S if stopped in TOLD_TO_GO else math.inf


class Writer(Protocol):
    """Where a sink's bytes go; `sinks.writer` has the one for file descriptors."""

    is_terminal: bool

    @property
    def columns(self) -> int:
        """How wide the terminal is just now."""

    def write(self, data: bytes) -> None:
        """Take bytes; never blocks.  Holds the run's flow while too much is waiting."""

    def write_lazily(self, parts: Iterator[bytes], size_bytes: int) -> None:
        """Take what `parts` will yield, asked for only as fast as the reader reads."""

    def show_live(self, line: bytes) -> None:
        """Keep this line under all other text; nothing happens where there is no terminal."""
