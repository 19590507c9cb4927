"""Adding a line to a known_hosts file so that processes that meet write it once.

The lock is taken on the file itself and not on one beside it: nothing is left
behind in ``~/.ssh``.  As ``ssh-keygen -R`` replaces the file, a lock counts only
if the file of that name is still the one that was locked.
"""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["LOCK_LIMIT_S", "LockBusyError", "LockedFile", "locked"]

LOCK_LIMIT_S = 1.0
"""Others hold the lock for less than a millisecond; who has it longer was stopped in between."""

LOCK_PAUSE_S = 0.001


class LockBusyError(OSError):
    """Somebody has had the lock for longer than anybody needs it."""


class LockedFile:
    """A file that is ours to add to."""

    def __init__(self, fd: int) -> None:
        self._fd = fd

    def append(self, line: str) -> None:
        """Add a line in one piece; a last line without an end gets one first.

        Raises:
            OSError: It could not be written.
        """
        data = (line + "\n").encode("utf-8", "surrogateescape")
        size = os.fstat(self._fd).st_size
        if size and os.pread(self._fd, 1, size - 1) != b"\n":
            data = b"\n" + data
        if os.write(self._fd, data) != len(data):
            # A half line would be read as none; the next append ends it.
            raise OSError(0, "it was only half written")


@contextmanager
def locked(path: Path, *, wait_s: float = LOCK_LIMIT_S) -> Iterator[LockedFile]:
    """Have a file, made if need be (0600, in a folder of 0700), for ourselves.

    Raises:
        OSError: It cannot be made, opened or, in time, locked.
    """
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    give_up_s = time.monotonic() + wait_s
    while True:
        fd = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            _lock(fd, give_up_s)
            if _is_still(path, fd):
                yield LockedFile(fd)
                return
        finally:
            os.close(fd)  # the lock goes with it


def _lock(fd: int, give_up_s: float) -> None:
    while True:
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= give_up_s:
                raise LockBusyError(0, "locked by another process") from None
            # Blocks the loop, on purpose: the key is not trusted before it is recorded.
            time.sleep(LOCK_PAUSE_S)  # noqa: TID251 - bounded, and a millisecond at most as a rule
        else:
            return


def _is_still(path: Path, fd: int) -> bool:
    try:
        found = path.stat()
    except FileNotFoundError:
        return False
    mine = os.fstat(fd)
    return (found.st_dev, found.st_ino) == (mine.st_dev, mine.st_ino)
