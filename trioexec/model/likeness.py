"""What two lines have in common that say the same of two nodes."""

from __future__ import annotations

from typing import Final

__all__ = ["in_common"]

ELSE: Final = "..."
"""Stands for words that differ."""


def in_common(one: str, other: str) -> str | None:
    """Give the line that both are but for single words; None where they say something else.

    A word is something of the node's, as a name or a fingerprint; at most every second
    one may differ, and none may be missing.
    """
    ours, theirs = one.split(" "), other.split(" ")
    if len(ours) != len(theirs):
        return None
    pairs = list(zip(ours, theirs, strict=True))
    if sum(a == b for a, b in pairs) * 2 < len(pairs):
        return None
    return " ".join(a if a == b else _else(a, b) for a, b in pairs)


def _else(one: str, other: str) -> str:
    mark = one[-1:]
    return ELSE + mark if mark in (",", ";", ":") and other.endswith(mark) else ELSE
