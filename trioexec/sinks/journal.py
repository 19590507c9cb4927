"""Keeps a run in the journal; whatever goes wrong with that is no trouble of the run's."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Final

import trio

from trioexec.model.events import Event, RunFinished, RunStarted
from trioexec.model.journal import Encoder, Header

__all__ = ["FLUSH_S", "JournalSink"]

FLUSH_S: Final = 1.0
"""If we are killed, what happened in so long is lost, and no more."""


class JournalSink:
    """Appends a run's events to its record as they happen."""

    def __init__(
        self,
        *,
        create: Callable[[float], tuple[str, int]],
        header: Callable[[str, RunStarted], Header],
        say: Callable[[str], None],
    ) -> None:
        """Prepare; nothing is created before the run has begun.

        Args:
            create: Makes an ID and an open descriptor of a start time; may raise `OSError`.
            header: Makes what the record begins with, of that ID and the first event.
            say: Shows one line to the user: once, where the run cannot be kept.
        """
        self.run_id: str = ""
        """Under which the run can be found again; empty where it is not kept."""
        self._create = create
        self._header = header
        self._say = say
        self._fd = -1
        self._encoder: Encoder | None = None
        self._over = trio.Event()

    def handle(self, event: Event) -> None:
        """Keep one event."""
        try:
            if isinstance(event, RunStarted):
                self.run_id, self._fd = self._create(event.unix_s)
                self._encoder = Encoder(self._header(self.run_id, event))
            if self._encoder is not None:
                self._write(self._encoder.encode(event))
        except OSError as exc:
            self._give_up(exc)
        if isinstance(event, RunFinished):
            self._close()

    async def serve(self) -> None:
        """Have the record hold, from second to second, what has happened."""
        while not self._over.is_set():
            with trio.move_on_after(FLUSH_S):
                await self._over.wait()
            if self._encoder is not None:
                try:
                    self._write(self._encoder.flush())
                except OSError as exc:
                    self._give_up(exc)

    def _give_up(self, exc: OSError) -> None:
        self._close()
        self.run_id = ""
        where = f"{exc.filename}: " if exc.filename else ""
        why = f"{where}{exc.strerror or exc}"
        self._say(f"trioexec: this run is not kept in the journal: {why}")

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]

    def _close(self) -> None:
        self._over.set()
        self._encoder = None
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1
