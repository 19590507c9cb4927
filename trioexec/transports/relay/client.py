"""The run's end: a `Transport` whose work another process does."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final

import trio

from trioexec.model.command import STOP_GRACE_S, Command
from trioexec.model.feed import Cursor, feed_of
from trioexec.model.flow import Flow
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Exited, Killed, Remote, Unreachable
from trioexec.transports.base import Call, Ended, Reached
from trioexec.transports.relay.link import Link
from trioexec.transports.relay.log import log_again, wanted_level
from trioexec.transports.relay.values import ended_of, request
from trioexec.transports.relay.wire import (
    Beat,
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
)

__all__ = ["RelayTransport"]

STOP_MARGIN_S: Final = 4.0
"""Beyond the command's grace: what the ssh transport takes itself, and the way back."""

FEED_AHEAD_BYTES: Final = 256 * 1024
"""How much stdin may be on its way to one command."""

BEAT_S: Final = 5.0
"""How often the other process is asked whether it is there."""

BEATS_TO_PASS_BY: Final = 2
"""After so many without a word from it, no more nodes are asked of it."""

BEATS_TO_GIVE_UP: Final = 18
"""After so many it counts as dead: 90 seconds, as for a node.  What runs there may be dear, and
a process that somebody has stopped may go on."""


class _Pending:
    """One call that the other process works on."""

    def __init__(self, call: Call, command: Command | None) -> None:
        self.call = call
        self.command = command
        self.reached: Reached | None = None
        """None while the other process has not said that it begins."""
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
    """Does what a `transports.base.Transport` does, over a socket, for as long as it `lives`.

    What the other process has begun when it dies may run: then the outcome says that it is not
    confirmed.  Where it had not begun, there is no outcome.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[trio.SocketStream]],
        what: str,
        *,
        know: Know | None = None,
    ) -> None:
        """Prepare.

        Args:
            connect: Gives the socket each time this opens, and cleans up after it.
            what: The other process's name in errors.
            know: What it has to know first.
        """
        self._connect = connect
        self._what = what
        self._end = "died"
        """How it came to its end."""
        self._unanswered = 0
        self._know = know
        self._link: Link | None = None
        self._pending: dict[int, _Pending] = {}
        self._readers: dict[Flow, _Reader] = {}
        self._next = 0

    @property
    def lives(self) -> bool:
        """Whether the other process can be asked for more."""
        link = self._link
        return link is not None and not link.gone and self._unanswered < BEATS_TO_PASS_BY

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Connect; when left, what this run started has been ended by the other process."""
        async with self._connect() as stream, trio.open_nursery() as nursery:
            self._link = link = Link(stream)
            self._unanswered, self._end = 0, "died"
            if self._know is not None:
                link.send(self._know)
            link.send(Tell(wanted_level()))
            nursery.start_soon(self._talk, link, stream)
            try:
                yield
            finally:
                nursery.cancel_scope.cancel(reason="no call is left")

    async def _talk(self, link: Link, stream: trio.SocketStream) -> None:
        """Serve the link until its other end is gone; ours is closed then.

        So one that was silent for too long ends what it works on as soon as it goes on.
        """
        try:
            async with stream, trio.open_nursery() as nursery:
                nursery.start_soon(link.pump)
                nursery.start_soon(self._listen, link, nursery.cancel_scope)
                await self._watch(link)
                self._end = "does not answer"
                nursery.cancel_scope.cancel(reason=self._end)
        finally:
            self._link = None
            for pending in self._pending.values():
                pending.over.set()

    async def _watch(self, link: Link) -> None:
        """Return when it has not said anything for too long.

        Beats are counted, and no time is taken: if it is we who were stopped, what it has said
        meanwhile is heard before the next one.
        """
        while self._unanswered < BEATS_TO_GIVE_UP:
            link.send(Beat())
            await trio.sleep(BEAT_S)
            self._unanswered += 1

    async def run(self, node: Node, command: Command, call: Call) -> Ended | None:
        """Have the command run; None where the other process is gone and had not begun."""
        return await self._relay(node, command, call)

    async def ping(self, node: Node, call: Call) -> Ended | None:
        """Have the node pinged, likewise."""
        return await self._relay(node, None, call)

    async def _relay(self, node: Node, command: Command | None, call: Call) -> Ended | None:
        if self._link is None:
            return None
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
            await self._stop(number, pending, grace_s)  # noqa: ASYNC102 - shields itself
            raise
        finally:
            pending.unfeed()
            del self._pending[number]
            self._end_to_read(call.flow, reader)
        if pending.finished is not None and pending.finished.kind:
            return ended_of(pending.finished)
        if pending.reached is None:
            return None
        remote: Remote = "never started" if command is None else "not confirmed"
        return Unreachable(reason=f"{self._what} {self._end}", remote=remote)

    async def _stop(self, number: int, pending: _Pending, grace_s: float) -> None:
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
        # of one that had begun and is dead nobody knows how far it was.
        known = {None} if self._link is None else {None, "connect"}
        if said is None and pending.reached not in known and pending.command is not None:
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

    async def _listen(self, link: Link, talking: trio.CancelScope) -> None:
        async for body in link.frames():
            self._unanswered = 0
            # Whoever is full has said so to the other process: what is on its way is taken,
            # for behind it stands what others wait for.
            self._obey(decode_from_server(body))
        talking.cancel(reason="it is gone")

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
        if isinstance(message, Status | Beat):
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
                if not message.kind:
                    pending.call.awaits(message.reason)
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
