"""Starts the processes at the other end: a holder that stays, workers that do not."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import select
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Final

import trio

from trioexec.model.command import Command
from trioexec.model.errors import TrioexecError
from trioexec.model.nodes import Node
from trioexec.model.secret import Secret
from trioexec.transports.base import Call, Ended
from trioexec.transports.relay.client import RelayTransport
from trioexec.transports.relay.place import is_ours, socket_path
from trioexec.transports.relay.wire import (
    Ask,
    Frames,
    Status,
    decode_from_server,
    encode,
)
from trioexec.transports.ssh.options import SshOptions

__all__ = [
    "HolderError",
    "WorkersTransport",
    "ask_holder",
    "connect_to",
    "holder_at",
    "holder_for",
    "options_from_json",
    "start_holder",
]

START_LIMIT_S: Final = 20.0
"""How long a holder may take to say that it listens."""

ANSWER_LIMIT_S: Final = 5.0
"""How long a holder may take to say how it is."""

ENTRY: Final = ("-m", "trioexec", "hold")


class HolderError(TrioexecError):
    """A holder could not be started, or is not to be trusted."""


def options_to_json(options: SshOptions) -> bytes:
    """Put options into bytes for a child's stdin; secrets too, so never for an argv."""
    plain = replace(options, parallel=min(options.parallel, 1e9))
    values = {each.name: getattr(plain, each.name) for each in fields(plain)}
    return json.dumps(values, default=_reveal).encode()


def _reveal(value: object) -> str:
    assert isinstance(value, Secret)
    return value.reveal()


def options_from_json(data: bytes) -> SshOptions:
    """Take them out again."""
    values: dict[str, Any] = json.loads(data)
    for key, value in values.items():
        if key == "key_passphrases":
            values[key] = tuple((path, Secret(passphrase)) for path, passphrase in value)
        elif isinstance(value, list):
            values[key] = tuple(value)
        elif key == "password" and value is not None:
            values[key] = Secret(value)
    return SshOptions(**values)


def holder_for(options: SshOptions) -> RelayTransport | None:
    """Give the transport over a holder that serves these options, if one is there."""
    path = socket_path(options, make=False)
    return holder_at(path) if path.exists() else None


def holder_at(path: Path) -> RelayTransport | None:
    """Give the transport over the holder at a socket; None where nobody answers.

    It has answered on the connection that will be used: so it has noticed us, and does not
    go because it has nothing to do.
    """
    try:
        connected = connect_to(path)
    except OSError:
        return None  # left behind by one that was killed
    way = _Way(path, connected)
    if _ask(connected, stop=False) is None:
        return None
    return RelayTransport(way.stream, "the holder of its connection")


class _Way:
    """To a holder: at first over the connection that we have; closed if nobody takes it."""

    def __init__(self, path: Path, connected: socket.socket) -> None:
        self._path = path
        self._connected: socket.socket | None = connected

    def __del__(self) -> None:
        if self._connected is not None:
            self._connected.close()

    async def stream(self) -> trio.SocketStream:
        try:
            connected, self._connected = self._connected or connect_to(self._path), None
        except OSError as exc:
            raise HolderError(
                f"the holder of connections has gone: {exc.strerror}.\nRun again."
            ) from exc
        connected.setblocking(False)
        return trio.SocketStream(trio.socket.from_stdlib_socket(connected))


def start_holder(
    options: SshOptions, persist_s: float, prepare: Callable[[SshOptions], SshOptions]
) -> RelayTransport:
    """Have a holder for these options, started if there is none, and give the transport over it.

    Args:
        options: Of the run.
        persist_s: How long a new holder stays without work.
        prepare: Adds what a new holder cannot ask for: it has no terminal.

    Raises:
        HolderError: It did not start.
        ConfigError: There is no safe place for its socket.
    """
    path = socket_path(options, make=True)
    with _one_at_a_time(path):
        there = holder_for(options)
        if there is None:
            _spawn_holder(prepare(options), path, persist_s)
            there = holder_for(options)
    if there is None:
        raise HolderError("the holder of connections ended as soon as it had started")
    return there


def connect_to(path: Path) -> socket.socket:
    """Connect to a holder of this user's.

    Raises:
        OSError: Nobody listens, or somebody else does.
    """
    connected = socket.socket(socket.AF_UNIX)
    try:
        connected.connect(str(path))
        if not is_ours(connected):
            raise PermissionError(f"{path}: another user listens there")  # noqa: TRY301
    except BaseException:
        connected.close()
        raise
    return connected


def ask_holder(path: Path, *, stop: bool) -> Status | None:
    """Ask a holder how it is, and maybe to end.

    None where nobody listens; the socket that a killed holder left is removed then.
    """
    try:
        connected = connect_to(path)
    except ConnectionRefusedError:
        with _one_at_a_time(path):  # a holder that is just starting has the lock
            if not _is_listening(path):
                path.unlink(missing_ok=True)
        return None
    except OSError:
        return None
    with connected:
        return _ask(connected, stop=stop)


def _ask(connected: socket.socket, *, stop: bool) -> Status | None:
    connected.settimeout(ANSWER_LIMIT_S)
    try:
        connected.sendall(encode(Ask(stop)))
        frames = Frames()
        while data := connected.recv(65536):
            for body in frames.feed(data):
                message = decode_from_server(body)
                if isinstance(message, Status):
                    return message
    except OSError:
        return None
    return None


def _is_listening(path: Path) -> bool:
    try:
        connect_to(path).close()
    except OSError:
        return False
    return True


@contextmanager
def _one_at_a_time(path: Path) -> Iterator[None]:
    """Two runs that begin together start one holder."""
    lock = os.open(path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def _spawn_holder(options: SshOptions, path: Path, persist_s: float) -> None:
    child = subprocess.Popen(
        [sys.executable, *ENTRY, "serve", str(path), str(persist_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        cwd="/",
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdout as answer:
        # Where it does not read them it has ended, and does not say that it is ready.
        with contextlib.suppress(BrokenPipeError), child.stdin as questions:
            questions.write(options_to_json(options))
        ready, _, _ = select.select([answer], [], [], START_LIMIT_S)
        if not ready or answer.read() != b"ready\n":
            child.kill()
            child.wait()
            raise HolderError(
                "the holder of connections did not start.\nRun again without --persist to see why."
            )
    # It is not ours to wait for: it outlives us.
    child.returncode = 0


class WorkersTransport:
    """Shards nodes over worker processes; `transports.base.Transport` is the contract."""

    def __init__(self, options: SshOptions, count: int) -> None:
        """Use so many workers; none is started before `open`."""
        self._options = replace(options, parallel=max(1.0, options.parallel / count))
        self._count = count
        self._workers: list[RelayTransport] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Have the workers; when left, they have ended."""
        async with AsyncExitStack() as stack:
            for number in range(self._count):
                self._workers.append(
                    await stack.enter_async_context(_worker(self._options, number + 1))
                )
            try:
                yield
            finally:
                self._workers.clear()

    async def run(self, node: Node, command: Command, call: Call) -> Ended:
        """Have the node's worker run the command."""
        return await self._workers[node.rank % self._count].run(node, command, call)

    async def ping(self, node: Node, call: Call) -> Ended:
        """Have the node's worker ping it."""
        return await self._workers[node.rank % self._count].ping(node, call)


WORKER_GRACE_S: Final = 5.0
"""How long a worker may take to go when its run is over; nothing of the run is left in it then."""


@asynccontextmanager
async def _worker(options: SshOptions, number: int) -> AsyncIterator[RelayTransport]:
    ours, theirs = socket.socketpair()
    with contextlib.ExitStack() as left:
        left.callback(ours.close)
        with theirs:
            # A session of its own: a Ctrl-C at the terminal is for us, who will tell it.
            process = subprocess.Popen(  # noqa: ASYNC220 - a fork and an exec, no wait
                [sys.executable, *ENTRY, "work", str(theirs.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        left.callback(_end, process)
        assert process.stdin is not None
        try:
            with process.stdin as stdin:
                stdin.write(options_to_json(options))
        except OSError as exc:
            raise HolderError(f"worker process {number} did not start: {exc.strerror}.") from exc
        ours.setblocking(False)
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))

        async def connect() -> trio.SocketStream:
            return stream

        relay = RelayTransport(connect, f"worker process {number}")
        try:
            async with relay.open():
                yield relay
        finally:
            # No shield: calls have had their goodbyes, and a cancel that comes as far as here,
            # such as the last Ctrl-C, leaves no time.
            with trio.move_on_after(WORKER_GRACE_S):
                await trio.to_thread.run_sync(process.wait, abandon_on_cancel=True)  # noqa: ASYNC102


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
