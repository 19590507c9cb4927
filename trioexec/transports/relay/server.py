"""The working end: does with a transport of its own what a run asks for over a socket.

When the run's end of the socket is gone, however it went, everything that it
started is ended here as by a cancel.
"""

from __future__ import annotations

import logging
import traceback
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Final

import msgspec
import trio
from msgspec.structs import replace

from trioexec.model.command import Command
from trioexec.model.events import Stream
from trioexec.model.feed import Cursor
from trioexec.model.flow import Flow
from trioexec.model.goodbyes import Goodbyes
from trioexec.transports.base import Ended, Reached, Transport
from trioexec.transports.relay.link import Link
from trioexec.transports.relay.log import log_to
from trioexec.transports.relay.values import command_of, finished, node_of
from trioexec.transports.relay.wire import (
    Ask,
    Beat,
    Cancel,
    Done,
    Feed,
    Finished,
    Hold,
    Know,
    LimitConnect,
    Log,
    Output,
    Phase,
    Request,
    Status,
    Tell,
    ToServer,
    decode_to_server,
)

__all__ = ["serve_link"]

_logger = logging.getLogger(__name__)

LAST_WORDS_S: Final = 1.0
"""How long a run may take to hear of a bug."""


async def serve_link(
    stream: trio.SocketStream,
    transport: Transport,
    *,
    busy: Callable[[int], None] = lambda _: None,
    answer: Callable[[Ask], Status] | None = None,
    learn: Callable[[Know], None] | None = None,
    tell_bugs: bool = False,
) -> None:
    """Serve one run until its end of the socket is gone and its calls have ended.

    Args:
        stream: Connected; closed on return.
        transport: Open, and kept open by the caller.
        busy: Told of each call's begin (1) and end (-1).
        answer: Answers questions, where there is somebody to ask.
        learn: Takes secrets, likewise.
        tell_bugs: Whether the run logs the traceback of a bug here: a holder has no stderr.
    """
    flow = Flow()
    link = Link(stream, flow)
    readers = _Readers(flow)
    calls: dict[int, _Served] = {}
    async with stream, trio.open_nursery() as sending:
        sending.start_soon(link.pump)
        async with _telling(link, tell_bugs=tell_bugs), trio.open_nursery() as working:
            async for message in _messages(link):
                match message:
                    case Request():
                        reader = readers.begin(message.reader)
                        served = calls[message.call] = _Served(message, link, reader)
                        working.start_soon(_work, served, transport, calls, readers, busy)
                    case Hold():
                        readers.hold(message.reader, held=message.held)
                    case Ask() if answer is not None:
                        link.send(answer(message))
                    case Beat():
                        link.send(message)
                    case Tell():
                        log_to(link, message.level)
                    case Know() if learn is not None:
                        learn(message)
                    case Cancel() | Feed() if message.call in calls:
                        calls[message.call].obey(message)
            # The run is gone.  What it started is ended; nobody takes what it still says.
            readers.release()
            for served in tuple(calls.values()):
                served.cancel(cut=False)
        sending.cancel_scope.cancel(reason="the run is gone")


@asynccontextmanager
async def _telling(link: Link, *, tell_bugs: bool) -> AsyncIterator[None]:
    try:
        yield
    except Exception:
        if tell_bugs:
            link.send(Log(_logger.name, logging.ERROR, traceback.format_exc().rstrip()))
            with trio.move_on_after(LAST_WORDS_S):
                await link.flush()  # noqa: ASYNC120 - who cancels us ends us too
        raise


async def _messages(link: Link) -> AsyncIterator[ToServer]:
    """Give what the run says, until it is gone or talks nonsense: others' runs go on."""
    try:
        async for body in link.frames():
            yield decode_to_server(body)
    except (msgspec.DecodeError, ValueError) as exc:
        _logger.info("a run that talks nonsense: %s", exc)


async def _work(
    served: _Served,
    transport: Transport,
    calls: dict[int, _Served],
    readers: _Readers,
    busy: Callable[[int], None],
) -> None:
    busy(1)
    number = served.request.call
    answer = Finished(number, "")
    try:
        with served.scope:
            # First of all: of whom the run has not heard that before we die, nothing was begun.
            served.reached("connect")
            if await served.link.flush():
                answer = finished(number, await _do(served, transport))
        if not answer.kind:
            answer = Finished(number, "", reason=served.step, remote_ended=served.remote_ended)
    finally:
        del calls[number]
        readers.end(served.request.reader)
        served.link.send(answer)
        busy(-1)


async def _do(served: _Served, transport: Transport) -> Ended:
    if served.command is None:
        return await transport.ping(served.node, served)
    return await transport.run(served.node, served.command, served)


class _Readers:
    """Who takes the output of calls: each may be full by itself, and the link with all of them.

    So one that does not read holds up its own calls, and nobody else's.
    """

    def __init__(self, link: Flow) -> None:
        self._link = link
        self._readers: dict[int, _Reader] = {}

    def begin(self, number: int) -> Flow:
        """Have one more call for a reader; give what it is to obey."""
        reader = self._have(number)
        reader.calls += 1
        return reader.flow

    def end(self, number: int) -> None:
        """Have one less."""
        reader = self._readers[number]
        reader.calls -= 1
        self._drop_idle(number, reader)

    def hold(self, number: int, *, held: bool) -> None:
        """Obey a reader."""
        reader = self._have(number)
        if held:
            reader.flow.hold(self)
        else:
            reader.flow.release(self)
        self._drop_idle(number, reader)

    def release(self) -> None:
        """Take every reader's stop back."""
        for reader in self._readers.values():
            reader.flow.release(self)

    def _have(self, number: int) -> _Reader:
        reader = self._readers.get(number)
        if reader is None:
            reader = self._readers[number] = _Reader()
            self._link.attach(reader)
        return reader

    def _drop_idle(self, number: int, reader: _Reader) -> None:
        if not reader.calls and not reader.flow.held:
            self._link.detach(reader)
            del self._readers[number]


class _Reader:
    """Passes on what the link's flow says."""

    def __init__(self) -> None:
        self.flow = Flow()
        self.calls = 0

    def pause_reading(self) -> None:
        self.flow.hold(self)

    def resume_reading(self) -> None:
        self.flow.release(self)


class _Served:
    """`transports.base.Call` for a run at the other end of a link."""

    def __init__(self, request: Request, link: Link, flow: Flow) -> None:
        self.request = request
        self.flow = flow
        self.link = link
        self.scope = trio.CancelScope()
        self.remote_ended = False
        self.step = ""
        self.node = node_of(request)
        self.stdin = _Stdin(lambda count: link.send(Done(request.call, count)))
        command = command_of(request)
        if command is not None and request.fed:
            command = replace(command, stdin=self.stdin)
        self.command: Command | None = command
        self._goodbyes = Goodbyes()

    def obey(self, message: Cancel | Feed) -> None:
        if isinstance(message, Feed):
            self.stdin.put(message.data)
        else:
            self.cancel(cut=message.cut)

    def cancel(self, *, cut: bool) -> None:
        self.scope.cancel(reason="the run wants it ended")
        if cut:
            self._goodbyes.cut()

    def reached(self, phase: Reached) -> None:
        self.link.send(Phase(self.request.call, phase))

    def awaits(self, step: str) -> None:
        self.step = step  # told with the end, where it is asked for

    def limit_connect(self, limit_s: float) -> None:
        self.link.send(LimitConnect(self.request.call, limit_s))

    def output(self, stream: Stream, data: bytes) -> None:
        self.link.send(Output(self.request.call, stream, data))

    def note_remote(self, *, ended: bool) -> None:
        self.remote_ended = ended

    def goodbye(self, cut: Callable[[], None]) -> AbstractContextManager[None]:
        return self._goodbyes.track(cut)


class _Stdin:
    """A `model.feed.Feed` that is filled from the link."""

    def __init__(self, taken: Callable[[int], None]) -> None:
        self._taken = taken
        self._kept = bytearray()
        self._ended = False
        self._wake: Callable[[], object] = lambda: None

    def put(self, data: bytes | None) -> None:
        if data is None:
            self._ended = True
        else:
            self._kept += data
        self._wake()

    def attach(self, wake: Callable[[], object]) -> Cursor:
        self._wake = wake
        return self

    def read(self, limit_bytes: int) -> bytes | None:
        data = bytes(self._kept[:limit_bytes])
        del self._kept[:limit_bytes]
        if data:
            self._taken(len(data))
        return None if not data and self._ended else data

    def close(self) -> None:
        self._kept.clear()
        self._ended = True
