"""A mark before each line: whose it is.  Pure, and a whole block at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = ["mark_lines", "mark_parts"]


def mark_lines(block: bytes, mark: bytes) -> bytes:
    """Mark whole lines; `block` is not empty and ends with a newline."""
    if not mark:
        return block
    return b"%b%b\n" % (mark, block[:-1].replace(b"\n", b"\n" + mark))


def mark_parts(parts: Iterable[bytes], mark: bytes) -> Iterator[bytes]:
    """Mark the lines of a text that comes in pieces, cut anywhere; its last line is completed."""
    newline = b"\n" + mark
    at_line_start = True
    for part in parts:
        if not part:
            continue
        # The newline at the very end is held back: there may be no line after it.
        start = mark if at_line_start else b""
        at_line_start = part.endswith(b"\n")
        if at_line_start:
            yield b"%b%b\n" % (start, part[:-1].replace(b"\n", newline))
        else:
            yield start + part.replace(b"\n", newline)
    if not at_line_start:
        yield b"\n"
