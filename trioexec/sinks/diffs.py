"""How one answer differs from another, line by line.  Pure."""

from __future__ import annotations

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Final

from trioexec.sinks.masks import Masker

__all__ = ["MOST_PAIRS", "diff_lines", "tinted"]

MOST_PAIRS: Final = 1_000_000
"""Lines of one times lines of the other, equal beginnings and ends left out: about a
quarter of a second at worst, in which nothing else happens."""

CONTEXT_LINES: Final = 3

_TINTS: Final = {b"-": b"31", b"+": b"32", b"@": b"36"}


def tinted(line: bytes) -> bytes:
    """Colour a line of a diff by its sign."""
    sgr = _TINTS.get(line[:1])
    return b"\x1b[%bm%b\x1b[0m" % (sgr, line) if sgr else line


def diff_lines(
    before: Sequence[bytes], after: Sequence[bytes], *, masks: tuple[Masker, Masker]
) -> list[bytes] | None:
    """Make a unified diff of lines without their newlines.

    Args:
        before: What most say.
        after: What is to be compared with it.
        masks: What makes the lines of each comparable; the lines shown are whole.

    Returns:
        Lines that begin with ``@@``, ``-``, ``+`` or a blank; none where nothing
        differs.  None where it would take too long.
    """
    old = [masks[0](line) for line in before]
    new = [masks[1](line) for line in after]
    head = _equal_lines(old, new)
    shorter = min(len(old), len(new)) - head
    tail = min(shorter, _equal_lines(old[::-1], new[::-1]))
    if (len(old) - head - tail) * (len(new) - head - tail) > MOST_PAIRS:
        return None
    # A few equal lines stay at both ends: they are the context that is shown.
    start = max(0, head - CONTEXT_LINES)
    left_out = max(0, tail - CONTEXT_LINES)
    matcher = SequenceMatcher(
        None, old[start : len(old) - left_out], new[start : len(new) - left_out], autojunk=False
    )
    lines: list[bytes] = []
    for group in matcher.get_grouped_opcodes(CONTEXT_LINES):
        first, last = group[0], group[-1]
        lines.append(
            b"@@ -%b +%b @@"
            % (_span(start + first[1], start + last[2]), _span(start + first[3], start + last[4]))
        )
        for tag, old_start, old_end, new_start, new_end in group:
            if tag == "equal":
                lines += [b" " + line for line in after[start + new_start : start + new_end]]
                continue
            lines += [b"-" + line for line in before[start + old_start : start + old_end]]
            lines += [b"+" + line for line in after[start + new_start : start + new_end]]
    return lines


def _equal_lines(old: Sequence[bytes], new: Sequence[bytes]) -> int:
    count = 0
    for one, other in zip(old, new, strict=False):
        if one != other:
            break
        count += 1
    return count


def _span(start: int, end: int) -> bytes:
    """Write a range of lines as diff(1) does."""
    length = end - start
    if length == 1:
        return b"%d" % (start + 1)
    return b"%d,%d" % (start + 1 if length else start, length)
