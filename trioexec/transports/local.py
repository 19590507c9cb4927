"""The transport that stays here: every node's command runs on this machine.

For tests, for demonstrations and for loops over things that are not machines
(``TRIOEXEC_NODE`` says which one it is).  The contract is that of any
transport: when a call returns, nothing that it started is still running.
"""

from __future__ import annotations

import array
import errno
import fcntl
import os
import pty
import pwd
import subprocess
import termios
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager, contextmanager
from typing import Final

import trio

from trioexec.model.command import Command
from trioexec.model.events import Stream
from trioexec.model.feed import Feed, feed_of
from trioexec.model.nodes import DEFAULT_PORT, NODE_VARIABLE, Node
from trioexec.model.outcomes import Exited, Killed, SudoDenied, Unreachable
from trioexec.model.substitute import SubstituteError, substitute, words_of
from trioexec.transports.base import Call, Ended
from trioexec.transports.gate import Gate
from trioexec.transports.local_guard import Guard
from trioexec.transports.process_session import ProcessSession

__all__ = ["LEFTOVER_GRACE_S", "LINGER_S", "LocalTransport"]

LINGER_S: Final = 0.2
"""What a command leaves behind may end by itself for so long: the `tee` of a `> >(tee log)`."""

LEFTOVER_GRACE_S: Final = 0.5
"""How long what is left behind after a normal end may take to obey TERM."""

KILL_WAIT_S: Final = 1.0
"""How long to wait for what got KILL; only a process stuck in the kernel takes longer."""

REAP_S: Final = 0.25
"""After the last Ctrl-C: as long as it takes to see that a KILL has worked, no grace."""

_CHUNK_BYTES: Final = 65536
"""One read: what a pipe holds."""

_ON_TERMINAL: Final = ': <"$1"; shift; exec "$@"'
"""Opening a terminal makes it the controlling one of a session that has none."""

FEED_BYTES: Final = 64 * 1024
"""How much of its stdin a command is handed at once."""

_END_OF_INPUT: Final = b"\x04"
"""What a terminal takes for the end of input, at the start of a line."""


class LocalTransport:
    """Runs commands here, each in a session and process group of its own."""

    def __init__(self, *, shell: str | None = None) -> None:
        """Prepare; nothing is started yet.

        Args:
            shell: What interprets the commands; None is the user's ``$SHELL``, else /bin/sh.
        """
        self._shell = shell or os.environ.get("SHELL") or "/bin/sh"
        self._guard = Guard()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Have the guard watch over us, who ends the commands if we are killed."""
        async with self._guard.watching():
            yield

    async def ping(self, node: Node, call: Call) -> Ended:  # noqa: ARG002 - all are here
        """Say that this machine is there."""
        call.reached("connect")
        await trio.lowlevel.checkpoint()
        return Exited(code=0)

    async def run(self, node: Node, command: Command, call: Call) -> Ended:
        """Run the command here; see `transports.base.Transport` for the contract."""
        call.reached("connect")
        if command.sudo_password is not None:  # nor may it run as who we are
            await trio.lowlevel.checkpoint()
            return SudoDenied(reason="no command is given a sudo password on this machine")
        with ExitStack() as files:
            try:
                here = await _start(self._shell, node, command, call, files)
            except OSError as exc:
                return Unreachable(reason=f"cannot start {self._shell}: {exc.strerror}")
            except SubstituteError as exc:
                return Unreachable(reason=str(exc))
            files.enter_context(self._guard.knows(here.sid))
            call.reached("command")
            code = await here.wait()
        return Exited(code=code) if code >= 0 else Killed(signal=-code)


class _Source:
    """One descriptor that a command writes to."""

    __slots__ = ("_call", "_fd", "ended", "stream")

    def __init__(self, fd: int, stream: Stream, call: Call) -> None:
        os.set_blocking(fd, False)
        self._fd = fd
        self._call = call
        self.stream: Stream = stream
        self.ended = False
        """Whether everybody who could write to it has closed it."""

    async def pump(self, gate: Gate) -> None:
        """Pass output on until there can be no more; cancelled, it loses nothing."""
        while not self.ended:
            await trio.lowlevel.wait_readable(self._fd)
            await gate.passed()
            self._read()

    def drain(self) -> None:
        """Pass on what is there already: never waits, and ends however fast it is refilled."""
        waiting = array.array("i", [0])
        fcntl.ioctl(self._fd, termios.FIONREAD, waiting)
        left = waiting[0]
        while left > 0 and not self.ended:
            left -= self._read() or left
        if not self.ended:
            self._read()  # nothing, the end, or somebody who got away and still writes

    def _read(self) -> int:
        try:
            data = os.read(self._fd, _CHUNK_BYTES)
        except BlockingIOError:
            return 0
        except OSError as exc:
            if exc.errno != errno.EIO:
                raise
            data = b""  # how a terminal says that the other side is closed
        if data:
            self._call.output(self.stream, data)
        else:
            self.ended = True
        return len(data)


class _Here:
    """One command that runs here."""

    def __init__(
        self,
        process: trio.Process,
        sources: Sequence[_Source],
        *,
        stdin: tuple[trio.abc.SendStream, Feed, bool] | None,
        stop_grace_s: float,
        call: Call,
    ) -> None:
        self.sid = process.pid
        self._process = process
        self._session = ProcessSession(process.pid)
        self._sources = sources
        self._stdin = stdin
        self._stop_grace_s = stop_grace_s
        self._call = call

    async def wait(self) -> int:
        """Wait for the command's end, end what it left behind, and say how it ended.

        Cancelled, it ends the command first, and goes on reading meanwhile.
        """
        gate = Gate()
        code: int | None = None
        with self._obeying(gate):
            try:
                async with self._pumped(gate) as nursery:
                    if self._stdin is not None:
                        nursery.start_soon(_feed, *self._stdin)
                    status = await self._process.wait()
                    await self._end_leftovers(gate)
                for source in self._sources:
                    await gate.passed()
                    source.drain()
                code = status
            finally:
                if code is None:
                    await self._end(gate)  # noqa: ASYNC102 - shielded inside
        return code

    @contextmanager
    def _obeying(self, gate: Gate) -> Iterator[None]:
        self._call.flow.attach(gate)
        try:
            yield
        finally:
            self._call.flow.detach(gate)

    @asynccontextmanager
    async def _pumped(self, gate: Gate) -> AsyncIterator[trio.Nursery]:
        """Read while the body runs; stop with it, as a child that got away may hold a pipe."""
        async with trio.open_nursery() as nursery:
            for source in self._sources:
                nursery.start_soon(source.pump, gate)
            yield nursery
            nursery.cancel_scope.cancel(reason="the command has ended")

    async def _end_leftovers(self, gate: Gate) -> None:
        """After a normal end: nothing of the command's group stays."""
        if not self._session.alive():
            return
        await gate.passed()  # what is blocked by a reader of ours is not loitering
        with trio.move_on_after(LINGER_S):
            await self._session.wait_gone()
            return
        self._session.terminate()
        with trio.move_on_after(LEFTOVER_GRACE_S):
            await self._session.wait_gone()
            return
        self._session.kill()
        with trio.move_on_after(KILL_WAIT_S):
            await self._session.wait_gone()

    async def _end(self, gate: Gate) -> None:
        """After a cancel: TERM, the grace, KILL; the output of it all is still ours."""
        grace_s = self._stop_grace_s
        with (
            trio.move_on_after(grace_s + KILL_WAIT_S, shield=True) as scope,
            self._call.goodbye(lambda: scope.cancel(reason="no more time for goodbyes")),
        ):
            async with self._pumped(gate):
                self._session.terminate()
                with trio.move_on_after(grace_s):
                    await self._gone()
                self._session.kill()
                await self._gone()
        if scope.cancelled_caught:
            self._session.kill()
            with trio.move_on_after(REAP_S, shield=True):
                await self._gone()
        for source in self._sources:
            source.drain()
        gone = self._process.returncode is not None and not self._session.alive()
        self._call.note_remote(ended=gone and all(source.ended for source in self._sources))

    async def _gone(self) -> None:
        await self._process.wait()
        await self._session.wait_gone()


async def _feed(stdin: trio.abc.SendStream, feed: Feed, on_terminal: bool) -> None:  # noqa: FBT001 - start_soon
    more = trio.Event()
    cursor = feed.attach(lambda: more.set())  # noqa: PLW0108 - a new event each round
    last = b"\n"
    try:
        while (data := cursor.read(FEED_BYTES)) is not None:
            if not data:
                await more.wait()
                more = trio.Event()
                continue
            last = data
            await stdin.send_all(data)
        if on_terminal:
            at_line_start = last.endswith(b"\n")
            await stdin.send_all(_END_OF_INPUT if at_line_start else 2 * _END_OF_INPUT)
        await stdin.aclose()
    except (trio.BrokenResourceError, trio.ClosedResourceError):
        await stdin.aclose()  # it does not want to read it all
    finally:
        # Not of stdin: who is cancelled in the middle of it is not to take that for its end.
        cursor.close()


def _text_for(node: Node, command: Command) -> str:
    if not command.substitute:
        return command.text
    words = words_of(node=node, host=node.host, user=_own_name(), port=node.port or DEFAULT_PORT)
    return substitute(command.text, words)


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container's, which nobody has named
        return str(os.geteuid())


async def _start(shell: str, node: Node, command: Command, call: Call, files: ExitStack) -> _Here:
    """Start the command; what has to be closed afterwards is in `files`."""
    env = {**os.environ, **command.env, NODE_VARIABLE: node.name}
    argv = [shell, "-c", _text_for(node, command)]
    if command.tty:
        return await _start_on_terminal(argv, env, command, call, files)
    process = await trio.lowlevel.open_process(
        argv,
        stdin=subprocess.DEVNULL if command.stdin is None else subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=env,
    )
    streams: tuple[tuple[Stream, object], ...] = (
        ("stdout", process.stdout),
        ("stderr", process.stderr),
    )
    sources = []
    for name, pipe in streams:
        assert isinstance(pipe, trio.lowlevel.FdStream)
        files.callback(pipe.close)
        sources.append(_Source(pipe.fileno(), name, call))
    stdin = None
    if process.stdin is not None:
        assert isinstance(process.stdin, trio.lowlevel.FdStream)
        files.callback(process.stdin.close)
        stdin = process.stdin, feed_of(command.stdin or b""), False
    return _Here(process, sources, stdin=stdin, stop_grace_s=command.stop_grace_s, call=call)


async def _start_on_terminal(
    argv: Sequence[str], env: dict[str, str], command: Command, call: Call, files: ExitStack
) -> _Here:
    ours, theirs = pty.openpty()
    # The command has to hold its side from its first moment: a terminal that nobody
    # holds reads as ended.  We must not hold it, or it would never end.
    try:
        files.callback(os.close, ours)
        process = await trio.lowlevel.open_process(
            ["/bin/sh", "-c", _ON_TERMINAL, "sh", os.ttyname(theirs), *argv],
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            env=env,
        )
    finally:
        os.close(theirs)
    keys = trio.lowlevel.FdStream(os.dup(ours))
    files.callback(keys.close)
    return _Here(
        process,
        [_Source(ours, "stdout", call)],
        stdin=(keys, feed_of(command.stdin or b""), True),
        stop_grace_s=command.stop_grace_s,
        call=call,
    )
