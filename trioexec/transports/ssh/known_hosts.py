"""known_hosts files, read once and indexed: which keys are recorded for a name.

Keys stay the bytes they are; nothing here knows asyncssh, policies or the network.
Names are compared in lower case, keys by their encoded form, as OpenSSH does.
"""

from __future__ import annotations

import base64
import binascii
import os
import stat
from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Literal

from msgspec import Struct, field

from trioexec.model.nodes import DEFAULT_PORT
from trioexec.transports.ssh.hashed_names import HashedName, parse_hashed
from trioexec.transports.ssh.patterns import Patterns

__all__ = ["Entry", "KnownHosts", "UntrustedFileError", "host_and_port", "key_type"]

Marker = Literal["", "cert-authority", "revoked"]


class UntrustedFileError(Exception):
    """A file of host keys is there and cannot be read; what it says is not known."""


def host_and_port(host: str, port: int) -> str:
    """Write a host as known_hosts has it: with brackets where the port is not 22."""
    return host.lower() if port == DEFAULT_PORT else f"[{host.lower()}]:{port}"


def key_type(blob: bytes) -> str:
    """Tell the type that an encoded key claims to have; empty where it has none."""
    length = int.from_bytes(blob[:4], "big")
    return blob[4 : 4 + length].decode("ascii", "replace") if 0 < length <= len(blob) - 4 else ""


class Entry(Struct, frozen=True, eq=False):
    """One line that records a key."""

    order: int
    """Position among all lines of all files."""

    file: Path
    line: int
    marker: Marker
    key_type: str
    encoded: str
    """The key, in base64; decoded by who needs it."""

    @property
    def blob(self) -> bytes | None:
        """The key; None where it is damaged, and so no key at all."""
        try:
            blob = base64.b64decode(self.encoded, validate=True)
        except (binascii.Error, ValueError):
            return None
        return blob if key_type(blob) == self.key_type else None

    @property
    def place(self) -> str:
        """File and line, for people."""
        return f"{self.file}:{self.line}"


class _File(Struct):
    """What was read of one file."""

    path: Path
    stamp: tuple[int, int, int, int] | None = None
    """Device, inode, size, time; None: it was not there."""

    lines: int = 0
    complete: bool = True
    """Its last line had an end."""


class _Index(Struct):
    count: int = 0
    names: dict[str, list[Entry]] = field(default_factory=dict)
    hashed: list[tuple[HashedName, Entry]] = field(default_factory=list)
    """Those without a marker; the others are few, and stand in `marked`."""

    marked: list[tuple[HashedName, Entry]] = field(default_factory=list)
    by_key: dict[str, list[tuple[HashedName, Entry]]] = field(default_factory=dict)
    """The lines of `hashed` by their keys."""

    patterns: list[tuple[Patterns, Entry]] = field(default_factory=list)
    cursor: int = 0
    """Where in `hashed` the last host was found: the next one often comes next."""


class KnownHosts:
    """The files of host keys, and the answer to who is recorded with which."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Read the files; one that is not there is empty.

        Raises:
            UntrustedFileError: One is there and cannot be read.
        """
        self._files = [_File(path) for path in dict.fromkeys(paths)]
        self._index = _Index()
        self._found: dict[str, tuple[Entry, ...]] = {}
        self._found_readable: dict[str, tuple[Entry, ...]] = {}
        """A connection asks half a dozen times for the same name."""
        self._told: dict[tuple[Path, str], None] = {}
        self._read_all()

    def find(self, name: str) -> tuple[Entry, ...]:
        """List the lines for a name, as `host_and_port` writes it, in the order of the files."""
        found = self._found.get(name)
        if found is None:
            found = self._found[name] = self._search(name)
        return found

    def has(self, name: str, key: bytes) -> bool:
        """Tell whether a key is recorded for a name, without a marker.

        The short way to what nearly always is the answer: a hashed name costs two
        hashes a line to look for, so only the lines with this very key are tried.
        """
        encoded = name.encode("utf-8", "surrogateescape")
        same = self._index.by_key.get(base64.b64encode(key).decode(), ())
        return any(it.digest(encoded) == it.wanted for it, _ in same) or any(
            each.blob == key for each in self._readable(name) if not each.marker
        )

    def marked(self, name: str, marker: Marker) -> Iterator[Entry]:
        """List the lines for a name that have a marker."""
        return (each for each in self._readable(name) if each.marker == marker)

    def types(self, name: str) -> frozenset[str]:
        """Tell types of keys that are recorded for a name; of hashed lines, the first will do."""
        found = {each.key_type for each in self._readable(name) if not each.marker}
        if not found and self._index.hashed:
            entry = self._next_hashed(name)
            found = set() if entry is None else {entry.key_type}
        return frozenset(found)

    def is_current(self) -> bool:
        """Tell whether the files are as they were read."""
        return all(_stamp(file.path) == file.stamp for file in self._files)

    def catch_up(self) -> None:
        """Read what was added to the files since; all of them again where they were replaced.

        Raises:
            UntrustedFileError: One cannot be read any more.
        """
        for file in self._files:
            now = _stamp(file.path)
            if now == file.stamp:
                continue
            before = file.stamp
            grown = (
                now is not None
                and file.complete
                and (before is None or (now[:2] == before[:2] and now[2] > before[2]))
            )
            if not grown:
                self._index = _Index()
                self._read_all()
                break
            self._read(file, 0 if before is None else before[2])
        self._found.clear()
        self._found_readable.clear()

    def take(self, text: str, source: Path) -> None:
        """Take lines that are in no file, as if they stood in `source`."""
        if (source, text) not in self._told:
            self._told[source, text] = None
            self._add_all(_File(source), text)
            self._found.clear()
            self._found_readable.clear()

    def _read_all(self) -> None:
        for file in self._files:
            file.lines, file.complete, file.stamp = 0, True, None
            self._read(file, 0)
        for source, text in self._told:
            self._add_all(_File(source), text)

    def _read(self, file: _File, offset: int) -> None:
        stamp, data = _contents(file.path, offset)
        file.stamp = stamp
        if not data:
            return
        file.complete = data.endswith(b"\n")
        self._add_all(file, data.decode("utf-8", "surrogateescape"))

    def _add_all(self, file: _File, text: str) -> None:
        for raw in text.removesuffix("\n").split("\n"):
            file.lines += 1
            self._add(file, raw)

    def _add(self, file: _File, raw: str) -> None:
        """Index one line; what is no entry is ignored, as OpenSSH does."""
        words = raw.split(None, 4)
        if not words or words[0].startswith("#"):
            return
        marker: Marker = ""
        if words[0].startswith("@"):
            if words[0] == "@cert-authority":
                marker = "cert-authority"
            elif words[0] == "@revoked":
                marker = "revoked"
            else:
                return
            words = words[1:]
        if len(words) < 3:  # noqa: PLR2004 - names, type, key
            return
        names, type_, encoded = words[:3]
        entry = Entry(self._index.count, file.path, file.lines, marker, type_, encoded)
        self._index.count += 1
        if names.startswith("|"):
            hashed = parse_hashed(names)
            if hashed is not None:
                self._add_hashed(hashed, entry)
            return
        if not any(special in names for special in "*?!"):
            for name in names.lower().split(","):
                self._index.names.setdefault(name, []).append(entry)
            return
        self._index.patterns.append((Patterns.of_list(names, fold_case=True), entry))

    def _add_hashed(self, hashed: HashedName, entry: Entry) -> None:
        index = self._index
        if entry.marker:
            index.marked.append((hashed, entry))
            return
        index.hashed.append((hashed, entry))
        index.by_key.setdefault(entry.encoded, []).append((hashed, entry))

    def _search(self, name: str) -> tuple[Entry, ...]:
        found = {each.order: each for each in self._readable(name)}
        encoded = name.encode("utf-8", "surrogateescape")
        for hashed, entry in self._index.hashed:
            if hashed.digest(encoded) == hashed.wanted:
                found[entry.order] = entry
        return tuple(found[order] for order in sorted(found))

    def _readable(self, name: str) -> tuple[Entry, ...]:
        """Find a name in all lines but the hashed ones without a marker."""
        found = self._found_readable.get(name)
        if found is None:
            encoded = name.encode("utf-8", "surrogateescape")
            index = self._index
            found = self._found_readable[name] = (
                *index.names.get(name, ()),
                *(each for patterns, each in index.patterns if patterns.match(name)),
                *(each for it, each in index.marked if it.digest(encoded) == it.wanted),
            )
        return found

    def _next_hashed(self, name: str) -> Entry | None:
        """Find one hashed line for a name, from where the last one was found."""
        lines, encoded = self._index.hashed, name.encode("utf-8", "surrogateescape")
        for at in chain(range(self._index.cursor, len(lines)), range(self._index.cursor)):
            hashed, entry = lines[at]
            if hashed.digest(encoded) == hashed.wanted:
                self._index.cursor = at
                return entry
        return None


def _stamp_of(found: os.stat_result) -> tuple[int, int, int, int]:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns


def _stamp(path: Path) -> tuple[int, int, int, int] | None:
    try:
        return _stamp_of(path.stat())
    except OSError:
        return None


def _contents(path: Path, offset: int) -> tuple[tuple[int, int, int, int] | None, bytes]:
    """Read a file from `offset` on; nothing, and no stamp, where there is none.

    Raises:
        UntrustedFileError: There is one, and it cannot be read.
    """
    try:
        path.lstat()
    except FileNotFoundError:
        return None, b""
    except OSError as exc:
        raise UntrustedFileError(f"{path} cannot be looked at: {exc.strerror}") from exc
    try:
        # Without O_NONBLOCK, a pipe of that name would hold us up for ever.
        fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(fd, "rb") as stream:
            found = os.fstat(stream.fileno())
            if stat.S_ISCHR(found.st_mode):  # /dev/null: a way to say "none"
                return _stamp_of(found), b""
            if not stat.S_ISREG(found.st_mode):
                raise UntrustedFileError(f"{path} is not a file")
            stream.seek(offset)
            data = stream.read()
    except FileNotFoundError:
        raise UntrustedFileError(f"{path} is a link to a file that is not there") from None
    except OSError as exc:
        raise UntrustedFileError(f"{path} cannot be read: {exc.strerror}") from exc
    # By what was read, not by fstat: somebody may have added a line between the two.
    dev, ino, _, mtime = _stamp_of(found)
    return (dev, ino, offset + len(data), mtime), data
