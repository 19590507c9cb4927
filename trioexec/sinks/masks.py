"""What always differs, made equal before two answers are compared.  Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Final, Literal, get_args

from trioexec.model.errors import UsageError
from trioexec.model.nodes import Node

__all__ = ["Mask", "Masker", "make_masker", "parse_masks"]

Mask = Literal["host", "time", "number"]
Masker = Callable[[bytes], bytes]
"""Makes whole lines comparable."""

_TIMES: Final = re.compile(
    rb"""
    \b\d{4}-\d\d-\d\d (?:[T ]\d\d:\d\d(?::\d\d)?(?:[.,]\d+)?\s?(?:Z|[+-]\d\d:?\d\d)?)?
    | (?:\b(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun),?\ +)?
      (?: \b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\ +\d{1,2}\b(?:,?\ \d{4}\b)?
        | \b\d{1,2}\ (?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\ \d{4}\b )
      (?:\ +\d\d:\d\d(?::\d\d)?(?:\ [AP]M)?(?:\ [A-Z]{3,5})?(?:\ \d{4}\b)?)?
    | \b\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?:\ [AP]M)?\b
    """,
    re.VERBOSE,
)
_NUMBERS: Final = re.compile(rb"0[xX][0-9a-fA-F]+|[-+]?\d+(?:[.,]\d+)*")
_BLANKS: Final = re.compile(rb"[ \t]+")


def parse_masks(text: str) -> tuple[Mask, ...]:
    """Read ``host,time,number``.

    Raises:
        UsageError: A word is none of these.
    """
    known: tuple[Mask, ...] = get_args(Mask)
    words = [word for word in text.split(",") if word]
    for word in words:
        if word not in known:
            raise UsageError(
                f"--mask {text}: there is no mask {word!r}.\nThe masks are {', '.join(known)}."
            )
    return tuple(mask for mask in known if mask in words)


def make_masker(masks: Iterable[Mask], node: Node) -> Masker:
    """Make the masker for one node's answer; numbers come last, or they would eat the times."""
    wanted = set(masks)
    steps: list[Masker] = []
    if "host" in wanted:
        steps.append(_hosts(node))
    if "time" in wanted:
        steps.append(lambda lines: _TIMES.sub(b"<time>", lines))
    if "number" in wanted:
        # Columns move with the width of their numbers: blanks do not count either.
        steps.append(lambda lines: _BLANKS.sub(b" ", _NUMBERS.sub(b"<number>", lines)))

    def mask(lines: bytes) -> bytes:
        for step in steps:
            lines = step(lines)
        return lines

    return mask


def _hosts(node: Node) -> Masker:
    """Mask the names of a node itself, the longest first."""
    short = node.host.partition(".")[0]
    names = {node.name, node.host} | ({short} if short and not short.isdigit() else set())
    longest_first = sorted(names, key=lambda name: (-len(name), name))
    pattern = b"|".join(re.escape(name.encode("utf-8", "replace")) for name in longest_first)
    found = re.compile(rb"(?<![\w-])(?:" + pattern + rb")(?![\w-])", re.IGNORECASE)
    return lambda lines: found.sub(b"<host>", lines)
