"""What a run's flow pauses and resumes, for a task that asks before each piece."""

from __future__ import annotations

import trio

__all__ = ["Gate"]


class Gate:
    """`model.flow.Pausable` of one task; attach it to the flow while there is output to give."""

    __slots__ = ("_open",)

    def __init__(self) -> None:
        self._open: trio.Event = trio.Event()
        self._open.set()

    def pause_reading(self) -> None:
        """Close."""
        if self._open.is_set():
            self._open = trio.Event()

    def resume_reading(self) -> None:
        """Open."""
        self._open.set()

    async def passed(self) -> None:
        """Return when it is open; no checkpoint where it is."""
        while not self._open.is_set():
            await self._open.wait()  # it may be closed again before we come to run
