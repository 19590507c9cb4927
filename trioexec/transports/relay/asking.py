"""Asks holders how they are, without a loop: a command line that looks for one has none yet."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path
from typing import Final

from trioexec.model.errors import TrioexecError
from trioexec.transports.relay.place import is_ours, one_at_a_time, peer_of
from trioexec.transports.relay.wire import Ask, Frames, Status, decode_from_server, encode

__all__ = ["SilenceError", "Silent", "ask", "ask_holder", "connect_to"]

ANSWER_LIMIT_S: Final = 10.0
"""How long a holder may take to say how it is."""


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


class Silent:
    """A holder that listens and does not answer: stuck, stopped, or of a strange version."""

    def __init__(self, pid: int) -> None:
        self.pid: int = pid


def ask_holder(path: Path, *, stop: bool) -> Status | Silent | None:
    """Ask a holder how it is, and maybe to end; with `stop`, one that is silent is killed.

    None where nobody listens; the socket that a killed holder left is removed then.
    """
    try:
        connected = connect_to(path)
    except ConnectionRefusedError:
        _remove_left(path)
        return None
    except OSError:
        return None
    with connected:
        try:
            return ask(connected, Ask(stop))
        except SilenceError:
            silent = Silent(peer_of(connected)[0])
        if stop:
            _kill(silent.pid, connected)
    if stop:
        _remove_left(path)
    return silent


def _kill(pid: int, connected: socket.socket) -> None:
    """Kill a holder, and wait until it listens no more; what runs on its connections ends too."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        while connected.recv(65536):
            pass


def _remove_left(path: Path) -> None:
    with one_at_a_time(path):  # a holder that is just starting has the lock
        if not _is_listening(path):
            path.unlink(missing_ok=True)
            path.with_suffix(".lock").unlink(missing_ok=True)


class SilenceError(TrioexecError):
    """There is no answer, or none that can be understood."""


def ask(connected: socket.socket, question: Ask) -> Status | None:
    """Ask over a connection; None where the holder has gone meanwhile.

    Raises:
        SilenceError: It does not answer.
    """
    connected.settimeout(ANSWER_LIMIT_S)
    try:
        connected.sendall(encode(question))
        frames = Frames()
        while data := connected.recv(65536):
            for body in frames.feed(data):
                message = decode_from_server(body)
                if isinstance(message, Status):
                    return message
    except (TimeoutError, ValueError) as exc:  # what cannot be decoded is a ValueError
        raise SilenceError from exc
    except OSError:
        return None
    return None


def _is_listening(path: Path) -> bool:
    try:
        connect_to(path).close()
    except OSError:
        return False
    return True
