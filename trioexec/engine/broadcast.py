"""Our stdin for every command: read as fast as the slowest running one takes it.

What was read is kept in a spool, in memory while it is small and on disk after that,
because a node that starts later reads from the beginning too.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Callable
from typing import Final

import trio

from trioexec.model.feed import Cursor

__all__ = ["Broadcast"]

AHEAD_BYTES: Final = 1024 * 1024
"""How far we read beyond the slowest running command."""

PIECE_BYTES: Final = 64 * 1024
SPOOL_IN_MEMORY_BYTES: Final = 8 * 1024 * 1024


class Broadcast:
    """A `model.feed.Feed` over a file descriptor."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._spool = tempfile.SpooledTemporaryFile(SPOOL_IN_MEMORY_BYTES)  # noqa: SIM115 - closed in serve
        self._size = 0
        self._ended = False
        self._cursors: dict[_Cursor, None] = {}
        self._room = trio.Event()
        self.error: OSError | None = None
        """Why it could not be read and kept to its end; then nobody is told of an end."""
        self.on_error: Callable[[], object] = lambda: None
        """Called once, when there is an error: the commands would wait for ever."""

    async def serve(self) -> None:
        """Read until the end, then keep what was read until cancelled.

        A read from a terminal or a pipe cannot be taken back: when cancelled, the
        thread in it is left behind, and what it reads is lost.
        """
        try:
            while not self._ended:
                await self._wait_for_room()
                try:
                    self._take(
                        await trio.to_thread.run_sync(
                            os.read, self._descriptor, PIECE_BYTES, abandon_on_cancel=True
                        )
                    )
                except OSError as exc:
                    self.error = exc
                    self.on_error()
                    break
            await trio.sleep_forever()
        finally:
            with contextlib.suppress(OSError):  # what a full disk did not take is tried again
                self._spool.close()

    def attach(self, wake: Callable[[], object]) -> Cursor:
        """Begin to read from the beginning."""
        cursor = _Cursor(self, wake)
        self._cursors[cursor] = None
        self._room.set()
        return cursor

    def _take(self, data: bytes) -> None:
        if data:
            self._keep(data)
            self._size += len(data)
        else:
            self._ended = True
        for cursor in tuple(self._cursors):
            cursor.wake_if_waiting()

    def _keep(self, data: bytes) -> None:
        try:
            self._spool.seek(self._size)
            self._spool.write(data)
            self._spool.flush()  # or it would fail when somebody reads
        except OSError as exc:
            what = f"{exc.strerror} where temporary files are kept"
            raise OSError(exc.errno, what) from exc

    async def _wait_for_room(self) -> None:
        while not self._has_room():
            self._room = trio.Event()
            await self._room.wait()

    def _has_room(self) -> bool:
        if not self._cursors:
            return self._size == 0
        return self._size - min(cursor.at for cursor in self._cursors) < AHEAD_BYTES

    def read_at(self, at: int, limit_bytes: int) -> bytes | None:
        """Give what stands at a place; see `Cursor.read`."""
        if self._spool.closed or self.error is not None:
            return b""  # we were cut off: to call that the end would be another input
        if at == self._size:
            return None if self._ended else b""
        self._spool.seek(at)
        return self._spool.read(min(limit_bytes, self._size - at))

    def moved(self) -> None:
        """Note that a cursor has gone on, and maybe made room."""
        if not self._room.is_set() and self._has_room():
            self._room.set()

    def detach(self, cursor: _Cursor) -> None:
        """Forget a reader."""
        self._cursors.pop(cursor, None)
        self.moved()


class _Cursor:
    def __init__(self, broadcast: Broadcast, wake: Callable[[], object]) -> None:
        self.at: int = 0
        self._broadcast = broadcast
        self._wake = wake
        self._waits = False

    def read(self, limit_bytes: int) -> bytes | None:
        data = self._broadcast.read_at(self.at, limit_bytes)
        self._waits = data == b""
        if data:
            self.at += len(data)
            self._broadcast.moved()
        return data

    def wake_if_waiting(self) -> None:
        if self._waits:
            self._waits = False
            self._wake()

    def close(self) -> None:
        self._broadcast.detach(self)
