"""A file for each stream of each node, written as output arrives, and run.json at the end."""

from __future__ import annotations

import fcntl
import os
import resource
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import msgspec

from trioexec.model.errors import UsageError
from trioexec.model.event_codec import VERSION, outcome_to_dict
from trioexec.model.events import Event, NodeFinished, NodeOutput, RunFinished, Stream
from trioexec.model.tally import Tally
from trioexec.sinks.atomic import write_whole
from trioexec.sinks.filenames import file_name_for

__all__ = ["LATEST", "MOST_OPEN", "FilesSink"]

MOST_OPEN: Final = 64
"""Files open at one time, whatever the number of nodes: connections need descriptors too.  Where
there are few of these it is an eighth of them."""

LATEST: Final = "latest"
"""The link to the newest run, in a directory that holds several."""

_EXTENSIONS: Final[Mapping[Stream, str]] = {"stdout": ".out", "stderr": ".err"}


class FilesSink:
    """Keeps a run in a directory that holds nothing else.

    A directory that is new or empty becomes the run's.  In one that holds anything
    (an earlier run, one that is still going on), the run gets a folder of its own,
    named by the time, and the link ``latest`` leads to it.
    """

    def __init__(self, directory: Path, *, say: Callable[[str], None]) -> None:
        """Make the directory.

        Args:
            directory: Where the user wants the run.
            say: Shows one line to the user.

        Raises:
            UsageError: It cannot be made or written.
        """
        self.error: OSError | None = None
        """Why output could not be kept; what is there is then not complete."""
        self._say = say
        self._tally = Tally()
        self._open: OrderedDict[str, int] = OrderedDict()
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        self._most_open = MOST_OPEN if soft == resource.RLIM_INFINITY else min(MOST_OPEN, soft // 8)
        self._made: set[str] = set()
        self._names: dict[tuple[str, Stream], str] = {}
        self._lock_fd = -1
        try:
            self.directory: Path = self._claim(directory)
        except OSError as exc:
            is_file = isinstance(exc, FileExistsError) and not directory.is_dir()
            what = "it is no directory" if is_file else exc.strerror
            raise UsageError(
                f"--output-dir {directory}: {what}.\n"
                "Name a directory that can be made or written to."
            ) from exc
        if self.directory != directory:
            say(f"{directory} is not empty: this run is kept in {self.directory}")

    def handle(self, event: Event) -> None:
        """Take one event."""
        match event:
            case NodeOutput():
                if self.error is None:
                    try:
                        self._append(self._name(event.node, event.stream), event.data)
                    except OSError as exc:
                        self._fail(exc)
                return
            case NodeFinished():
                for stream in _EXTENSIONS:
                    fd = self._open.pop(self._name(event.node, stream), -1)
                    if fd >= 0:
                        os.close(fd)
        self._tally.handle(event)
        if isinstance(event, RunFinished):
            try:
                self._conclude(event)
            except OSError as exc:
                self._fail(exc)
            self.close()

    async def serve(self) -> None:
        """Nothing takes time here: files do not make us wait."""

    def close(self) -> None:
        """Let go of the directory; done by itself when the run has finished."""
        while self._open:
            os.close(self._open.popitem()[1])
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
            self._lock_fd = -1

    def _claim(self, directory: Path) -> Path:
        directory.mkdir(parents=True, exist_ok=True)
        if self._lock(directory) and not any(directory.iterdir()):
            return directory
        own = _make_new(directory, time.strftime("%Y-%m-%dT%H%M%SZ", time.gmtime()))
        self._lock(own)
        link = own.with_name(own.name + ".link")
        try:
            link.symlink_to(own.name)
            link.replace(directory / LATEST)
        except OSError as exc:  # there is a directory of that name, or there are no links at all
            link.unlink(missing_ok=True)
            own.rmdir()
            what = f"the link {LATEST} in it cannot be made: {exc.strerror}"
            raise OSError(exc.errno, what) from exc
        return own

    def _lock(self, directory: Path) -> bool:
        """Claim a directory for as long as we live; False if another run has it."""
        fd = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(fd)
            return False
        if self._lock_fd >= 0:
            os.close(self._lock_fd)
        self._lock_fd = fd
        return True

    def _append(self, name: str, data: bytes) -> None:
        fd = self._open.get(name)
        if fd is None:
            fd = self._open_file(name)
        else:
            self._open.move_to_end(name)
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(fd, rest) :]

    def _open_file(self, name: str) -> int:
        while self._open and len(self._open) >= self._most_open:
            os.close(self._open.popitem(last=False)[1])
        flags = os.O_WRONLY | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
        if name not in self._made:
            flags |= os.O_CREAT | os.O_EXCL
        fd = self._open[name] = os.open(self.directory / name, flags, 0o666)
        self._made.add(name)
        return fd

    def _conclude(self, event: RunFinished) -> None:
        """Write run.json: not there, or whole."""
        report = self._tally.report(now_s=event.at_s)
        text = msgspec.json.encode(
            {
                "v": VERSION,
                "command": report.command,
                "unix_s": report.unix_s,
                "took_s": report.took_s,
                "exit_code": event.exit_code,
                "stopped": event.stopped,
                "complete": self.error is None,
                "nodes": [
                    msgspec.to_builtins(row)
                    | {"outcome": outcome_to_dict(row.outcome)}
                    | {key: self._made_file(row.node.name, key) for key in _EXTENSIONS}
                    for row in report
                ],
            }
        )
        write_whole(self.directory / "run.json", msgspec.json.format(text, indent=2) + b"\n")

    def _name(self, node: str, stream: Stream) -> str:
        name = self._names.get((node, stream))
        if name is None:
            name = self._names[node, stream] = file_name_for(node) + _EXTENSIONS[stream]
        return name

    def _made_file(self, node: str, stream: Stream) -> str | None:
        name = self._name(node, stream)
        return name if name in self._made else None

    def _fail(self, exc: OSError) -> None:
        if self.error is None:
            self.error = exc
            self._say(
                f"trioexec: cannot write to {self.directory}: {exc.strerror};"
                " what is there is not complete"
            )


def _make_new(directory: Path, stamp: str) -> Path:
    number = 1
    while True:
        own = directory / (stamp if number == 1 else f"{stamp}-{number}")
        with suppress(FileExistsError):
            own.mkdir()
            return own
        number += 1
