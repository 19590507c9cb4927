"""The run's end: a `Transport` whose work another process does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Final

import trio

from trioexec.model.command import STOP_GRACE_S, Command
from trioexec.model.feed import Cursor, feed_of
from trioexec.model.flow import Flow
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Exited, Killed, Unreachable
from trioexec.transports.base import Call, Ended, Reached
from trioexec.transports.relay.link import Link
from trioexec.transports.relay.log import is_wanted, log_again
from trioexec.transports.relay.wire import (
    Cancel,
    Done,
    Feed,
    Finished,
    FromServer,
    Hold,
    Know,
    LimitConnect,
    Log,
    Output,
    Phase,
    Status,
    Tell,
    decode_from_server,
    ended_of,
    request,
)

__all__ = ["RelayTransport"]

STOP_MARGIN_S: Final = 4.0
"""Beyond the command's grace: what the ssh transport takes itself, and the way back."""

FEED_AHEAD_BYTES: Final = 256 * 1024
"""How much stdin may be on its way to one command."""


class _Pending:
    """One call that the other process works on."""

    def __init__(self, call: Call, command: Command | None) -> None:
        self.call = call
        self.command = command
        self.reached: Reached = "connect"
        self.finished: Finished | None = None
        self.over = trio.Event()
        self.cursor: Cursor | None = None
        self.untaken_bytes = 0

    def unfeed(self) -> None:
        """Take no more of the command's stdin."""
        if self.cursor is not None:
            self.cursor.close()
            self.cursor = None


class RelayTransport:
    """`transports.base.Transport` over a socket; `connect` gives the socket each time it opens."""

    def __init__(
        self,
        connect: Callable[[], Awaitable[trio.SocketStream]],
        what: str,
        *,
        know: Know | None = None,
    ) -> None:
        """Relay to `what`, which is its name in errors, and has to `know` something first."""
        self._connect = connect
        self._what = what
        self._know = know
        self._link: Link | None = None
        self._pending: dict[int, _Pending] = {}
        self._readers: dict[Flow, _Reader] = {}
        self._next = 0

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Connect; when left, what this run started has been ended by the other process."""
        stream = await self._connect()
        self._link = Link(stream)
        if self._know is not None:
            self._link.send(self._know)
        if is_wanted():
            self._link.send(Tell())
        async with stream, trio.open_nursery() as nursery:
            nursery.start_soon(self._link.pump)
            nursery.start_soon(self._listen, self._link)
            try:
                yield
            finally:
                nursery.cancel_scope.cancel(reason="no call is left")
        self._link = None

    async def run(self, node: Node, command: Command, call: Call) -> Ended:
        """Have the command run."""
        return await self._relay(node, command, call)

    async def ping(self, node: Node, call: Call) -> Ended:
        """Have the node pinged."""
        return await self._relay(node, None, call)

    async def _relay(self, node: Node, command: Command | None, call: Call) -> Ended:
        if self._link is None:
            return Unreachable(reason=f"{self._what} is gone")
        number, self._next = self._next, self._next + 1
        pending = self._pending[number] = _Pending(call, command)
        reader = self._begin_to_read(call.flow, number)
        self._link.send(request(number, node, command, reader=reader.number))
        if command is not None and command.stdin is not None:
            pending.cursor = feed_of(command.stdin).attach(lambda: self._feed(number))
            self._feed(number)
        try:
            await pending.over.wait()
        except trio.Cancelled:
            grace_s = STOP_GRACE_S if command is None else command.stop_grace_s
            await self._end(number, pending, grace_s)  # noqa: ASYNC102 - shields itself
            raise
        finally:
            pending.unfeed()
            del self._pending[number]
            self._end_to_read(call.flow, reader)
        if pending.finished is None:
            return Unreachable(reason=f"{self._what} died", remote="not confirmed")
        return ended_of(pending.finished)

    async def _end(self, number: int, pending: _Pending, grace_s: float) -> None:
        def cut() -> None:
            if self._link is not None:
                self._link.send(Cancel(number, cut=True))
            scope.cancel(reason="cut")

        pending.unfeed()  # who has filled the feed may be gone before the command is
        if self._link is not None:
            self._link.send(Cancel(number))
        with (
            trio.move_on_after(grace_s + STOP_MARGIN_S, shield=True) as scope,
            pending.call.goodbye(cut),
        ):
            await pending.over.wait()
        said = pending.finished
        # Its last words are lost, or late.  Who had logged in may have started the command, and
        # of one that is dead nobody knows how far it was.
        unknown = said is None and (self._link is None or pending.reached != "connect")
        if unknown and pending.command is not None:
            pending.call.reached("command")  # "not started" would be a promise
        pending.call.note_remote(ended=said is not None and _has_ended(said))

    def _feed(self, number: int) -> None:
        pending = self._pending.get(number)
        if pending is None or pending.cursor is None or self._link is None:
            return
        while pending.untaken_bytes < FEED_AHEAD_BYTES:
            data = pending.cursor.read(FEED_AHEAD_BYTES)
            if data == b"":
                return
            self._link.send(Feed(number, data))
            if data is None:
                pending.unfeed()
                return
            pending.untaken_bytes += len(data)

    async def _listen(self, link: Link) -> None:
        try:
            async for body in link.frames():
                # Whoever is full has said so to the other process: what is on its way is taken,
                # for behind it stands what others wait for.
                self._obey(decode_from_server(body))
        finally:
            self._link = None
            for pending in self._pending.values():
                pending.over.set()

    def _begin_to_read(self, flow: Flow, number: int) -> _Reader:
        """Have the other process obey a flow, for one call more."""
        reader = self._readers.get(flow)
        if reader is None:
            reader = self._readers[flow] = _Reader(number, self._tell)
            flow.attach(reader)
        reader.calls += 1
        return reader

    def _end_to_read(self, flow: Flow, reader: _Reader) -> None:
        reader.calls -= 1
        if not reader.calls:
            del self._readers[flow]
            flow.detach(reader)
            reader.resume_reading()

    def _tell(self, message: Hold) -> None:
        if self._link is not None:
            self._link.send(message)

    def _obey(self, message: FromServer) -> None:
        if isinstance(message, Status):
            return
        if isinstance(message, Log):
            log_again(message)
            return
        pending = self._pending.get(message.call)
        if pending is None:
            return  # cut, and nobody asks any more
        match message:
            case Output():
                pending.call.output(message.stream, message.data)
            case Phase():
                pending.reached = message.phase
                pending.call.reached(message.phase)
            case LimitConnect():
                pending.call.limit_connect(message.limit_s)
            case Done():
                pending.untaken_bytes -= message.taken
                self._feed(message.call)
            case Finished():
                pending.finished = message
                pending.over.set()


def _has_ended(said: Finished) -> bool:
    """Whether nothing of the command runs: it was ended, or had ended before it could be."""
    return said.remote_ended or said.kind in (Exited.__name__, Killed.__name__)


class _Reader:
    """Tells the other process what a flow of ours says."""

    def __init__(self, number: int, tell: Callable[[Hold], object]) -> None:
        self.number = number
        """Of its first call: nobody else's."""
        self.calls = 0
        self._tell = tell
        self._held = False

    def pause_reading(self) -> None:
        if not self._held:
            self._held = True
            self._tell(Hold(self.number, held=True))

    def resume_reading(self) -> None:
        if self._held:
            self._held = False
            self._tell(Hold(self.number, held=False))
