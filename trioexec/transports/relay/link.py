"""One end of the socket: frames in, frames out, and backpressure in between."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator
from typing import Final

import trio

from trioexec.model.flow import Flow
from trioexec.transports.relay.wire import Frames, FromServer, ToServer, encode

__all__ = ["Link"]

HIGH_BYTES: Final = 1024 * 1024
"""What may wait to be sent; then the flow is held.  Four times what a Unix socket takes at once,
so that the other end finds more whenever it comes to read."""

LOW_BYTES: Final = 256 * 1024
"""What may still wait when the flow is released.  Well below the other, or each frame that is
sent would stop and start every channel; and not nothing, for nodes need a while to be heard."""

READ_BYTES: Final = 256 * 1024
"""What is read at once: all that a Unix socket holds, by Linux's default of 208 KiB."""


class Link:
    """Sends without waiting, in order; holds a flow while too much is unsent."""

    def __init__(self, stream: trio.SocketStream, flow: Flow | None = None) -> None:
        self._stream = stream
        self._flow = flow
        self._unsent: deque[bytes] = deque()
        self._unsent_bytes = 0
        self._more = trio.Event()
        self._queued = 0
        self._sent = 0
        self._waiting = trio.lowlevel.ParkingLot()
        self._gone = False

    @property
    def gone(self) -> bool:
        """Whether nothing can be sent any more."""
        return self._gone

    def send(self, message: ToServer | FromServer) -> None:
        """Queue a message; never waits."""
        if self._gone:
            return
        frame = encode(message)
        self._unsent.append(frame)
        self._queued += 1
        self._unsent_bytes += len(frame)
        if self._flow is not None and self._unsent_bytes > HIGH_BYTES:
            self._flow.hold(self)
        self._more.set()

    async def flush(self) -> bool:
        """Wait until what is queued now is on its way: it arrives even if we are killed then.

        Returns:
            Whether it is; False where the other end is gone.
        """
        queued = self._queued
        while self._sent < queued:
            if self._gone:
                return False
            await self._waiting.park()
        return True

    async def pump(self) -> None:
        """Send what is queued, until the other end is gone."""
        try:
            while True:
                while self._unsent:
                    batch = b"".join(self._unsent)
                    count = len(self._unsent)
                    self._unsent.clear()
                    await self._stream.send_all(batch)
                    self._sent += count
                    self._waiting.unpark_all()
                    self._unsent_bytes -= len(batch)
                    if self._flow is not None and self._unsent_bytes < LOW_BYTES:
                        self._flow.release(self)
                self._more = trio.Event()
                await self._more.wait()
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return  # `frames` ends too, and says so to everybody
        finally:
            self._gone = True
            self._unsent.clear()
            self._waiting.unpark_all()
            if self._flow is not None:
                self._flow.release(self)

    async def frames(self) -> AsyncIterator[bytes]:
        """Give what the other end sends, until it is gone."""
        frames = Frames()
        try:
            while data := await self._stream.receive_some(READ_BYTES):
                for body in frames.feed(data):
                    yield body
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            return
