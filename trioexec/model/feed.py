"""What a command reads, as it comes: one feed, any number of commands that read it whole.

Synchronous, because asyncio's side reads it too: a reader takes what there is and is
woken when there is more.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

__all__ = ["BytesFeed", "Cursor", "Feed", "feed_of"]


class Cursor(Protocol):
    """One command's place in a feed."""

    def read(self, limit_bytes: int) -> bytes | None:
        """Take what comes next: ``b""`` for nothing yet (a wake follows), None for the end."""

    def close(self) -> None:
        """Read no more; the feed waits for this reader no longer."""


class Feed(Protocol):
    """Bytes for the stdin of many commands; each reads from the beginning."""

    def attach(self, wake: Callable[[], object]) -> Cursor:
        """Begin to read; `wake` is called when there is more after an empty read."""


class BytesFeed:
    """A feed whose bytes are all there."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def attach(self, wake: Callable[[], object]) -> Cursor:  # noqa: ARG002 - nothing to wait for
        """Begin to read."""
        return _BytesCursor(self.data)


class _BytesCursor:
    def __init__(self, data: bytes) -> None:
        self._rest = memoryview(data)

    def read(self, limit_bytes: int) -> bytes | None:
        piece, self._rest = self._rest[:limit_bytes], self._rest[limit_bytes:]
        return bytes(piece) or None

    def close(self) -> None:
        self._rest = memoryview(b"")


def feed_of(stdin: bytes | Feed) -> Feed:
    """Make a feed of what a command has for stdin."""
    return BytesFeed(stdin) if isinstance(stdin, bytes) else stdin
