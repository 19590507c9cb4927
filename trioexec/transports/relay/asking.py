"""Asks holders how they are, without a loop: a command line that looks for one has none yet."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import struct
from pathlib import Path
from typing import Final

from trioexec.model.errors import TrioexecError
from trioexec.transports.relay.place import is_ours, one_at_a_time, peer_of
from trioexec.transports.relay.wire import Ask, Frames, Status, decode_from_server, encode

__all__ = ["SilenceError", "Silent", "ask", "ask_holder", "connect_to"]

ANSWER_LIMIT_S: Final = 10.0
"""How long a holder may take to say how it is, and to let somebody in."""

_ANSWER_LIMIT: Final = struct.pack("ll", int(ANSWER_LIMIT_S), 0)


def connect_to(path: Path) -> socket.socket:
    """Connect to a holder of this user's.

    Raises:
        BlockingIOError: Who listens takes nobody: those that it let wait have filled its queue.
        OSError: Nobody listens, or somebody else does.
    """
    connected = socket.socket(socket.AF_UNIX)
    try:
        # Not `settimeout`, which does not wait at all where too many others do.
        connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _ANSWER_LIMIT)
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
    except BlockingIOError:
        return _silent(_pid_at(path), path, stop=stop)
    except OSError:
        return None
    with connected:
        try:
            return ask(connected, Ask(stop))
        except SilenceError:
            return _silent(peer_of(connected)[0], path, stop=stop)


def _silent(pid: int | None, path: Path, *, stop: bool) -> Silent | None:
    if pid is None:  # it has gone meanwhile
        return None
    if stop:
        _kill(pid)
        _remove_left(path)
    return Silent(pid)


def _pid_at(path: Path) -> int | None:
    """Find the holder that serves a socket by its command line: its queue is full."""
    words = b"\0".join((b"hold", b"serve", os.fsencode(path), b""))
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if entry.stat().st_uid == os.getuid() and words in (entry / "cmdline").read_bytes():
                return int(entry.name)
    return None


def _kill(pid: int) -> None:
    """Kill a holder, and wait until it is over; what runs on its connections ends too."""
    with contextlib.suppress(ProcessLookupError):
        over = os.pidfd_open(pid)
        try:
            signal.pidfd_send_signal(over, signal.SIGKILL)
            select.select([over], [], [])
        finally:
            os.close(over)


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
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True
