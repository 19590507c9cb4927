"""The server's side of one session: asyncssh's callbacks below, a trio task above."""

# ruff: noqa: D102 - asyncssh documents its callbacks

from __future__ import annotations

import inspect
import itertools
import math
import socket
import struct
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Final

import asyncssh  # noqa: TID251
import trio

from trioexec.model.events import Stream
from trioexec.testing.scripts import NOT_SCRIPTED, Answer, Fault, Reply, Say, ScriptedNode
from trioexec.testing.shell import run_shell
from trioexec.transports.ssh.wrapper import Marker, Unwrapped, unwrap

if TYPE_CHECKING:
    from trioexec.testing.server import NodeServer

__all__ = ["Session"]

UNREAD_BYTES: Final = 256 * 1024
"""So much stdin may lie unread before the client is told to wait."""

BITE_BYTES: Final = 1024
BITE_PAUSE_S: Final = 0.02
"""How `Fault.READS_SLOWLY` reads."""

ENDLESS: Final = b"y\n" * 8192

_pids = itertools.count(4_000_001)  # beyond what Linux gives: nobody can mean a real process


class Session(asyncssh.SSHServerSession[bytes]):
    """One command; implements `scripts.Asked`."""

    def __init__(
        self,
        server: NodeServer,
        connection: asyncssh.SSHServerConnection,
        *,
        on_closed: Callable[[], None],
    ) -> None:
        self.script: ScriptedNode = server.script
        self.node: str = self.script.name
        self.user: str = connection.get_extra_info("username") or ""
        self.command: str = ""
        self.wire: str = ""
        self.env: Mapping[str, str] = {}
        self.tty: bool = False
        self.pid: int = next(_pids)
        self.scope: trio.CancelScope = trio.CancelScope()
        self._server = server
        self._connection = connection
        self._on_closed = on_closed
        self._chan: asyncssh.SSHServerChannel[bytes]
        self._guard: Unwrapped | None = None
        self._unread = bytearray()
        self._input_ended = False
        self._news = trio.Event()
        self._may_write = trio.Event()
        self._may_write.set()
        self._stop = trio.Event()
        self._signalled = trio.Event()

    # What asyncssh calls

    def connection_made(self, chan: asyncssh.SSHServerChannel[bytes]) -> None:
        self._chan = chan

    def pty_requested(
        self,
        term_type: str,  # noqa: ARG002
        term_size: tuple[int, int, int, int],  # noqa: ARG002
        term_modes: Mapping[int, int],  # noqa: ARG002
    ) -> bool:
        self.tty = True
        return True

    def shell_requested(self) -> bool:
        return False

    def exec_requested(self, command: str) -> bool:
        self.wire = command
        self._guard = unwrap(command)
        self.command = self._guard.command if self._guard is not None else command
        return True

    def session_started(self) -> None:
        self.env = dict(self._chan.get_environment())
        self._server.start_session(self)

    def data_received(self, data: bytes, datatype: asyncssh.DataType) -> None:  # noqa: ARG002
        self._unread += data
        if len(self._unread) > UNREAD_BYTES:
            self._chan.pause_reading()
        self._news.set()

    def eof_received(self) -> bool:
        self._input_ended = True
        self._news.set()
        if self._guard is not None and not self._guard.fed:
            self.stop()  # the guard's own stdin: this is how it is told
        return True

    def signal_received(self, signal: str) -> None:  # noqa: ARG002
        self._signalled.set()
        self.stop()

    def pause_writing(self) -> None:
        self._may_write = trio.Event()

    def resume_writing(self) -> None:
        self._may_write.set()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._on_closed()
        self.scope.cancel(reason="the session is gone")

    # What answers call

    async def read(self) -> bytes:
        """Give the next piece of stdin; empty at its end."""
        if self._guard is not None and not self._guard.fed and not self.script.runs_commands:
            return b""  # /dev/null: the channel's stdin belongs to the guard
        slow = self.script.fault is Fault.READS_SLOWLY
        if slow:
            await trio.sleep(BITE_PAUSE_S)
        while not self._unread and not self._input_ended:
            self._news = trio.Event()
            await self._news.wait()
        size = BITE_BYTES if slow else len(self._unread)
        data = bytes(self._unread[:size])
        del self._unread[:size]
        if len(self._unread) <= UNREAD_BYTES:
            self._chan.resume_reading()
        return data

    async def say(self, data: bytes, stream: Stream = "stdout") -> None:
        """Send output; waits while the client does not take it."""
        await self._may_write.wait()
        await trio.lowlevel.checkpoint()
        to_stderr = stream == "stderr" and not self.tty
        self._chan.write(data, asyncssh.EXTENDED_DATA_STDERR if to_stderr else None)

    def drop(self) -> None:
        """Close the connection."""
        self._connection.abort()

    def reset(self) -> None:
        """Reset the connection, as a machine does that has forgotten it."""
        sock = self._connection.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._connection.abort()

    def stop(self) -> None:
        """Tell the command to end, as the guard or the protocol's signal request does."""
        self._stop.set()

    # The task

    async def serve(self) -> None:
        """Answer the command, and close the session."""
        with self.scope:
            if self.script.runs_commands:
                self._exit(await run_shell(self, env=self.script.env, stop=self._signalled))
            elif self._server.stop_by_request(self.wire):
                self._exit(Answer())
            else:
                await self._answer()

    async def _answer(self) -> None:
        if self._guard is not None:
            watch_pid = self.pid if self._guard.fed else 0
            marker = Marker(pid=self.pid, watch_pid=watch_pid).line(self._guard.token)
            await self.say(marker, "stderr")
        answered: list[Answer] = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._obey_stop, nursery.cancel_scope)
            answer = await self._look_up()
            await self._play(answer)
            answered.append(answer)
            nursery.cancel_scope.cancel(reason="answered")
        if not answered:
            self._exit(Answer(signal="KILL" if self.script.ignores_term else "TERM"))
        elif self.script.fault is Fault.NO_EXIT_STATUS:
            self._chan.close()
        else:
            self._exit(answered[0])

    async def _obey_stop(self, scope: trio.CancelScope) -> None:
        await self._stop.wait()
        if self.script.fault is Fault.NEVER_EXITS:
            return
        if self.script.ignores_term:
            await trio.sleep(self._guard.grace_s if self._guard is not None else math.inf)
        scope.cancel(reason="stopped")

    async def _look_up(self) -> Answer:
        answers = self.script.answers
        if isinstance(answers, Mapping):
            if self.command not in answers:
                text = f"{self.node}: not scripted: {self.command}\n"
                return Answer(stderr=text.encode(), code=NOT_SCRIPTED)
            return _as_answer(answers[self.command])
        if callable(answers):
            reply = answers(self)
            return _as_answer(await reply if inspect.isawaitable(reply) else reply)
        return _as_answer(answers)

    async def _play(self, answer: Answer) -> None:
        fault = self.script.fault
        if fault is Fault.RESETS_MID_COMMAND:
            self.reset()
        while fault is Fault.ENDLESS_OUTPUT:
            await self.say(ENDLESS)
        if answer.reads_stdin or answer.echoes_stdin:
            while data := await self.read():
                if answer.echoes_stdin:
                    await self.say(data)
        pieces = [*answer.pieces, Say(data=answer.stdout), Say(data=answer.stderr, stream="stderr")]
        if fault is Fault.DROPS_MID_OUTPUT:
            await self._say_half([piece for piece in pieces if piece.data])
        for piece in pieces:
            await trio.sleep(piece.after_s)
            if piece.data:
                await self.say(piece.data, piece.stream)
        await trio.sleep(math.inf if fault is Fault.NEVER_EXITS else answer.takes_s)

    async def _say_half(self, pieces: list[Say]) -> None:
        left = (sum(len(piece.data) for piece in pieces) + 1) // 2
        for piece in pieces:
            await self.say(piece.data[:left], piece.stream)
            left -= len(piece.data)
            if left <= 0:
                break
        self._connection.close()
        await trio.sleep_forever()

    def _exit(self, answer: Answer) -> None:
        if answer.signal is not None:
            self._chan.exit_with_signal(answer.signal)
        else:
            self._chan.exit(answer.code)


def _as_answer(reply: Reply) -> Answer:
    match reply:
        case Answer():
            return reply
        case str():
            return Answer(stdout=reply.encode())
        case bytes():
            return Answer(stdout=reply)
        case _:
            return Answer(code=reply)
