"""The watch over commands that say nothing: one task for all of a run's calls.

Silence that we impose ourselves does not count: while a reader of ours is full the
channels are paused, and nobody can tell what a node would have said.
"""

from __future__ import annotations

from collections.abc import Mapping

import trio

from trioexec.engine.call import NodeCall
from trioexec.model.flow import Flow

__all__ = ["IdleWatch"]


class IdleWatch:
    """Expires calls that have been silent too long; hears from `Flow` as a channel does."""

    def __init__(self, calls: Mapping[str, NodeCall], flow: Flow, *, limit_s: float) -> None:
        """Prepare; `calls` is looked at anew at each turn."""
        self._calls = calls
        self._flow = flow
        self._limit_s = limit_s

    async def watch(self) -> None:
        """Watch until cancelled."""
        self._flow.attach(self)
        try:
            while True:
                next_s = self._expire_due()
                await trio.sleep_until(next_s)
        finally:
            self._flow.detach(self)

    def pause_reading(self) -> None:
        """Nothing to do: `Flow.held` is asked at each turn."""

    def resume_reading(self) -> None:
        """Count every silence from now."""
        for call in self._calls.values():
            call.excuse_silence()

    def _expire_due(self) -> float:
        """Expire what is due, and say when to look again."""
        now_s = trio.current_time()
        next_s = now_s + self._limit_s
        if self._flow.held:
            return next_s
        for call in tuple(self._calls.values()):
            due_s = call.heard_at_s + self._limit_s
            if due_s <= now_s:
                call.expire("idle")
            else:
                next_s = min(next_s, due_s)
        return next_s
