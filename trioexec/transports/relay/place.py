"""Where holders listen: one socket per set of options, in a directory that is ours alone."""

from __future__ import annotations

import fcntl
import hashlib
import os
import socket
import stat
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from trioexec import __version__
from trioexec.model.errors import ConfigError
from trioexec.transports.relay.wire import VERSION
from trioexec.transports.ssh.config import (
    Facts,
    config_files,
    files_of,
    variables_that_count,
)
from trioexec.transports.ssh.options import SshOptions

if TYPE_CHECKING:
    import trio

__all__ = [
    "directory",
    "holder_socket",
    "is_at",
    "is_ours",
    "leave",
    "one_at_a_time",
    "peer_of",
    "socket_path",
]

PRIVATE: Final = 0o700

_NAME_BYTES: Final = 8

_LONGEST_RUNTIME_BYTES: Final = 107 - len("/trioexec/.sock") - 2 * _NAME_BYTES
"""A socket's path has 107 bytes at most."""

_ELSEWHERE: Final = "Set XDG_RUNTIME_DIR to a directory of yours."


def directory(*, make: bool) -> Path:
    """Give the directory; a place that others can write to or read is refused.

    Raises:
        ConfigError: It is not ours alone, or cannot be made.
    """
    runtime = _runtime()
    path = runtime / "trioexec" if runtime else Path(f"/tmp/trioexec-{os.getuid()}")  # noqa: S108
    try:
        if make:
            _make(path)
        found = path.lstat()
    except OSError as exc:
        if isinstance(exc, FileNotFoundError) and not make:
            return path
        raise _no_place(path, exc) from exc
    if found.st_uid != os.getuid():
        raise ConfigError(
            f"{path}: it is another user's, so no connection is held there.\n{_ELSEWHERE}"
        )
    if not stat.S_ISDIR(found.st_mode) or stat.S_IMODE(found.st_mode) & 0o777 != PRIVATE:
        raise ConfigError(
            f"{path}: not a directory of yours alone, so no connection is held there.\n"
            f"Remove it, or run: chmod 700 {path}"
        )
    return path


def _make(path: Path) -> None:
    with suppress(FileExistsError):
        path.mkdir(mode=PRIVATE)
        path.chmod(PRIVATE)  # whatever the umask takes away


def _no_place(path: Path, exc: OSError) -> ConfigError:
    return ConfigError(f"{path}: {exc.strerror}, so no connection is held there.\n{_ELSEWHERE}")


def _runtime() -> Path | None:
    """The user's runtime directory; None where there is none that will do.

    After `su` the variable may still name another user's.
    """
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR", ""))
    if not runtime.is_absolute() or len(os.fsencode(runtime)) > _LONGEST_RUNTIME_BYTES:
        return None
    try:
        found = runtime.stat()
    except OSError:
        return None
    return runtime if stat.S_ISDIR(found.st_mode) and found.st_uid == os.getuid() else None


def socket_path(options: SshOptions, *, make: bool) -> Path:
    """Name the socket of the holder that serves these options.

    Whatever may change how a node is reached is part of the name: the options, the
    agent, the state of the configuration files and of all that they include, and the
    variables that these send or use.  So is our version: a holder that has outlived an
    update speaks another language, and is left to go by itself.

    Raises:
        ConfigError: There is no safe place for it.
    """
    same = replace(
        options,
        password=None,
        key_passphrases=(),
        parallel=0,
        keep_connections=True,
    )
    facts = [__version__, str(VERSION), repr(same), os.environ.get("SSH_AUTH_SOCK", "")]
    here = Facts.of_this_process()
    files = files_of(config_files(options.config_file, here), here)
    facts += [_state_of(path) for path in files]
    facts += variables_that_count(files, options.settings, here)
    digest = hashlib.blake2b(
        "\n".join(facts).encode(errors="surrogateescape"), digest_size=_NAME_BYTES
    )
    return directory(make=make) / f"{digest.hexdigest()}.sock"


def holder_socket(options: SshOptions) -> Path | None:
    """Give the socket of the holder for these options; None where there is none, or no safe one.

    Not asked for, a holder is no matter: what is wrong with the place is for who wants one.
    """
    try:
        path = socket_path(options, make=False)
    except ConfigError:
        return None
    return path if path.exists() else None


@contextmanager
def one_at_a_time(path: Path, *, wait: bool = True) -> Iterator[bool]:
    """Have the place of a socket for oneself: two runs that begin together start one holder.

    Args:
        path: Of the socket.
        wait: Whether to wait for others; else what is given tells whether it was free.

    Raises:
        ConfigError: It cannot be had at all: a full or read-only disk.
    """
    lock_path = path.with_suffix(".lock")
    while True:
        try:
            lock = os.open(lock_path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as exc:
            raise _no_place(path.parent, exc) from exc
        try:
            os.fchmod(lock, 0o600)  # whatever the umask has taken away
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError:
                yield False
                return
            if is_at(lock_path, os.fstat(lock).st_ino):
                yield True
                return
            # Who had it has removed it, and the next ones meet at another file.
        finally:
            os.close(lock)


def leave(path: Path, inode: int) -> None:
    """Remove a holder's socket and lock, unless a successor has the place, or is about to."""
    with suppress(OSError, ConfigError), one_at_a_time(path, wait=False) as free:
        if free and is_at(path, inode):
            path.unlink()
            path.with_suffix(".lock").unlink()


def is_at(path: Path, inode: int) -> bool:
    """Tell whether this file, and no other, is at a path."""
    try:
        return path.lstat().st_ino == inode
    except OSError:
        return False


def is_ours(connected: socket.socket | trio.socket.SocketType) -> bool:
    """Tell whether the process at the other end of a Unix socket is this user's."""
    return peer_of(connected)[1] == os.getuid()


def peer_of(connected: socket.socket | trio.socket.SocketType) -> tuple[int, int]:
    """Give process and user at the other end of a Unix socket."""
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    pid, uid, _gid = struct.unpack("3i", credentials)
    return pid, uid


def _state_of(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return f"{path}: none"
    return f"{path}: {found.st_mtime_ns} {found.st_size} {found.st_ino}"
