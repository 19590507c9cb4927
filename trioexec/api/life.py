"""The life of a fleet: its commands that run, and what becomes of them when its block is left."""

from __future__ import annotations

from typing import Final

import trio

from trioexec.api.ungrouped import alone
from trioexec.engine.run import Run
from trioexec.model.report import Report

__all__ = ["Life"]

END_S: Final = 60.0
"""How long commands of other tasks may take to be ended; each has a shorter bound of its own,
unless its grace is longer than this."""


class Life:
    """Shared by a fleet and all that `Fleet.only` gives of it."""

    def __init__(self) -> None:
        self._left = False
        self._runs: set[Run] = set()
        self._none_runs: trio.Event = trio.Event()

    def check(self) -> None:
        """See that the block has not been left.

        Raises:
            trio.ClosedResourceError: It has.
        """
        if self._left:
            raise trio.ClosedResourceError("the block of this fleet has been left")

    async def execute(self, run: Run) -> Report:
        """Execute a run, which `end` ends; where that came first, no node of it is begun.

        A Ctrl-C, which trio raises in the main task, comes out as it is.
        """
        if self._left:
            run.cancel("caller")
        self._runs.add(run)
        try:
            return await run.execute()
        except BaseExceptionGroup as exc:
            raise alone(exc) from None  # noqa: ASYNC104 - the same, out of the run's nurseries
        finally:
            self._runs.discard(run)
            if not self._runs:
                self._none_runs.set()

    async def end(self) -> None:
        """End what other tasks still run, and wait for that; nothing can be run after it."""
        self._left = True
        if self._runs:
            for run in self._runs:
                run.cancel("caller")
            with trio.move_on_after(END_S, shield=True):
                self._none_runs = trio.Event()
                await self._none_runs.wait()
