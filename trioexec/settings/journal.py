"""Where the records of runs are kept, how they are found again, and when they go.

A folder of the user's own; a file a run, named by time and a short ID.  Any number
of trioexecs may run at once: a name is taken by creating it, a record that is being
written is locked, and only one at a time clears up.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import secrets
import time
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, Final

from msgspec import Struct

from trioexec.model.errors import UsageError
from trioexec.model.journal import (
    TAIL_BYTES,
    DamagedError,
    Header,
    Recorded,
    Summary,
    decode,
    peek_header,
    peek_summary,
)

__all__ = ["MOST_AGE_S", "MOST_BYTES", "MOST_RUNS", "Entry", "Journal", "journal_directory"]

MOST_RUNS: Final = 1000
MOST_BYTES: Final = 256 * 1024 * 1024
"""Of all records together."""

MOST_AGE_S: Final = 30 * 86400.0

EMPTY_AGE_S: Final = 60.0
"""A record that has nothing in it after that time will have nothing: the disk was full."""

_ALPHABET: Final = "abcdefghijkmnpqrstuvwxyz23456789"
"""Nothing that could be read as something else: no l and 1, no o and 0."""

_ID_CHARS: Final = 4
_TRIES: Final = 50
_NAME: Final = re.compile(r"\d{8}T\d{6}Z-[a-z2-9]{4,8}\.jsonl\.gz")
_STAMP_CHARS: Final = 15
_LAST: Final = r"last(?:[-~](\d{1,6}))?"
_READ_BYTES: Final = 256 * 1024


def journal_directory(env: Mapping[str, str]) -> Path:
    """Say where the user's records are: ``$XDG_STATE_HOME/trioexec/runs``."""
    state = env.get("XDG_STATE_HOME", "")
    if state.startswith("/"):
        return Path(state) / "trioexec" / "runs"
    home = env.get("HOME") or os.path.expanduser("~")  # noqa: PTH111 - never raises
    return Path(home) / ".local" / "state" / "trioexec" / "runs"


class Entry(Struct, frozen=True, kw_only=True):
    """One record's file."""

    id: str
    path: Path
    began_unix_s: float

    def header(self) -> Header:
        """Read what the record begins with.

        Raises:
            DamagedError: It cannot be read.
        """
        with self._opened() as file, self._named():
            return peek_header(file.read(_READ_BYTES))

    def summary(self) -> Summary | None:
        """Read what the record ends with, if it does."""
        with self._opened() as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - TAIL_BYTES))
            return peek_summary(file.read())

    def read(self) -> Recorded:
        """Read it all.

        Raises:
            DamagedError: It cannot be read.
        """
        with self._opened() as file, self._named():
            return decode(iter(lambda: file.read(_READ_BYTES), b""))

    def is_running(self) -> bool:
        """Whether somebody still writes it."""
        with self._opened() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            except OSError:
                return False
        return False

    @contextlib.contextmanager
    def _named(self) -> Iterator[None]:
        """Say of what cannot be read which run it is."""
        try:
            yield
        except DamagedError as exc:
            raise DamagedError(f"run {self.id}: {exc}\nThe file is {self.path}.") from exc

    @contextlib.contextmanager
    def _opened(self) -> Iterator[BinaryIO]:
        try:
            with self.path.open("rb") as file:
                yield file
        except OSError as exc:
            raise DamagedError(f"{self.path}: {exc.strerror}.") from exc


class Journal:
    """The records of one user."""

    def __init__(
        self,
        directory: Path,
        *,
        most_runs: int = MOST_RUNS,
        most_bytes: int = MOST_BYTES,
        most_age_s: float = MOST_AGE_S,
    ) -> None:
        self.directory = directory
        self._most_runs = most_runs
        self._most_bytes = most_bytes
        self._most_age_s = most_age_s

    def create(self, unix_s: float) -> tuple[str, int]:
        """Begin a record; returns its ID and a descriptor, which is locked.

        Raises:
            OSError: There is no room, or no right to.
        """
        self.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        with contextlib.suppress(OSError):
            self.directory.chmod(0o700)  # what was in it is nobody else's business either
        self._clear_up(unix_s)
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(unix_s))
        taken = os.listdir(self.directory)  # noqa: PTH208 - names are all that is wanted
        for attempt in range(_TRIES):
            chars = _ID_CHARS + attempt // 10
            run_id = "".join(secrets.choice(_ALPHABET) for _ in range(chars))
            if any(f"-{run_id}." in name for name in taken):
                continue
            flags = (
                os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
            )
            with contextlib.suppress(FileExistsError):
                fd = os.open(self.directory / f"{stamp}-{run_id}.jsonl.gz", flags, 0o600)
                with contextlib.suppress(OSError):  # a file system without locks
                    fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return run_id, fd
        raise FileExistsError(17, "no free name for the record")

    def entries(self) -> list[Entry]:
        """List the records, the newest first; one that is empty has not begun, and never may."""
        return [self._entry(name) for name, size_bytes in self._files() if size_bytes]

    def _files(self) -> list[tuple[str, int]]:
        """List the names of all there are, with their sizes, the newest first.

        Every run does, so nothing is made of a name here: there may be a thousand.
        """
        found = []
        with contextlib.suppress(OSError), os.scandir(self.directory) as files:
            for file in files:
                if _NAME.fullmatch(file.name):
                    changed_ns, size_bytes = _looked_at(file)
                    # Within one second the order is that of creation, as near as files tell.
                    found.append((file.name[:_STAMP_CHARS], changed_ns, file.name, size_bytes))
        found.sort(reverse=True)
        return [(name, size_bytes) for _, _, name, size_bytes in found]

    def _entry(self, name: str) -> Entry:
        stamp, _, rest = name.partition("Z-")
        return Entry(
            id=rest.partition(".")[0], path=self.directory / name, began_unix_s=_unix_s(stamp)
        )

    def find(self, text: str) -> Entry:
        """Find a record by ID or its beginning, ``last`` or ``last-1``.

        Raises:
            UsageError: There is none, or there are several.
        """
        entries = self.entries()
        if not entries:
            raise UsageError(f"there is no run in the journal yet.\nIt is in {self.directory}.")
        if match := re.fullmatch(_LAST, text):
            back = int(match[1] or 0)
            if back < len(entries):
                return entries[back]
            raise UsageError(f"{text}: the journal has {len(entries)} runs.\n{_LISTS}")
        found = [entry for entry in entries if entry.id == text] or [
            entry for entry in entries if text and entry.id.startswith(text)
        ]
        if not found:
            raise UsageError(f"there is no run {text!r} in the journal.\n{_LISTS}")
        if len(found) > 1:
            ids = ", ".join(entry.id for entry in found[:5])
            raise UsageError(f"{text!r} is the beginning of several runs: {ids}.\n{_LISTS}")
        return found[0]

    def _clear_up(self, now_s: float) -> None:
        """Remove what is too old or too much; never what is being written."""
        try:
            lock = os.open(self.directory / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            room_bytes = self._most_bytes
            for rank, (name, size_bytes) in enumerate(self._files()):
                room_bytes -= size_bytes
                age_s = now_s - _unix_s(name[:_STAMP_CHARS])
                old = age_s > self._most_age_s or (not size_bytes and age_s > EMPTY_AGE_S)
                if old or room_bytes < 0 or rank >= self._most_runs - 1:
                    entry = self._entry(name)
                    with contextlib.suppress(OSError, DamagedError):
                        if not entry.is_running():
                            entry.path.unlink()
        except OSError:
            return  # somebody else does it now
        finally:
            os.close(lock)


_LISTS: Final = "`trioexec runs` lists them."


def _unix_s(stamp: str) -> float:
    try:
        return datetime.fromisoformat(f"{stamp}Z").timestamp()
    except ValueError:
        return 0.0  # no time of ours: somebody else's file, and older than any


def _looked_at(file: os.DirEntry[str]) -> tuple[int, int]:
    """When it was changed, in nanoseconds, and its size."""
    try:
        status = file.stat()
    except OSError:
        return 0, 0
    return status.st_ctime_ns, status.st_size
