"""Backpressure: readers of a run say stop and go, and the channels to the nodes obey.

Pure bookkeeping, called from the hot path: no waiting here.  A reader that is
full calls `hold`, and when it has drained `release`; while anyone holds, every
attached channel is paused, so the nodes see a full SSH window.
"""

from __future__ import annotations

from typing import Protocol

__all__ = ["Flow", "Pausable"]


class Pausable(Protocol):
    """A source of output that can be told to wait."""

    def pause_reading(self) -> None:
        """Deliver no more output until `resume_reading`."""

    def resume_reading(self) -> None:
        """Deliver output again."""


class Flow:
    """One per run: who is full, and what to pause."""

    __slots__ = ("_channels", "_holders")

    def __init__(self) -> None:
        self._holders: set[object] = set()
        # A dict, for its order: who was resumed last stands last.
        self._channels: dict[Pausable, None] = {}

    @property
    def held(self) -> bool:
        """Whether output has to wait."""
        return bool(self._holders)

    def hold(self, holder: object) -> None:
        """Pause every channel until this holder, and all others, have released."""
        was_held = bool(self._holders)
        self._holders.add(holder)
        if not was_held:
            for channel in tuple(self._channels):
                channel.pause_reading()

    def release(self, holder: object) -> None:
        """Take one holder's stop back; a holder that does not hold is no error."""
        if holder not in self._holders:
            return
        self._holders.discard(holder)
        for channel in tuple(self._channels):
            # Resuming delivers what had been kept, which may fill a reader again, and may
            # end the channel.  Those that are left have waited longest: theirs is the next turn.
            if self._holders:
                return
            if channel in self._channels:
                self._channels[channel] = self._channels.pop(channel)
                channel.resume_reading()

    def attach(self, channel: Pausable) -> None:
        """Make a channel obey; if someone holds now it is paused at once."""
        self._channels[channel] = None
        if self._holders:
            channel.pause_reading()

    def detach(self, channel: Pausable) -> None:
        """Forget a channel that has ended."""
        self._channels.pop(channel, None)
