"""Where holders listen: one socket per set of options, in a directory that is ours alone."""

from __future__ import annotations

import hashlib
import os
import socket
import stat
import struct
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trioexec import __version__
from trioexec.model.errors import ConfigError
from trioexec.transports.relay.wire import VERSION
from trioexec.transports.ssh.config import Facts, config_files, files_of
from trioexec.transports.ssh.options import SshOptions

if TYPE_CHECKING:
    import trio

__all__ = ["directory", "is_ours", "socket_path"]

_NAME_BYTES: Final = 8


def directory(*, make: bool) -> Path:
    """Give the directory; a place that others can write to or read is refused.

    Raises:
        ConfigError: It is not ours alone, or cannot be made.
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    path = Path(runtime, "trioexec") if runtime else Path(f"/tmp/trioexec-{os.getuid()}")  # noqa: S108
    if make:
        _make(path)
    try:
        found = path.lstat()
    except FileNotFoundError:
        return path
    if (
        not stat.S_ISDIR(found.st_mode)
        or found.st_uid != os.getuid()
        or stat.S_IMODE(found.st_mode) & 0o077
    ):
        raise ConfigError(
            f"{path}: not a directory of yours alone, so no connection is held there.\n"
            f"Remove it, or run: chmod 700 {path}"
        )
    return path


def _make(path: Path) -> None:
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:
        pass  # whatever it is: that is looked at
    except OSError as exc:
        raise ConfigError(
            f"{path} cannot be made: {exc.strerror}, so no connection is held there.\n"
            "Set XDG_RUNTIME_DIR to a directory of yours, or leave --persist out."
        ) from exc


def socket_path(options: SshOptions, *, make: bool) -> Path:
    """Name the socket of the holder that serves these options.

    Whatever may change how a node is reached is part of the name: the options, the
    agent, and the state of the configuration files and of all that they include.  So
    is our version: a holder that has outlived an update speaks another language, and is
    left to go by itself.
    """
    same = replace(
        options,
        password=None,
        key_passphrases=(),
        parallel=0,
        connect_timeout_s=None,
        keep_connections=True,
    )
    facts = [__version__, str(VERSION), repr(same), os.environ.get("SSH_AUTH_SOCK", "")]
    here = Facts.of_this_process()
    files = config_files(options.config_file, here)
    facts += [_state_of(path) for path in files_of(files, here)]
    digest = hashlib.blake2b("\n".join(facts).encode(), digest_size=_NAME_BYTES)
    return directory(make=make) / f"{digest.hexdigest()}.sock"


def is_ours(connected: socket.socket | trio.socket.SocketType) -> bool:
    """Tell whether the process at the other end of a Unix socket is this user's."""
    credentials = connected.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _pid, uid, _gid = struct.unpack("3i", credentials)
    return bool(uid == os.getuid())


def _state_of(path: Path) -> str:
    try:
        found = path.stat()
    except OSError:
        return f"{path}: none"
    return f"{path}: {found.st_mtime_ns} {found.st_size} {found.st_ino}"
