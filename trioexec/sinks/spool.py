"""Output that is kept for later: a little of it in memory, the rest in one file without a name.

The file is made when it is first needed, in the system's folder for temporary
files (`TMPDIR`), and is gone with the process, however that ends.  Blocks given
back are used again, so it grows no larger than what is kept at one time.
"""

from __future__ import annotations

import errno
import os
import weakref
from collections.abc import Callable, Iterator
from typing import Final

__all__ = ["BLOCK_BYTES", "Kept", "Spool"]

BLOCK_BYTES: Final = 64 * 1024
"""What one text holds in memory before it goes to the file."""


class Spool:
    """The file that many kept texts share."""

    def __init__(self, *, memory_bytes: int, on_error: Callable[[OSError], None]) -> None:
        """Prepare a spool; nothing is opened yet.

        Args:
            memory_bytes: How much all texts together may hold in whole blocks in memory.
            on_error: Told once if the file cannot be written.  From then on everything
                is kept in memory: nothing is lost.
        """
        self._memory_left_bytes = memory_bytes
        self._on_error = on_error
        self._broken = False
        self._fd = -1
        self._blocks = 0
        self._free: list[int] = []

    def put(self, block: bytes) -> int | bytes:
        """Keep at most a block; answers with its number in the file, or with itself."""
        if len(block) <= self._memory_left_bytes:
            self._memory_left_bytes -= len(block)
            return block
        if self._broken:
            return block
        try:
            return self._write(block)
        except OSError as exc:
            self._broken = True
            self._on_error(exc)
            return block

    def get(self, place: int | bytes, size_bytes: int) -> bytes:
        """Read back what `put` kept."""
        if isinstance(place, bytes):
            return place
        data = os.pread(self._fd, size_bytes, place * BLOCK_BYTES)
        if len(data) != size_bytes:
            raise OSError(errno.EIO, "the temporary file was cut short")
        return data

    def drop(self, place: int | bytes) -> None:
        """Give a block back."""
        if isinstance(place, int):
            self._free.append(place)
        elif not self._broken:  # else it may never have been counted
            self._memory_left_bytes += len(place)

    def _write(self, block: bytes) -> int:
        if self._fd < 0:
            self._fd = _open_nameless()
            weakref.finalize(self, os.close, self._fd)
        if not self._free:
            self._free.append(self._blocks)
            self._blocks += 1
        if os.pwrite(self._fd, block, self._free[-1] * BLOCK_BYTES) != len(block):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return self._free.pop()


class Kept:
    """One text, as far as it has come."""

    __slots__ = ("_blocks", "_spool", "_tail", "size_bytes")

    def __init__(self, spool: Spool) -> None:
        self.size_bytes: int = 0
        self._spool = spool
        self._blocks: list[int | bytes] = []
        self._tail = bytearray()

    def append(self, data: bytes) -> None:
        """Add to the end."""
        self.size_bytes += len(data)
        tail = self._tail
        tail += data
        while len(tail) >= BLOCK_BYTES:
            self._blocks.append(self._spool.put(bytes(tail[:BLOCK_BYTES])))
            del tail[:BLOCK_BYTES]

    def settle(self) -> None:
        """Let the rest, too, count as memory or go to the file: nothing more will come."""
        if self._tail:
            self._blocks.append(self._spool.put(bytes(self._tail)))
            self._tail = bytearray()

    def take_short(self) -> bytes | None:
        """Hand all of it over and begin anew; None, and no change, if it is a block or more."""
        if self._blocks:
            return None
        short = bytes(self._tail)
        self._tail.clear()
        self.size_bytes = 0
        return short

    def parts(self) -> Iterator[bytes]:
        """All of it, a block at a time; may be asked for again."""
        left_bytes = self.size_bytes - len(self._tail)
        for place in self._blocks:
            size_bytes = min(BLOCK_BYTES, left_bytes)
            left_bytes -= size_bytes
            yield self._spool.get(place, size_bytes)
        if self._tail:
            yield bytes(self._tail)

    def drop(self) -> None:
        """Forget it, and give its blocks back."""
        for place in self._blocks:
            self._spool.drop(place)
        self._blocks = []
        self._tail = bytearray()
        self.size_bytes = 0


def _open_nameless() -> int:
    import tempfile  # noqa: PLC0415 -- slow to import, seldom needed

    with tempfile.TemporaryFile(prefix="trioexec-") as file:
        return os.dup(file.fileno())
