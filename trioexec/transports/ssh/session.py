"""What a command's channel hears and says: its output, its stdin, its end.

Asyncio's side of the crossing, and called back only: `running` opens and waits.
"""

# ruff: noqa: D102 - asyncssh documents its callbacks

from __future__ import annotations

import asyncio  # noqa: TID251
import signal
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import Final

import asyncssh  # noqa: TID251

from trioexec.model.command import Command
from trioexec.model.events import Stream
from trioexec.model.feed import Cursor, Feed, feed_of
from trioexec.model.flow import Flow
from trioexec.model.outcomes import Exited, Killed
from trioexec.transports.base import Call, Reached
from trioexec.transports.ssh.requests import ask_for_variable
from trioexec.transports.ssh.sudo import Sudo
from trioexec.transports.ssh.wrapper import Marker, MarkerFilter, is_fed

__all__ = ["LINGER_MARGIN_S", "Session"]

FEED_BYTES: Final = 64 * 1024
"""How much of its stdin a command is handed at once."""

LINGER_MARGIN_S: Final = 6.0
"""How long after its exit status a channel may stay open beyond the watchdog's grace: for KILL, and
some.  After that somebody who left the session on purpose (setsid) holds it, and nobody waits."""

SHORT_S: Final = 1.0
"""How long a command may take before its watchdog is told to expect a longer one."""

SUDO_SILENCE_S: Final = 10.0
"""How long sudo may wait behind a question that is not the one it was told to ask."""


class _Nobody:
    """The `Call` of a command whose own is over."""

    def __init__(self) -> None:
        self.flow: Flow = Flow()

    def reached(self, phase: Reached) -> None: ...

    def awaits(self, step: str) -> None: ...

    def limit_connect(self, limit_s: float) -> None: ...

    def output(self, stream: Stream, data: bytes) -> None: ...

    def note_remote(self, *, ended: bool) -> None: ...

    @contextmanager
    def goodbye(self, cut: Callable[[], None]) -> Iterator[None]:  # noqa: ARG002
        yield


class Session(asyncssh.SSHClientSession[bytes]):
    """Callbacks of one channel; asyncssh calls them on the loop, in the order of the wire."""

    def __init__(self, call: Call, command: Command, token: str, env: Mapping[str, str]) -> None:
        self.call: Call = call
        self.status: Exited | Killed | None = None
        self.lost: Exception | None = None
        self.closed: bool = False
        self.spare_bytes: int | None = None
        self.filter: MarkerFilter | None = MarkerFilter(token) if command.wrap else None
        # Kept: who drains a reader has asyncssh hand over what had to wait, from trio's side.
        self._loop = asyncio.get_running_loop()
        self.over: asyncio.Future[None] = self._loop.create_future()
        self.chan: asyncssh.SSHClientChannel[bytes]
        self.asked_to_end: bool = False
        self.asked: bool = False
        """Whether the channel is there: then the node is asked to start the command."""
        self.on_asked: Callable[[], None] = lambda: None
        # With a terminal there is one stream, and the marker comes in that.
        self._marked = None if command.tty else asyncssh.EXTENDED_DATA_STDERR
        self._command = command
        self._env = env
        self._heard = 0
        self.sudo = Sudo(command.sudo_password) if command.sudo_password is not None else None
        self._writable = True
        self._at_line_start = True
        self._stdin: Cursor | None = None
        self._on_marker: Callable[[Marker], object] | None = None

    def connection_made(self, chan: asyncssh.SSHClientChannel[bytes]) -> None:
        self.chan = chan
        self.asked = True
        self.on_asked()
        for name, value in self._env.items():
            ask_for_variable(chan, name, value, partial(self._variable_refused, name))

    def _variable_refused(self, name: str) -> None:
        if name in self._command.env:
            text = f"trioexec: the node does not take the variable {name} (its AcceptEnv)\n"
            self.call.output("stderr", text.encode())

    def session_started(self) -> None:
        self.call.reached("command")
        self.call.flow.attach(self.chan)
        if self.sudo is None:
            self._begin_feeding()

    def _begin_feeding(self) -> None:
        if self.over.done():
            return
        if self._command.stdin is not None:
            self._feed(feed_of(self._command.stdin))
        elif self._command.tty:
            self._end_input()  # nobody types: who asks is not to wait for ever

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:
        self._heard += 1
        if self.spare_bytes is not None:
            self._spend(len(data))
        if self.filter is not None and datatype == self._marked:
            data = self._before_the_start(self.filter, data)
        if data:
            self.call.output("stdout" if datatype is None else "stderr", data)

    def _before_the_start(self, marker: MarkerFilter, data: bytes) -> bytes:
        if self.sudo is not None:
            data = self.sudo.feed(data)
            if self.sudo.answer is not None:
                self.chan.write(self.sudo.answer)
                self.sudo.answer = None
            elif self.sudo.refused:
                self.finish()
        before, after = marker.feed(data)
        if marker.marker is not None:
            self._marked = -1  # no stream any more: the hot path is a comparison
            if not is_fed(self._command):  # not sooner, or sudo would read it as the password
                self._later(SHORT_S, self._say_it_is_not_short)
            if self._on_marker is not None:
                self._on_marker(marker.marker)
        if self.sudo is None:
            return before + after
        # What sudo says on its way, its lecture for one, is not the command's.
        self.sudo.hear(before)
        if marker.marker is not None:
            self._begin_feeding()  # not sooner, or sudo would read it as the password
        elif self.sudo.asks_otherwise:
            self._later(SUDO_SILENCE_S, self._stop_waiting_for_sudo, self._heard)
        return after

    def _say_it_is_not_short(self) -> None:
        if not self.over.done():
            with suppress(OSError):  # it is being ended, and its watchdog has heard of that
                self.chan.write(b"\n")

    def _stop_waiting_for_sudo(self, heard: int) -> None:
        if self.sudo is not None and heard == self._heard and not self.over.done():
            self.sudo.stuck = True
            self.finish()

    def eof_received(self) -> bool:
        # Half open: the server closes when nothing of the command is left.
        return True

    def exit_status_received(self, status: int) -> None:
        self.status = Exited(code=status)
        self._expect_close()

    def exit_signal_received(
        self,
        signal: str,
        core_dumped: bool,  # noqa: ARG002, FBT001
        msg: str,  # noqa: ARG002
        lang: str,  # noqa: ARG002
    ) -> None:
        self.status = Killed(signal=_signal_number(signal))
        self._expect_close()

    def connection_lost(self, exc: Exception | None) -> None:
        self.call.flow.detach(self.chan)
        if not self.over.done() and self.filter is not None and (kept := self.filter.flush()):
            self.call.output("stdout" if self._command.tty else "stderr", kept)
        self.lost = exc
        self.closed = True
        self.finish()

    def finish(self) -> None:
        """Let whoever waits for the end go on."""
        if not self.over.done():
            self.over.set_result(None)

    def _later(self, delay_s: float, do: Callable[..., None], *args: object) -> None:
        """Have something done, unless all is over by then: a timer would keep us till it is due."""
        timer = self._loop.call_later(delay_s, do, *args)
        self.over.add_done_callback(lambda _: timer.cancel())

    def _spend(self, count: int) -> None:
        assert self.spare_bytes is not None
        self.spare_bytes -= count
        if self.spare_bytes < 0 and self.call.flow.held:
            self.chan.pause_reading()

    def _feed(self, feed: Feed) -> None:
        """Give the command its stdin, as fast as it takes it."""
        # Woken from trio's side; asyncio's side is entered by the front door.
        self._stdin = feed.attach(lambda: self._loop.call_soon(self._pump))
        self._pump()

    def _pump(self) -> None:
        while self._stdin is not None and self._writable and not self.over.done():
            data = self._stdin.read(FEED_BYTES)
            if data == b"":
                return
            try:
                if data is None:
                    self._end_input()
                else:
                    self._at_line_start = data.endswith(b"\n")
                    self.chan.write(data)
            except OSError:
                data = None  # the command has closed its stdin: as a broken pipe, no error
            if data is None:
                self.unfeed()

    def _end_input(self) -> None:
        if self._command.tty:
            # A terminal has no end of file, but a key for it; in mid-line it takes two.
            self.chan.write(b"\x04" if self._at_line_start else b"\x04\x04")
        else:
            self.chan.write_eof()

    def unfeed(self) -> None:
        """Take no more from the feed, which may be waiting for us."""
        if self._stdin is not None:
            self._stdin.close()
            self._stdin = None

    def leave(self) -> None:
        """Hear and say no more: the call is over, and its connection may be kept.

        On it may be sudo, which waits for another password, or somebody who has left the
        session and still talks.
        """
        self.unfeed()
        self.call.flow.detach(self.chan)
        if not self.closed and self._on_marker is None:
            self.call = _Nobody()  # its command may be said to be started yet
            self.finish()
            self.chan.abort()

    def leave_later(self, on_marker: Callable[[Marker], object]) -> None:
        """Say no more, and hear only whom to ask for the command's end, once the node says that.

        Where it takes no asking, the end of the channel's stdin is all.
        For a command that may be started yet when its call is over, on a connection that
        others keep open.
        """
        self.unfeed()
        self.call.flow.detach(self.chan)
        self.call = _Nobody()
        self.finish()
        if not self._command.tty:
            self.chan.write_eof()  # also for sudo, which gets no password any more
        if not is_fed(self._command):
            self.chan.abort()  # the watchdog has read that end
            return
        self.spare_bytes = self.sudo = None
        self.chan.resume_reading()

        def leave(marker: Marker) -> None:
            self._on_marker = None
            on_marker(marker)
            self.leave()

        self._on_marker = leave

    def pause_writing(self) -> None:
        self._writable = False

    def resume_writing(self) -> None:
        self._writable = True
        self._pump()

    def _expect_close(self) -> None:
        linger_s = self._command.stop_grace_s + LINGER_MARGIN_S
        self._later(linger_s, self._stop_lingering, self._heard)

    def _stop_lingering(self, heard: int) -> None:
        if self.over.done():
            return
        if self.call.flow.held or heard != self._heard:
            self._expect_close()
            return
        self.finish()

    @property
    def guarded(self) -> bool:
        """Whether the wrapper has said that it runs."""
        return self.filter is not None and self.filter.marker is not None


def _signal_number(name: str) -> int:
    try:
        return signal.Signals[f"SIG{name}"].value
    except KeyError:
        return 0
