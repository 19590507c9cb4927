"""What lines have in common that say the same of several nodes, and how they become one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Final, TypeVar

from trioexec.model.outcomes import HostKeyRejected

__all__ = ["fold_alike", "in_common"]

_T = TypeVar("_T")

MOST_ALIKE: Final = 3
"""So many lines of one kind are told apart, and one more, which would take the same line."""

MOST_COMPARED: Final = 20
"""With so many lines another one is compared: with all of 10,000 it would take minutes."""

ELSE: Final = "..."
"""Stands for words that differ."""

_EACH_ITS_OWN: Final = HostKeyRejected(reason="").text.partition(": ")[0]
"""The kind of what is each node's own: a line a node otherwise, and a long one."""


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


def fold_alike(ways: Mapping[str, list[_T]]) -> dict[str, list[_T]]:
    """Join ways to fail that are of one kind, where there are many.

    The keys of 500 hosts that are not known are 500 lines otherwise.  Where those of a kind
    differ in single words only, one line is left of them, with ``...`` for the words; else
    the `MOST_ALIKE` commonest are kept, and a line says how many the others were.  Reasons
    that are each node's own and take long lines are joined however few they are.

    Args:
        ways: What failed so, by the outcomes' lines.
    """
    kinds: dict[str, list[str]] = {}
    for text in ways:
        kinds.setdefault(text.partition(": ")[0], []).append(text)
    names: dict[str, str] = {}
    for kind, texts in kinds.items():
        lines = _common_lines(texts)
        few = len(texts) <= MOST_ALIKE + 1
        if kind != _EACH_ITS_OWN and (few or len(lines) > 1):
            lines = {text: [text] for text in texts}
        names |= _told(kind, lines, ways)
    folded: dict[str, list[_T]] = {}
    for text, failed in ways.items():
        folded.setdefault(names[text], []).extend(failed)
    return folded


def _told(
    kind: str, lines: Mapping[str, list[str]], ways: Mapping[str, list[_T]]
) -> dict[str, str]:
    """Give each text the line that stands for it: its own, or that of the less common ones."""
    common = sorted(lines, key=lambda line: -sum(len(ways[text]) for text in lines[line]))
    most = len(common) if len(common) == MOST_ALIKE + 1 else MOST_ALIKE
    others = [text for line in common[most:] for text in lines[line]]
    names = {text: line for line in common[:most] for text in lines[line]}
    return names | dict.fromkeys(others, f"{kind}, in {len(others)} other ways")


def _common_lines(texts: Iterable[str]) -> dict[str, list[str]]:
    """Put those together that are one line but for single words, under that line."""
    lines: dict[str, list[str]] = {}
    for text in texts:
        for line in islice(lines, MOST_COMPARED):
            both = in_common(line, text)
            if both == line:
                lines[line].append(text)
                break
            if both is not None:
                lines.setdefault(both, []).extend([*lines.pop(line), text])
                break
        else:
            lines[text] = [text]
    return lines
