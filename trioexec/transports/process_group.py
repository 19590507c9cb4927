"""A process group of this machine: whether it lives, and how to end it.

Knows numbers and signals only: no commands, no output, no engine.
"""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Final

import trio

__all__ = ["ProcessGroup"]

_FIRST_LOOK_S: Final = 0.005
_LAST_LOOK_S: Final = 0.1
"""Between two looks at a group: short at first, as most end at once."""

_DEAD: Final = frozenset(b"ZXx")
"""States of /proc/PID/stat that no longer run anything."""


class ProcessGroup:
    """The processes that share one group number, whoever their parents are now.

    The number is used only while the group is known to be ours: before its leader
    is reaped, or while a look a moment ago found it alive.  A number is not given
    to anybody else while a group of that number exists.
    """

    __slots__ = ("pgid",)

    def __init__(self, pgid: int) -> None:
        """Stand for the group that the process `pgid` leads."""
        self.pgid: int = pgid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to all of them; a group that is gone is no error."""
        try:
            os.killpg(self.pgid, number)
        except (ProcessLookupError, PermissionError):
            # Not permitted: all that is left became another user. `alive` tells.
            return

    def terminate(self) -> None:
        """Ask all of them to end, those that are stopped as well."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End all of them."""
        self.signal(signal.SIGKILL)

    def alive(self) -> bool:
        """Whether any of them still runs; a dead one that nobody reaped does not count."""
        try:
            os.killpg(self.pgid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            return True
        # In a container whose first process does not reap, the dead stay in the
        # table for ever and can be signalled: only their state tells them apart.
        return _any_runs(self.pgid)

    async def wait_gone(self) -> None:
        """Return as soon as none of them runs."""
        pause_s = _FIRST_LOOK_S
        while self.alive():
            await trio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LAST_LOOK_S)


def _any_runs(pgid: int, proc: Path = Path("/proc")) -> bool:
    """Look for a live process of the group; where there is no /proc, take it that there is."""
    try:
        entries = [entry for entry in os.listdir(proc) if entry.isdigit()]  # noqa: PTH208 - hot
    except OSError:
        return True
    if not entries:
        return True
    return any(_runs_in(proc / entry / "stat", pgid) for entry in entries)


def _runs_in(stat: Path, pgid: int) -> bool:
    try:
        # The name, in brackets, may hold anything; state, parent and group follow the last one.
        state, _, group = stat.read_bytes().rpartition(b")")[2].split()[:3]
    except (OSError, ValueError):
        return False  # it ended while we looked
    return int(group) == pgid and state[0] not in _DEAD
