"""A file that is there whole or not at all."""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path

__all__ = ["is_other_than_file", "refusal", "write_whole"]


def write_whole(path: Path, data: bytes) -> None:
    """Put a file in its place, in one step for whoever looks.

    What is there and is no regular file (a pipe, ``/dev/stdout``) is written to instead.

    Raises:
        OSError: It could not be written; what was there before is there still.
    """
    if is_other_than_file(path):
        path.write_bytes(data)
        return
    mode = _mode(path)
    target = Path(os.path.realpath(path))  # a link stays a link
    handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name[:100]}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            os.fchmod(file.fileno(), _permissions(mode))
        os.replace(name, target)  # noqa: PTH105 - `name` is a text
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)  # noqa: PTH108
        raise


def is_other_than_file(path: Path) -> bool:
    """Whether what is there is no regular file; to write to that may take for ever."""
    mode = _mode(path)
    return mode is not None and not stat.S_ISREG(mode)


def refusal(path: Path) -> str:
    """Say why a file cannot be written later; empty if nothing speaks against it."""
    if path.is_dir():
        return "it is a directory"
    folder = path.parent
    if not folder.is_dir():
        return f"there is no directory {folder}"
    if not os.access(folder if not path.exists() else path, os.W_OK):
        return "it may not be written"
    return ""


def _mode(path: Path) -> int | None:
    try:
        return path.stat().st_mode
    except OSError:
        return None


def _permissions(mode: int | None) -> int:
    """Keep a file's own; a new one gets what the umask leaves."""
    if mode is not None:
        return stat.S_IMODE(mode)
    umask = os.umask(0o077)
    os.umask(umask)
    return 0o666 & ~umask
