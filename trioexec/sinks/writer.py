"""Bytes to a file descriptor that may be stuck, without ever stopping the trio loop.

A pipe into a pager, a terminal after Ctrl-S: a blocking write would stop the
whole run, Ctrl-C included.  So all but regular files and the null device are
written in a worker thread, a batch at a time.  The descriptor's flags stay as
they are: O_NONBLOCK would hit every process that shares it.

What waits is bounded: a writer that is full holds the run's `Flow`.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import math
import os
import select
import stat
import sys
import termios
from collections import deque
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import trio

from trioexec.model.flow import Flow

__all__ = [
    "BATCH_BYTES",
    "HIGH_BYTES",
    "ITEM_BYTES",
    "LOW_BYTES",
    "TERMINAL_HIGH_BYTES",
    "FdWriter",
]

HIGH_BYTES: Final = 4 * 1024 * 1024
"""With more than this waiting the nodes are paused: some 30 ms of a fast reader."""

LOW_BYTES: Final = 1024 * 1024
"""With less than this waiting they go on: enough to keep the reader busy meanwhile."""

TERMINAL_HIGH_BYTES: Final = 64 * 1024
"""The same for a terminal: what is said on a Ctrl-C stands behind it, and a slow one takes a
second for so much."""

TERMINAL_LOW_BYTES: Final = 16 * 1024

BATCH_BYTES: Final = 256 * 1024
"""About as much goes into one write: few enough trips to the thread to cost nothing."""

TERMINAL_BYTES: Final = 16 * 1024
"""At most so much goes into one write to a terminal: one that is slow shall not look stuck."""

ITEM_BYTES: Final = 64
"""What keeping one piece costs beside its bytes: with pieces of a byte it is all that counts."""

DEFAULT_COLUMNS: Final = 80

WIPE: Final = b"\r\x1b[J"
"""Takes the live line off the terminal; never moves up, so it cannot hit output.

The cursor waits at the line's start: where a terminal has been made narrower and has put the
line on several rows, that is the first of them, and all below it is the line."""

_READER_GONE: Final = {errno.EPIPE, errno.EIO, errno.ENXIO, errno.ECONNRESET, errno.EBADF}


class _Said(bytes):
    """What is about the run, and no output: it is written however little time there is."""


class FdWriter:
    """One descriptor's writer; `serve` must run for anything but files to be written."""

    def __init__(self, fd: int, flow: Flow, on_closed: Callable[[], None]) -> None:
        """Prepare to write.

        Args:
            fd: Open for writing; it is neither closed nor changed.
            flow: Held while too much is waiting.
            on_closed: Called once when nothing can be written any more.
        """
        self.is_terminal: bool = os.isatty(fd)
        self.closed: bool = False
        """Whether the reader is gone, or writing failed; the rest is swallowed."""
        self.error: OSError | None = None
        """Why writing failed, where it was not that the reader went away."""
        self.waiting_bytes: int = 0
        self._fd = fd
        self._flow = flow
        self._on_closed = on_closed
        self._direct = _never_blocks(fd)
        self._is_pipe = stat.S_ISFIFO(os.fstat(fd).st_mode)
        self._high_bytes = TERMINAL_HIGH_BYTES if self.is_terminal else HIGH_BYTES
        self._low_bytes = TERMINAL_LOW_BYTES if self.is_terminal else LOW_BYTES
        self._queue: deque[bytes | Iterator[bytes]] = deque()
        self._lazy_bytes: deque[int] = deque()
        """What is still to come of the iterators in the queue, as far as their sizes were right."""
        self._taken_bytes = 0
        self._wake = trio.Event()
        self._ending = False
        self._patience_s = math.inf
        self._hurry_at_s = math.inf
        self._writing: trio.CancelScope | None = None
        self._live = self._drawn = b""
        self._at_line_start = True
        # Not trio's shared limiter: name look-ups may have that one filled up.
        self._limiter = trio.CapacityLimiter(1)

    @property
    def columns(self) -> int:
        """How wide the terminal is just now; 80 where nobody knows."""
        try:
            return os.get_terminal_size(self._fd).columns or DEFAULT_COLUMNS
        except OSError:
            return DEFAULT_COLUMNS

    def is_drained(self) -> bool:
        """Say whether the reader of a pipe has all of it; others have what has been written."""
        if self.waiting_bytes:
            return False
        if not self._is_pipe:
            return True
        try:
            unread = fcntl.ioctl(self._fd, termios.FIONREAD, bytes(4))
        except OSError:  # a system that does not tell
            return True
        return not any(unread)

    def write(self, data: bytes) -> None:
        """Take bytes; never blocks, never raises."""
        if self.closed or not data:
            return
        if self._direct and not self._queue:
            try:
                _write_all(self._fd, data)
            except OSError as exc:
                self._lose(exc)
            return
        self._queue.append(data)
        self._count(len(data) + ITEM_BYTES)
        self._wake.set()

    def say(self, data: bytes) -> None:
        """Take whole lines about the run; a terminal in a hurry gets these all the same."""
        self.write(_Said(data))

    def write_lazily(self, parts: Iterator[bytes], size_bytes: int) -> None:
        """Take what `parts` will yield, asked for only as fast as the reader reads.

        Args:
            parts: May come from disk; an OSError of it ends the writer.
            size_bytes: About how much it will be.
        """
        if self.closed:
            return
        self._queue.append(parts)
        self._lazy_bytes.append(size_bytes)
        self._count(size_bytes)
        self._wake.set()

    def show_live(self, line: bytes) -> None:
        """Keep this line, without its newline, under all other text; empty takes it away.

        Does nothing where the descriptor is no terminal.
        """
        if self.is_terminal and line != self._live:
            self._live = line
            self._wake.set()

    def close(self, *, patience_s: float = math.inf) -> None:
        """Let `serve` return once all that waits is written; the live line goes.

        Args:
            patience_s: How long one write may be stuck before the rest is given up,
                with a TimeoutError as `error`.  A terminal that does read gets no more
                of the output after that time, and is told how much there was.
        """
        self._live = b""
        self._ending = True
        self._patience_s = patience_s
        if self.is_terminal and patience_s != math.inf:
            self._hurry_at_s = trio.current_time() + patience_s
        if self._writing is not None:
            self._writing.deadline = trio.current_time() + patience_s
        self._wake.set()

    async def serve(self) -> None:
        """Write until `close` was called and nothing waits.

        Cancelled while a write is stuck, it returns at once: the thread is left
        behind, and with it the batch it holds.
        """
        try:
            async with trio.open_nursery() as nursery:
                # A terminal that goes away says so by SIGHUP, which has an exit code of its own.
                if not self._direct and not self.is_terminal:
                    nursery.start_soon(self._notice_closed_reader)
                await self._pump()
                nursery.cancel_scope.cancel(reason="all is written")
        finally:
            self._leave_no_live_line()

    def _leave_no_live_line(self) -> None:
        """Wipe it also when cancelled; a terminal that takes nothing keeps it."""
        if not self._drawn or not _in_foreground(self._fd):
            return
        if select.select([], [self._fd], [], 0)[1]:
            self._drawn = b""
            with contextlib.suppress(OSError):
                os.write(self._fd, WIPE)

    async def _pump(self) -> None:
        while True:
            self._wake = trio.Event()
            try:
                if trio.current_time() >= self._hurry_at_s:
                    self._skip()
                batch = self._take()
                text = self._compose(batch)
                if text:
                    await self._put(text)
            except OSError as exc:
                self._lose(exc)
                continue
            if batch:
                self._discount(self._taken_bytes)
                self._taken_bytes = 0
            if text:
                continue
            if self._ending and not self._queue:
                return
            await self._wake.wait()

    def _skip(self) -> None:
        """Leave of what waits only what was said, and what tells of the rest."""
        said = [one for one in self._queue if isinstance(one, _Said)]
        skipped_bytes = sum(len(one) for one in self._queue if isinstance(one, bytes))
        skipped_bytes += sum(self._lazy_bytes) - sum(map(len, said))
        if not skipped_bytes:
            return
        told = (
            f"trioexec: {skipped_bytes:,} bytes of output are not shown: "
            "the terminal is too slow to wait\n"
        )
        start = b"" if self._at_line_start else b"\n"
        self._queue = deque((_Said(start + told.encode()), *said))
        self._lazy_bytes.clear()
        self._discount(self.waiting_bytes)

    def _take(self) -> bytes:
        """Collect about a batch from the front of the queue."""
        parts: list[bytes] = []
        size_bytes = 0
        limit_bytes = TERMINAL_BYTES if self.is_terminal else BATCH_BYTES
        while self._queue and size_bytes < limit_bytes:
            head = self._queue[0]
            if isinstance(head, bytes):
                self._queue.popleft()
                parts.append(head)
                size_bytes += len(head)
                self._taken_bytes += len(head) + ITEM_BYTES
            elif (part := next(head, None)) is None:
                self._queue.popleft()
                self._discount(self._lazy_bytes.popleft())
            else:
                parts.append(part)
                size_bytes += len(part)
                # Counted already, as far as the size that was told is right.
                counted_bytes = min(len(part), self._lazy_bytes[0])
                self._lazy_bytes[0] -= counted_bytes
                self.waiting_bytes += len(part) - counted_bytes
                self._taken_bytes += len(part)
        return b"".join(parts)

    def _compose(self, batch: bytes) -> bytes:
        """Put the live line under the batch, and the old one away."""
        if (self._live or self._drawn) and not _in_foreground(self._fd):
            # A shell's prompt is there, and what somebody types at it.
            self._live = self._drawn = b""
        if not batch and self._live == self._drawn:
            return b""
        if batch:
            wipe, self._at_line_start = self._drawn and WIPE, batch.endswith(b"\n")
        else:
            wipe = self._drawn and WIPE
        self._drawn = self._live if self._at_line_start else b""
        live = self._drawn and self._drawn + b"\r"
        return wipe + batch + live if wipe or live else batch

    async def _put(self, text: bytes) -> None:
        if self._direct:
            _write_all(self._fd, text)
            await trio.lowlevel.checkpoint()
            return
        rest = memoryview(text)
        piece_bytes = TERMINAL_BYTES if self.is_terminal else len(text)
        while rest:
            with trio.move_on_after(self._patience_s) as self._writing:
                rest = rest[await self._write_some(rest[:piece_bytes]) :]
            if self._writing.cancelled_caught:
                raise TimeoutError(errno.ETIMEDOUT, "nobody reads it, and the rest is lost")

    async def _write_some(self, data: memoryview) -> int:
        while True:
            try:
                return await trio.to_thread.run_sync(
                    os.write, self._fd, data, abandon_on_cancel=True, limiter=self._limiter
                )
            except BlockingIOError:  # somebody who shares it has set O_NONBLOCK
                await trio.lowlevel.wait_writable(self._fd)

    async def _notice_closed_reader(self) -> None:
        """See a reader go away also while there is nothing to write to it."""
        if sys.platform != "linux":  # pragma: no cover -- the next write notices
            return
        # Our own epoll inside trio's: trio can wait for "writable", which a pipe
        # nearly always is, but not for "broken" alone.
        with select.epoll() as watch:
            try:
                watch.register(self._fd, 0)
            except OSError:  # a device that cannot be watched
                return
            await trio.lowlevel.wait_readable(watch.fileno())
            self._lose(BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE)))

    def _count(self, size_bytes: int) -> None:
        self.waiting_bytes += size_bytes
        if self.waiting_bytes > self._high_bytes:
            self._flow.hold(self)

    def _discount(self, size_bytes: int) -> None:
        self.waiting_bytes = max(0, self.waiting_bytes - size_bytes)
        if self.waiting_bytes < self._low_bytes:
            self._flow.release(self)

    def _lose(self, exc: OSError) -> None:
        if self.closed:
            return
        self.closed = True
        if exc.errno not in _READER_GONE:
            self.error = exc
        self._queue.clear()
        self._lazy_bytes.clear()
        self._live = self._drawn = b""
        self._discount(self.waiting_bytes)
        self._on_closed()


def _in_foreground(fd: int) -> bool:
    """Say whether no shell has the terminal while we are one of its background jobs."""
    try:
        return os.tcgetpgrp(fd) == os.getpgrp()
    except OSError:  # it is not the terminal of our session
        return True


def _never_blocks(fd: int) -> bool:
    """Whether it is a file or the null device."""
    status = os.fstat(fd)
    if stat.S_ISCHR(status.st_mode):
        return status.st_rdev == Path(os.devnull).stat().st_rdev
    return stat.S_ISREG(status.st_mode)


def _write_all(fd: int, data: bytes) -> None:
    written = os.write(fd, data)
    while written < len(data):  # a full disk, next time round
        data = data[written:]
        written = os.write(fd, data)
