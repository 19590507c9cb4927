"""A process that owns connections between commands, as ssh's ControlMaster does for one host.

It answers only its own user, at a socket nobody else can reach, and goes when it
has had nothing to do for as long as it was told.
"""

from __future__ import annotations

import errno
import logging
import math
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Final

import trio
from msgspec.structs import replace

from trioexec.model.secret import Secret
from trioexec.transports.relay.place import is_at, is_ours, leave
from trioexec.transports.relay.server import serve_link
from trioexec.transports.relay.wire import Ask, Held, Know, Status
from trioexec.transports.ssh.options import SshOptions
from trioexec.transports.ssh.transport import SshTransport

__all__ = ["hold", "work"]

_logger = logging.getLogger(__name__)


ACCEPT_PAUSE_S: Final = 0.2
"""Between two looks for a free descriptor."""

PLACE_S: Final = 30.0
"""Between two looks whether the socket is still where it was."""

_PASSING: Final = frozenset(
    {errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM, errno.ECONNABORTED}
)
"""What says nothing of the listener."""


class _Holder:
    def __init__(self, transport: SshTransport, persist_s: float) -> None:
        self.transport = transport
        self.persist_s = persist_s
        self.runs = 0
        self.calls = 0
        self.taking = trio.CancelScope()
        """Round the taking of runs; those that are there are served to their end."""
        self._began_s = trio.current_time()
        self._worked_s = self._began_s
        self._rest()

    def begin(self) -> None:
        if not self.runs:
            self.transport.look_anew()
        self.runs += 1
        self.taking.deadline = math.inf

    def end(self) -> None:
        self.runs -= 1
        if not self.runs:
            self.transport.end_programs()
            self._rest()

    def busy(self, change: int) -> None:
        self.calls += change
        self._worked_s = trio.current_time()

    def _rest(self) -> None:
        # Who only asks how it is does not keep it.
        self.taking.deadline = self._worked_s + self.persist_s

    def learn(self, know: Know) -> None:
        self.transport.learn(
            password=Secret(know.password) if know.password is not None else None,
            key_passphrases={path: Secret(text) for path, text in know.key_passphrases},
        )

    def answer(self, ask: Ask) -> Status:
        if ask.persist_s is not None:
            self.persist_s = ask.persist_s
        if ask.stop:
            self.taking.cancel(reason="told to stop")
        return Status(
            os.getpid(),
            trio.current_time() - self._began_s,
            self.persist_s,
            self.calls,
            [Held(*age) for age in self.transport.ages()],
            self.transport.locked_keys(),
        )


async def hold(
    options: SshOptions, path: Path, persist_s: float, ready: Callable[[], object]
) -> None:
    """Hold connections until nothing was asked for `persist_s` seconds, or it is told to stop.

    Then it takes no more runs, and goes when those that it has are over.

    Args:
        options: How nodes are reached; connections are kept whatever it says.
        path: Of the socket, in a directory of ours alone; removed at the end.
        persist_s: Counted from the last run's end.
        ready: Called when runs may connect.
    """
    transport = SshTransport(replace(options, keep_connections=True))
    async with transport.open():
        holder = _Holder(transport, persist_s)
        listener = _listen(path)
        inode = path.lstat().st_ino  # noqa: ASYNC240 - on a tmpfs
        async with trio.open_nursery() as serving:
            try:
                ready()
                with holder.taking:
                    async with trio.open_nursery() as looking:
                        looking.start_soon(_leave_with, path, inode, holder.taking)
                        await _accept(
                            listener, lambda each: serving.start_soon(_serve, each, holder)
                        )
            finally:
                # Before runs and connections, which take their time: who comes now finds nobody
                # and starts a holder of its own.
                listener.close()
                leave(path, inode)


async def work(options: SshOptions, connected: socket.socket) -> None:
    """Do one run's work over a socket pair, then end: a worker process."""
    transport = SshTransport(options)
    stream = trio.SocketStream(trio.socket.from_stdlib_socket(connected))
    async with transport.open():
        await serve_link(stream, transport)


def _listen(path: Path) -> trio.socket.SocketType:
    path.unlink(missing_ok=True)
    plain = socket.socket(socket.AF_UNIX)
    before = os.umask(0o177)
    try:
        plain.bind(str(path))
        plain.listen(64)
    finally:
        os.umask(before)
    plain.setblocking(False)
    return trio.socket.from_stdlib_socket(plain)


async def _leave_with(path: Path, inode: int, taking: trio.CancelScope) -> None:
    """Take no more runs when the socket is gone: nobody can find us, to use or to stop us."""
    while is_at(path, inode):  # noqa: ASYNC110 - nobody tells
        await trio.sleep(PLACE_S)
    taking.cancel(reason="the socket is gone")


async def _accept(
    listener: trio.socket.SocketType, serve: Callable[[trio.socket.SocketType], object]
) -> None:
    """Hand over whoever comes, for ever; what all connections have used up they give back."""
    while True:
        try:
            accepted, _ = await listener.accept()
        except OSError as exc:
            if exc.errno not in _PASSING:
                raise
            await trio.sleep(ACCEPT_PAUSE_S)
        else:
            serve(accepted)


async def _serve(accepted: trio.socket.SocketType, holder: _Holder) -> None:
    stream = trio.SocketStream(accepted)
    if not is_ours(accepted):
        await stream.aclose()
        return
    holder.begin()
    try:
        await serve_link(
            stream,
            holder.transport,
            busy=holder.busy,
            answer=holder.answer,
            learn=holder.learn,
            tell_bugs=True,
        )
    except Exception:
        # It has been told to the run that it ends.  Those of other terminals are not to end by it.
        _logger.exception("a run was ended by a bug")
    finally:
        holder.end()
