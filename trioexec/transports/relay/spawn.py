"""Starts holders and finds them."""

from __future__ import annotations

import contextlib
import json
import os
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import trio
from msgspec.structs import asdict, replace

from trioexec.model.errors import TrioexecError
from trioexec.model.secret import Secret
from trioexec.transports.base import Transport
from trioexec.transports.relay.asking import SilenceError, ask, connect_to
from trioexec.transports.relay.client import RelayTransport
from trioexec.transports.relay.place import holder_socket, one_at_a_time, socket_path
from trioexec.transports.relay.shared import SharedTransport
from trioexec.transports.relay.wire import Ask, Know
from trioexec.transports.ssh.options import SshOptions

__all__ = [
    "READY",
    "HolderError",
    "Prepare",
    "here",
    "holder_at",
    "holder_for",
    "options_from_json",
    "start_holder",
]

START_LIMIT_S: Final = 60.0
"""How long a holder may take to say that it listens."""

READY: Final = b"ready\n"
"""Says a holder that listens, the last thing that it says."""

ENTRY: Final = ("-m", "trioexec", "hold")


class HolderError(TrioexecError):
    """A holder could not be started, or is not to be trusted."""


def options_to_json(options: SshOptions) -> bytes:
    """Put options into bytes for a child's stdin; secrets too, so never for an argv."""
    plain = replace(options, parallel=min(options.parallel, 1e9))
    return json.dumps(asdict(plain), default=_reveal).encode()


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


Prepare = Callable[[SshOptions], SshOptions]
"""Adds the passphrases of the keys that a run's nodes need: a holder has no terminal to ask at."""


def holder_for(
    options: SshOptions, prepare: Prepare, *, persist_s: float | None = None
) -> Transport | None:
    """Give the transport over a holder that serves these options, if one is there."""
    path = holder_socket(options)
    return holder_at(path, options, prepare, persist_s=persist_s) if path is not None else None


def holder_at(
    path: Path, options: SshOptions, prepare: Prepare, *, persist_s: float | None = None
) -> Transport | None:
    """Give the transport over the holder at a socket; None where nobody answers.

    It has answered on the connection that will be used: so it has noticed us, and does not
    go because it has nothing to do.

    Args:
        path: Of its socket.
        options: What this run was told to log in with counts from now on.
        prepare: Asked where the holder has missed a passphrase.
        persist_s: How long it is to stay without work from now on; None: as it was told.
    """
    try:
        connected = connect_to(path)
    except OSError:
        return None  # left behind by one that was killed, or too many wait for it already
    way = _Way(path, connected)
    try:
        status = ask(connected, Ask(persist_s=persist_s))
    except SilenceError:
        status = None
    if status is None:
        return None
    if status.locked:
        options = prepare(options)
    relay = RelayTransport(way.stream, "the holder of its connection", know=_what_to_know(options))
    return SharedTransport([relay], partial(here, options))


def here(options: SshOptions) -> Transport:
    """Give the transport of this process: nobody can be asked for what it lacks any more."""
    from trioexec.transports.ssh.transport import SshTransport  # noqa: PLC0415 - imports asyncssh

    return SshTransport(options)


def _what_to_know(options: SshOptions) -> Know | None:
    if options.password is None and not options.key_passphrases:
        return None
    return Know(
        options.password.reveal() if options.password is not None else None,
        [(path, passphrase.reveal()) for path, passphrase in options.key_passphrases],
    )


class _Way:
    """To a holder: at first over the connection that we have; closed if nobody takes it."""

    def __init__(self, path: Path, connected: socket.socket) -> None:
        self._path = path
        self._connected: socket.socket | None = connected

    def __del__(self) -> None:
        if self._connected is not None:
            self._connected.close()

    def stream(self) -> trio.SocketStream:
        try:
            connected, self._connected = self._connected or connect_to(self._path), None
        except OSError as exc:
            raise HolderError(
                f"the holder of connections has gone: {exc.strerror}.\nRun again."
            ) from exc
        connected.setblocking(False)
        return trio.SocketStream(trio.socket.from_stdlib_socket(connected))


def start_holder(options: SshOptions, persist_s: float, prepare: Prepare) -> Transport:
    """Have a holder for these options, started if there is none, and give the transport over it.

    Args:
        options: Of the run.
        persist_s: How long the holder stays without work.
        prepare: Gets what a new holder cannot ask for.

    Raises:
        HolderError: It did not start.
        ConfigError: There is no safe place for its socket.
    """
    path = socket_path(options, make=True)
    with one_at_a_time(path):
        there = holder_for(options, prepare, persist_s=persist_s)
        if there is None:
            options = prepare(options)
            _spawn_holder(options, path, persist_s)
            there = holder_for(options, prepare)
    if there is None:
        raise HolderError("the holder of connections ended as soon as it had started")
    return there


def _spawn_holder(options: SshOptions, path: Path, persist_s: float) -> None:
    child = subprocess.Popen(
        [sys.executable, *ENTRY, "serve", str(path), str(persist_s)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,  # what is wrong, if it does not start
        start_new_session=True,
        cwd="/",
    )
    assert child.stdin is not None
    assert child.stdout is not None
    with child.stdout as answer:
        # Where it does not read them it has ended, and does not say that it is ready.
        with contextlib.suppress(BrokenPipeError), child.stdin as questions:
            questions.write(options_to_json(options))
        said = _answer_of(answer.fileno())
        if not said.endswith(READY):
            child.kill()
            child.wait()
            why = said.decode(errors="replace").strip() or "It says nothing."
            raise HolderError(f"the holder of connections did not start.\n{why}")
    # It is not ours to wait for: it outlives us.
    child.returncode = 0


def _answer_of(descriptor: int) -> bytes:
    """Read what a holder says until it has started, or is gone; nothing where it is too slow."""
    said = b""
    until_s = time.monotonic() + START_LIMIT_S
    while select.select([descriptor], [], [], max(0.0, until_s - time.monotonic()))[0]:
        data = os.read(descriptor, 65536)
        if not data:
            return said
        said += data
    return b""
