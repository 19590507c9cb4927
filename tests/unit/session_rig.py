"""A node at the other end of a session, as asyncssh shows it, and what it is asked."""

from __future__ import annotations

import asyncio  # noqa: TID251
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import asyncssh  # noqa: TID251

from tests.calls import HeardCall
from trioexec.model.command import Command
from trioexec.model.feed import Cursor
from trioexec.transports.base import Ended
from trioexec.transports.ssh.kept import Lease
from trioexec.transports.ssh.running import run_command
from trioexec.transports.ssh.wrapper import Marker

LIMIT_S = 0.05
LONGER_S = 0.3
HANG_S = 60.0


class Channel:
    """Does nothing, and remembers whether it was given up."""

    aborted = False
    eof = False
    paused = False
    signals: tuple[str, ...] = ()
    written = b""

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def write_eof(self) -> None:
        self.eof = True

    def write(self, data: bytes) -> None:
        self.written += data

    def send_signal(self, name: str) -> None:
        self.signals = (*self.signals, name)


class Connection:
    """Opens one channel, on which `script` plays the node."""

    def __init__(self, script: Callable[[Any], Awaitable[None]]) -> None:
        self.chan = Channel()
        self.closed = False
        self.others = False
        self.server = "SSH-2.0-OpenSSH_9.2p1"
        self.ran: list[str] = []
        self.session: Any = None
        self._script = script

    @property
    def connection(self) -> Connection:
        return self  # a lease of it, which is the only one

    def give_up(self) -> bool:
        self.closed = not self.others
        return self.others

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.server if name == "server_version" else default

    async def run(self, text: str, **options: object) -> Any:
        self.ran.append(text)
        return SimpleNamespace(exit_status=0)

    async def create_session(
        self,
        factory: Callable[[], Any],
        wire: str,
        **options: object,
    ) -> tuple[Channel, Any]:
        self.session = factory()
        self.session.connection_made(self.chan)
        await self._script(self.session)
        self.session.session_started()
        return self.chan, self.session


class Dead(Connection):
    """Opens no channel, and says nothing of it."""

    async def create_session(
        self, factory: Callable[[], Any], wire: str, **options: object
    ) -> tuple[Channel, Any]:
        self.session = factory()
        await asyncio.sleep(3600)
        raise AssertionError


async def starts_nothing(session: object) -> None:
    raise AssertionError(session)


class Feed:
    """A feed without end; knows whether somebody still reads it."""

    def __init__(self) -> None:
        self.readers = 0

    def attach(self, wake: Callable[[], object]) -> Cursor:
        self.readers += 1
        return self

    def read(self, limit_bytes: int) -> bytes | None:
        return b""

    def close(self) -> None:
        self.readers -= 1


def run(
    connection: Connection,
    call: HeardCall,
    command: Command,
    *,
    elsewhere: Callable[[str], Awaitable[bool]] | None = None,
) -> Awaitable[Ended]:
    return run_command(
        cast("Lease", connection),
        command,
        call,
        elsewhere=elsewhere or _never,
        token="t",
        window=1,
        sent_env={},
        opening_limit_s=LIMIT_S,
    )


class Endless(Feed):
    """A feed that has one piece more whenever it is asked anew."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces = 0
        self._given = False

    def read(self, limit_bytes: int) -> bytes | None:
        self._given = not self._given
        self.pieces += self._given
        return b"piece" if self._given else b""


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until it does."""
    async with asyncio.timeout(HANG_S):
        while not holds():
            await asyncio.sleep(0)


async def _never(text: str) -> bool:
    raise AssertionError(text)


COMMAND = Command(text="x", wrap=False, stop_grace_s=0.0)


def starts(*, marked: bool) -> Callable[[Any], Awaitable[None]]:
    async def starts(session: Any) -> None:
        if marked:
            marker = Marker(pid=31, watch_pid=0).line("t")
            session.data_received(marker, asyncssh.EXTENDED_DATA_STDERR)

    return starts


async def run_to_its_end(connection: Connection, *, by: str = "") -> Ended:
    """Run a command that exits with 0, or is killed by a signal, when it has hardly started."""
    task = asyncio.ensure_future(run(connection, HeardCall(), Command(text="x")))
    await until(lambda: connection.session is not None)
    if by:
        connection.session.exit_signal_received(by, False, "", "")
    else:
        connection.session.exit_status_received(0)
    connection.session.connection_lost(None)
    return await task
