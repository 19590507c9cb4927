"""Commands that nodes of the kit run for real, on this machine, as sshd would run them.

Nothing of a command is left when `run_shell` has returned or was cancelled, save
what left the session on purpose.
"""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Final

import trio

from trioexec.model.events import Stream
from trioexec.model.nodes import NODE_VARIABLE
from trioexec.testing.scripts import Answer, Asked
from trioexec.transports.process_session import ProcessSession
from trioexec.transports.ssh.wrapper import MarkerFilter, unwrap

__all__ = ["run_shell"]

GRACE_S: Final = 1.0
"""How long what a closed session leaves behind may take to obey TERM, and then KILL."""

CHUNK_BYTES: Final = 65536


async def run_shell(asked: Asked, *, env: Mapping[str, str], stop: trio.Event) -> Answer:
    """Run the command as it was sent, and say how it ended.

    As with sshd, stdin and stdout are one socket pair and stderr is a pipe, and the
    session ends when nobody holds those any more.

    Args:
        asked: The command, and where its output goes.
        env: On top of this process's environment and the client's.
        stop: When set, the command gets TERM.
    """
    ours, theirs = socket.socketpair()
    read_fd, write_fd = os.pipe()
    with theirs:
        try:
            process = await trio.lowlevel.open_process(
                ["/bin/sh", "-c", asked.wire],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=write_fd,
                start_new_session=True,
                env=_environment(asked, env),
            )
        except BaseException:
            ours.close()
            os.close(read_fd)
            raise
        finally:
            os.close(write_fd)
    shell = _Shell(asked, process, ours, read_fd)
    try:
        return await shell.converse(stop)
    finally:
        with trio.move_on_after(3 * GRACE_S, shield=True):
            await shell.end()
        shell.close()


def _environment(asked: Asked, env: Mapping[str, str]) -> dict[str, str]:
    node = {NODE_VARIABLE: asked.node, "HOSTNAME": asked.node}
    return {**os.environ, "SHELL": "/bin/sh", **asked.env, **env, **node}


class _Shell:
    """One command that runs."""

    def __init__(
        self, asked: Asked, process: trio.Process, ours: socket.socket, stderr_fd: int
    ) -> None:
        self._asked = asked
        self._process = process
        self._session = ProcessSession(process.pid)
        self._stdio = trio.SocketStream(trio.socket.from_stdlib_socket(ours))
        self._stderr = trio.lowlevel.FdStream(stderr_fd)
        guard = unwrap(asked.wire)
        self._marker = MarkerFilter(guard.token) if guard is not None else None
        self._over = False

    async def converse(self, stop: trio.Event) -> Answer:
        """Pass on what goes in and out until the command is over."""
        async with trio.open_nursery() as helpers:
            helpers.start_soon(self._feed)
            helpers.start_soon(self._obey, stop)
            async with trio.open_nursery() as outputs:
                outputs.start_soon(self._pump, self._stdio, "stdout")
                outputs.start_soon(self._pump, self._stderr, "stderr")
                code = await self._process.wait()
                self._end_input()
            self._over = True
            helpers.cancel_scope.cancel(reason="the command is over")
        if code >= 0:
            return Answer(code=code)
        return Answer(signal=signal.Signals(-code).name.removeprefix("SIG"))

    async def end(self) -> None:
        """See to it that nothing is left; under the caller's deadline."""
        self._end_input()
        self._session.terminate()
        with trio.move_on_after(GRACE_S):
            await self._process.wait()
            await self._session.wait_gone()
        self._session.kill()
        await self._process.wait()
        await self._session.wait_gone()
        if not self._over:
            self._tell_watchdog()
            # The watchdogs hold these, in sessions of their own.
            await _drain(self._stdio)
            await _drain(self._stderr)

    def close(self) -> None:
        """Let go of the descriptors."""
        self._stdio.socket.close()
        self._stderr.close()

    async def _feed(self) -> None:
        with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
            while data := await self._asked.read():
                await self._stdio.send_all(data)
        self._end_input()

    async def _obey(self, stop: trio.Event) -> None:
        await stop.wait()
        self._session.terminate()

    async def _pump(self, source: trio.abc.ReceiveStream, stream: Stream) -> None:
        with suppress(trio.BrokenResourceError):
            while data := bytes(await source.receive_some(CHUNK_BYTES)):
                if stream == "stderr" and self._marker is not None:
                    self._marker.feed(data)  # to know of a watchdog that we have to tell
                await self._asked.say(data, stream)

    def _end_input(self) -> None:
        with suppress(OSError):
            self._stdio.socket.shutdown(socket.SHUT_WR)

    def _tell_watchdog(self) -> None:
        marker = self._marker.marker if self._marker is not None else None
        if marker is not None and marker.watch_pid:
            with suppress(ProcessLookupError):
                os.kill(marker.watch_pid, signal.SIGUSR1)


async def _drain(source: trio.abc.ReceiveStream) -> None:
    with suppress(trio.BrokenResourceError):
        while await source.receive_some(CHUNK_BYTES):
            pass
