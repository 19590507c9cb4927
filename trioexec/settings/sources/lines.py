"""Lines of nodes, as files, stdin and programs have them: comments, blanks, lists with spaces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Final

from trioexec.model.errors import UsageError
from trioexec.model.hostscan import PlacedText, is_plain_list

__all__ = ["MAX_BYTES", "expressions_of", "limited"]

MAX_BYTES: Final = 128 * 1024 * 1024
"""Of one file: a million names of 128 bytes; what has no end is refused before memory ends."""

_COMMENT = re.compile(r"(?:^|\s)#.*")
_AROUND_OPERATOR = re.compile(r"(?<!\s)\s*([,!&^])\s*")
_BRACKET = re.compile(r"([\[\]])")
_GAP = re.compile(r"\s+")


def expressions_of(lines: Iterable[str]) -> Iterator[str]:
    """Yield what the lines say, each with its place; white space between nodes is a comma."""
    for number, line in enumerate(lines, 1):
        text = line.strip()
        if not text or is_plain_list(text):
            if text:
                yield text
            continue
        text = _COMMENT.sub("", text).strip()
        if not text.startswith("^"):  # the name of another file may have spaces
            text = _with_commas(_AROUND_OPERATOR.sub(r"\1", text))
        if text:
            yield PlacedText(text, f"line {number}")


def _with_commas(text: str) -> str:
    """Put a comma into each gap outside brackets; linear, as all nodes may stand in one line."""
    pieces = _BRACKET.split(text)
    for at in range(0, len(pieces), 2):
        if pieces[at + 1 : at + 2] != ["]"]:
            pieces[at] = _GAP.sub(",", pieces[at])
    return "".join(pieces)


def limited(lines: Iterable[str], name: str) -> Iterator[str]:
    """Pass the lines on until they are too many bytes.

    Raises:
        UsageError: `name` has more than `MAX_BYTES`.
    """
    size = 0
    for line in lines:
        size += len(line)
        if size > MAX_BYTES:
            raise UsageError(
                f"{name}: more than {MAX_BYTES // 1024 // 1024} MiB, which is no list of nodes.\n"
                "Name a file with one node expression a line."
            )
        yield line
