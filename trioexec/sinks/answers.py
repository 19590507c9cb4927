"""What one node has said, and by what it is known to be equal to another's."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Final

from trioexec.model.events import Stream
from trioexec.sinks.lines import mark_parts
from trioexec.sinks.masks import Masker
from trioexec.sinks.spool import Kept, Spool
from trioexec.sinks.visible import visible_parts

__all__ = ["MARKS", "Answer"]

MARKS: Final[dict[Stream, bytes]] = {"stdout": b"  ", "stderr": b"! "}
"""What stands before each line: no line that a node says can pass for a heading."""

LONGEST_MASKED_BYTES: Final = 1024 * 1024
"""A longer line is compared in pieces of this size, each masked by itself."""


class Answer:
    """Both streams of one node, compared as they come and kept for later."""

    __slots__ = ("_compared", "_exact", "_kept", "_masker", "_tails")

    def __init__(self, spool: Spool, masker: Masker | None) -> None:
        """Begin an answer.

        Args:
            spool: Keeps the text.
            masker: What makes lines comparable; None: they are compared as they are.
        """
        self._masker = masker
        self._kept: dict[Stream, Kept] = {stream: Kept(spool) for stream in MARKS}
        self._exact = {stream: hashlib.blake2b(digest_size=16) for stream in MARKS}
        self._compared = (
            self._exact
            if masker is None
            else {stream: hashlib.blake2b(digest_size=16) for stream in MARKS}
        )
        self._tails: dict[Stream, bytes] = {}

    @property
    def size_bytes(self) -> int:
        """How much it is, both streams together."""
        return sum(kept.size_bytes for kept in self._kept.values())

    @property
    def exact(self) -> bytes:
        """Equal where every byte is."""
        return b"".join(self._exact[stream].digest() for stream in MARKS)

    @property
    def compared(self) -> bytes:
        """Equal where nothing differs but what is masked; only after `end`."""
        return b"".join(self._compared[stream].digest() for stream in MARKS)

    def append(self, stream: Stream, data: bytes) -> None:
        """Take a piece, cut anywhere."""
        self._kept[stream].append(data)
        self._exact[stream].update(data)
        if self._masker is not None:
            self._compare(stream, data, self._masker)

    def end(self) -> None:
        """Nothing more will come."""
        for kept in self._kept.values():
            kept.settle()
        for stream, tail in self._tails.items():
            if self._masker is not None:
                self._compared[stream].update(self._masker(tail))
        self._tails = {}

    def drop(self) -> None:
        """Forget the text; how it compares is still known."""
        for kept in self._kept.values():
            kept.drop()

    def parts(self, *, marked: bool, terminal: bool) -> Iterator[bytes]:
        """The text for people: stdout, then stderr, each line whole.

        Args:
            marked: Whether each line says which stream it is of.
            terminal: Whether control characters are made visible.
        """
        for stream, mark in MARKS.items():
            parts = self._kept[stream].parts()
            yield from mark_parts(
                visible_parts(parts) if terminal else parts, mark if marked else b""
            )

    def _compare(self, stream: Stream, data: bytes, masker: Masker) -> None:
        data = self._tails.pop(stream, b"") + data
        end = data.rfind(b"\n") + 1
        if end:
            self._compared[stream].update(masker(data[:end]))
        tail = data[end:]
        while len(tail) > LONGEST_MASKED_BYTES:
            self._compared[stream].update(masker(tail[:LONGEST_MASKED_BYTES]))
            tail = tail[LONGEST_MASKED_BYTES:]
        if tail:
            self._tails[stream] = tail
