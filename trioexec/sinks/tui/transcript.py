"""What one node has said, line by line in the order in which it came: any part of it at any time.

Memory is bounded: whole blocks go to a spool, an index keeps a number or two for
each, and a line that does not end is kept in pieces.  Nothing is lost.
"""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterator
from typing import Final

from msgspec import Struct

from trioexec.model.events import Stream
from trioexec.sinks.lines import mark_lines
from trioexec.sinks.spool import Spool
from trioexec.sinks.visible import visible

__all__ = ["LINE_BYTES", "Line", "Transcript"]

LINE_BYTES: Final = 4096
"""A longer line is kept, and shown, in pieces of this size: more than any terminal is wide."""

BLOCK_BYTES: Final = 16 * 1024
"""A node's own memory: with more than that, a block of whole lines goes to the spool."""

LONGEST_BLOCK_BYTES: Final = 2 * BLOCK_BYTES

LAST_BYTES: Final = 400
"""As much of the last line is kept at hand for the table."""

_MARKS: Final[dict[Stream, bytes]] = {"stdout": b"o", "stderr": b"e"}
_GOES_ON: Final[dict[Stream, bytes]] = {"stdout": b"O", "stderr": b"E"}


class Line(Struct, frozen=True):
    """One line as it was received, without its newline."""

    stream: Stream
    data: bytes
    goes_on: bool = False
    """Whether it is a further piece of the line before."""

    @property
    def text(self) -> str:
        """The line for a terminal: nothing in it can drive one."""
        return visible(self.data.removesuffix(b"\r")).decode("utf-8", "backslashreplace")


class Transcript:
    """Takes pieces cut anywhere; gives lines."""

    __slots__ = (
        "_blocks",
        "_cache",
        "_count",
        "_digests",
        "_goes_on",
        "_hot",
        "_hot_lines",
        "_spool",
        "_starts",
        "_tails",
        "last",
        "size_bytes",
    )

    def __init__(self, spool: Spool) -> None:
        """Begin; `spool` keeps what is too much for memory."""
        self.size_bytes: int = 0
        self.last: bytes = b""
        """The end of the last line so far that is not blank."""
        self._spool = spool
        self._blocks: list[tuple[int | bytes, int]] = []
        self._starts: list[int] = []
        self._count = 0
        self._hot = bytearray()
        self._hot_lines = 0
        self._tails: dict[Stream, bytes] = {}
        self._goes_on: set[Stream] = set()
        self._digests = {stream: hashlib.blake2b(digest_size=16) for stream in _MARKS}
        self._cache: tuple[int, list[bytes]] = (-1, [])

    def __len__(self) -> int:
        return self._count + len(self._tails)

    @property
    def digest(self) -> bytes:
        """Equal where every byte of both streams is, however they were interleaved."""
        return b"".join(self._digests[stream].digest() for stream in _MARKS)

    def append(self, stream: Stream, data: bytes) -> None:
        """Take a piece."""
        self.size_bytes += len(data)
        self._digests[stream].update(data)
        text = self._tails.pop(stream, b"") + data
        end = text.rfind(b"\n") + 1
        whole, rest = text[:end], text[end:]
        if whole:
            self._take_whole(stream, whole)
        while len(rest) > LINE_BYTES:
            piece = _cut(rest)
            rest = rest[len(piece) :]
            self._take_piece(stream, piece)
        if rest:
            self._tails[stream] = rest
        self._note_last(rest or whole)
        self._spill()

    def end(self) -> None:
        """Complete the last lines: nothing more will come."""
        for stream, tail in tuple(self._tails.items()):
            del self._tails[stream]
            self._take_whole(stream, tail + b"\n")
        self._goes_on.clear()
        if self._hot:
            self._put(bytes(self._hot))
            self._hot = bytearray()

    def read(self, first: int, count: int) -> list[Line]:
        """Give at most so many lines, from `first` (from 0) on."""
        lines: list[Line] = []
        number = max(0, first)
        stop = min(first + count, self._count)
        while number < stop:
            start, block = self._block_at(number)
            part = block[number - start : stop - start]
            lines += [_line(raw) for raw in part]
            number += len(part)
        if count > len(lines):
            tails = [
                Line(stream, tail, stream in self._goes_on) for stream, tail in self._tails.items()
            ]
            lines += tails[number - self._count :][: count - len(lines)]
        return lines

    def lines(self, stream: Stream) -> list[bytes]:
        """Give all of one stream: what a diff wants; long lines are in pieces."""
        every = self.read(0, len(self))
        return [line.data for line in every if line.stream == stream]

    def search(self, needle: str, start: int, *, backwards: bool = False) -> Iterator[int | None]:
        """Look for a line that has `needle` in it, in any case, from line `start` on.

        Yields None after each block that does not have it, so that the caller can do
        other things meanwhile, and the line's number at the end, where there is one.
        """
        wanted = needle.casefold()
        number = start
        total = len(self)
        while 0 <= number < total:
            first, size = self._span_at(number)
            lines = self.read(first, size) if self._may_hold(number, wanted) else []
            inside = range(number, first - 1, -1) if backwards else range(number, first + size)
            for each in inside:
                if each - first < len(lines) and wanted in lines[each - first].text.casefold():
                    yield each
                    return
            number = first - 1 if backwards else first + size
            yield None

    def _may_hold(self, number: int, wanted: str) -> bool:
        """Whether the block of that line is worth a look at each of its lines."""
        if number >= self._count:
            return True
        text = b"\n".join(self._block_at(number)[1])
        # What is shown as it is, is looked through at once: a hundred times as fast.
        return visible(text) is not text or wanted.encode() in text.lower()

    def _take_whole(self, stream: Stream, whole: bytes) -> None:
        if len(whole) <= LINE_BYTES and stream not in self._goes_on:
            self._keep(mark_lines(whole, _MARKS[stream]))
            return
        for each in whole[:-1].split(b"\n"):
            line = each
            while len(line) > LINE_BYTES:
                piece = _cut(line)
                line = line[len(piece) :]
                self._take_piece(stream, piece)
            self._take_piece(stream, line)
            self._goes_on.discard(stream)

    def _take_piece(self, stream: Stream, piece: bytes) -> None:
        marks = _GOES_ON if stream in self._goes_on else _MARKS
        self._keep(marks[stream] + piece + b"\n")
        self._goes_on.add(stream)

    def _keep(self, marked: bytes) -> None:
        self._hot += marked
        added = marked.count(b"\n")
        self._hot_lines += added
        self._count += added
        self._cache = (-1, [])

    def _note_last(self, text: bytes) -> None:
        shown = text[-4 * LAST_BYTES :].rstrip()
        if shown:
            self.last = shown[shown.rfind(b"\n") + 1 :][:LAST_BYTES]

    def _spill(self) -> None:
        while len(self._hot) >= BLOCK_BYTES:
            # No line is longer than a quarter of this: there is a newline.
            cut = self._hot.rfind(b"\n", 0, LONGEST_BLOCK_BYTES) + 1
            self._put(bytes(self._hot[:cut]))
            del self._hot[:cut]

    def _put(self, block: bytes) -> None:
        self._starts.append(self._count - self._hot_lines)
        self._hot_lines -= block.count(b"\n")
        self._blocks.append((self._spool.put(block), len(block)))
        self._cache = (-1, [])

    def _block_at(self, number: int) -> tuple[int, list[bytes]]:
        """The block that holds a line, and the number of its first line."""
        hot_start = self._count - self._hot_lines
        index = len(self._blocks) if number >= hot_start else bisect_right(self._starts, number) - 1
        start = hot_start if index == len(self._blocks) else self._starts[index]
        if self._cache[0] != index:
            data = bytes(self._hot)
            if index < len(self._blocks):
                data = self._spool.get(*self._blocks[index])
            self._cache = (index, data.split(b"\n")[:-1])
        return start, self._cache[1]

    def _span_at(self, number: int) -> tuple[int, int]:
        if number >= self._count:
            return self._count, len(self._tails)
        start, block = self._block_at(number)
        return start, len(block)


def _cut(line: bytes) -> bytes:
    """The first piece of a long line; never half a character of UTF-8."""
    end = LINE_BYTES
    while end > LINE_BYTES - 4 and line[end] & 0xC0 == 0x80:  # noqa: PLR2004 - 10xxxxxx
        end -= 1
    return line[:end]


def _line(raw: bytes) -> Line:
    mark = raw[:1]
    stream: Stream = "stdout" if mark in b"oO" else "stderr"
    return Line(stream, raw[1:], mark.isupper())
