"""A remote process's stdin, stdout and stderr as trio streams."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import trio

from trioexec.model.feed import Cursor
from trioexec.model.flow import Flow

__all__ = ["InputStream", "OneTask", "OutputStream"]

BUFFER_BYTES: Final = 64 * 1024
"""What a stream keeps before the other side has to wait: a pipe's size."""


class OneTask:
    """Trio's rule that two tasks may not use one end of a stream at once."""

    def __init__(self, what: str) -> None:
        """Begin with nobody; `what` is said of who is there already: ``sending``."""
        self._what = what
        self._held = False

    @contextmanager
    def hold(self) -> Iterator[None]:
        """Be the one meanwhile.

        Raises:
            trio.BusyResourceError: Another task is.
        """
        if self._held:
            raise trio.BusyResourceError(f"another task is already {self._what}")
        self._held = True
        try:
            yield
        finally:
            self._held = False


class OutputStream(trio.abc.ReceiveStream):
    """What a process writes.  While it is full, the process waits.

    One window serves stdout and stderr: who reads only one of them, and the other
    fills, waits for ever, as with two pipes and one reader.  Close what is not wanted.
    """

    def __init__(self, flow: Flow, on_close: Callable[[], None]) -> None:
        self._flow = flow
        self._on_close = on_close
        self._kept = bytearray()
        self._more = trio.Event()
        self._ended = False
        self._closed = False
        self._one_task = OneTask("receiving")

    @property
    def closed(self) -> bool:
        """Whether our end is closed."""
        return self._closed

    def put(self, data: bytes) -> None:
        """Take what the process wrote; the engine's side."""
        if self._closed:
            return
        self._kept += data
        if len(self._kept) >= BUFFER_BYTES:
            self._flow.hold(self)
        self._more.set()

    def end(self) -> None:
        """Note that no more will come; the engine's side."""
        self._ended = True
        self._more.set()

    async def receive_some(self, max_bytes: int | None = None) -> bytes:
        """Give some bytes, ``b""`` at the end; see `trio.abc.ReceiveStream`."""
        with self._one_task.hold():
            if max_bytes is not None and operator.index(max_bytes) < 1:
                raise ValueError("max_bytes must be >= 1")
            await trio.lowlevel.checkpoint()
            while not self._closed and not self._kept and not self._ended:
                self._more = trio.Event()
                await self._more.wait()
            if self._closed:
                raise trio.ClosedResourceError("this stream was closed")
            data = bytes(self._kept[:max_bytes])
            del self._kept[:max_bytes]
            if len(self._kept) < BUFFER_BYTES:
                self._flow.release(self)
            return data

    async def aclose(self) -> None:
        """Want no more; what comes is dropped."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Do as `aclose`, at once."""
        if not self._closed:
            self._closed = True
            self._kept.clear()
            self._more.set()
            self._flow.release(self)
            self._on_close()


class InputStream(trio.abc.SendStream):
    """What a process reads; also the `model.feed.Feed` that its transport takes it from."""

    def __init__(self) -> None:
        self._kept = bytearray()
        self._wake: Callable[[], object] = lambda: None
        self._taken = trio.Event()
        self._closed = False
        self._broken = False
        self._one_task = OneTask("sending")

    async def send_all(self, data: bytes | bytearray | memoryview) -> None:
        """Send bytes; returns when the process's side has room again.

        When cancelled, some of the bytes may have been sent.

        Raises:
            trio.BrokenResourceError: The process reads no more, or has ended.
        """
        with self._one_task.hold():
            self._check()
            await trio.lowlevel.checkpoint()
            self._check()
            self._kept += data
            self._wake()
            await self._drained()

    async def wait_send_all_might_not_block(self) -> None:
        """Wait until there is room."""
        with self._one_task.hold():
            self._check()
            await trio.lowlevel.checkpoint()
            await self._drained()

    async def aclose(self) -> None:
        """Let the process see the end of its stdin."""
        self.close()
        await trio.lowlevel.checkpoint()

    def close(self) -> None:
        """Do as `aclose`, at once."""
        if not self._closed:
            self._closed = True
            self._taken.set()
            self._wake()

    def break_(self) -> None:
        """Note that nobody reads any more."""
        self._broken = True
        self._taken.set()

    def attach(self, wake: Callable[[], object]) -> Cursor:
        """Begin to take from it; a transport's side."""
        self._wake = wake
        return _InputCursor(self)

    def take(self, limit_bytes: int) -> bytes | None:
        """Take what there is; see `Cursor.read`."""
        data = bytes(self._kept[:limit_bytes])
        del self._kept[:limit_bytes]
        if not self._kept:
            self._taken.set()
        return None if not data and self._closed else data

    def _check(self) -> None:
        if self._closed:
            raise trio.ClosedResourceError("this stream was closed")
        if self._broken:
            raise trio.BrokenResourceError("the process reads no more")

    async def _drained(self) -> None:
        while self._kept:
            self._check()
            self._taken = trio.Event()
            await self._taken.wait()
        self._check()


class _InputCursor:
    def __init__(self, stream: InputStream) -> None:
        self._stream = stream

    def read(self, limit_bytes: int) -> bytes | None:
        return self._stream.take(limit_bytes)

    def close(self) -> None:
        self._stream.break_()
