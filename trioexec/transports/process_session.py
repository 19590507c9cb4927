"""A session of processes on this machine: whether anybody lives in it, and how to end it.

Knows numbers and signals only: no commands, no output, no engine.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Final

import trio

__all__ = ["ProcessSession"]

_FIRST_LOOK_S: Final = 0.005
_LAST_LOOK_S: Final = 0.1
"""Between two looks at a session: short at first, as most end at once."""

_DEAD: Final = frozenset(b"ZXx")
"""States of /proc/PID/stat that no longer run anything, but for what other threads do."""

_THREADS: Final = 17
"""Where /proc/PID/stat says how many there are, counted from the state."""


class ProcessSession:
    """A process that leads a session, and all in that session, whoever their parents are now.

    `timeout` and shells with job control give what they start groups of its own: those too.

    The number is used only while the group is known to be ours: before its leader
    is reaped, or while a look a moment ago found it alive.  A number is not given
    to anybody else while a group or a session of that number exists.
    """

    __slots__ = ("sid",)

    def __init__(self, sid: int) -> None:
        """Stand for the session that the process `sid` leads."""
        self.sid: int = sid

    def signal(self, *numbers: signal.Signals) -> None:
        """Send signals to all of them, in order; a group that is gone is no error."""
        for pgid in {self.sid, *(_living(self.sid) or ())}:
            # Not permitted: all that is left became another user. `alive` tells.
            with suppress(ProcessLookupError, PermissionError):
                for number in numbers:
                    os.killpg(pgid, number)

    def terminate(self) -> None:
        """Ask all of them to end, those that are stopped as well."""
        self.signal(signal.SIGTERM, signal.SIGCONT)

    def kill(self) -> None:
        """End all of them."""
        self.signal(signal.SIGKILL)

    def alive(self) -> bool:
        """Whether any of them still runs; a dead one that nobody reaped does not count.

        In a container whose first process does not reap, the dead stay in the
        table for ever and can be signalled: only their state tells them apart.
        """
        groups = _living(self.sid)
        if groups is not None:
            return bool(groups)
        try:
            os.killpg(self.sid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:
            pass
        return True

    async def wait_gone(self) -> None:
        """Return as soon as none of them runs."""
        pause_s = _FIRST_LOOK_S
        while self.alive():
            await trio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LAST_LOOK_S)


def _living(session: int, proc: Path = Path("/proc")) -> set[int] | None:
    """Find the groups in which somebody of a session runs; None where there is no /proc."""
    try:
        pids = [int(name) for name in os.listdir(proc) if name.isdigit()]  # noqa: PTH208 - hot
    except OSError:
        return None
    found = set()
    for pid in pids:
        # It may end while we look.
        with suppress(OSError, ValueError):
            if os.getsid(pid) == session:
                stat = (proc / str(pid) / "stat").read_bytes()
                # The name, in brackets, may hold anything; what we want follows the last one.
                fields = stat.rpartition(b")")[2].split()
                if fields[0][0] not in _DEAD or int(fields[_THREADS]) > 1:
                    found.add(int(fields[2]))
    return found if pids else None
