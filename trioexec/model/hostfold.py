"""Fold names into one short text for people: ``web[1-3,7]``.

Names of one number, and names whose numbers are a full product, fold here; a
few names of several numbers fold as ClusterShell folds them, whose method is
quadratic, and many of them by a method that is not.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

__all__ = ["Fold", "fold"]

Fold = Callable[[Iterable[str]], str]
"""Makes one short text of names; `fold` does."""

FEW: Final = 200
"""So many names of several numbers go to ClusterShell: it takes a few hundredths of a second."""

MAX_ORDERS: Final = 4
"""Orders of the numbers to try; names with more than four numbers are rare."""

# What would be read as something else if it were folded (brackets, operators, a
# group, an IPv6 address) is not; numbers of more than 18 digits are no counts.
_FOLDABLE = re.compile(r"[^\[\],!&^@:\s-][^\[\],!&^:\s]*(?::[0-9]+)?")
_TOO_LONG = re.compile(r"[0-9]{19}")
_NUMBER = re.compile(r"([0-9]+)")

Vector = tuple[str, ...]
"""The numbers of one name, as written."""


def fold(names: Iterable[str]) -> str:
    """Write names as one node set, whatever their order; each name counts once.

    What `expand` reads, `fold` writes so that it comes to the same nodes; names
    that cannot be folded stand as they are, and no name is an error.
    """
    groups: dict[str, list[Vector]] = {}
    for name in set(names):
        if name.isprintable() and _FOLDABLE.fullmatch(name) and not _TOO_LONG.search(name):
            parts = _NUMBER.split(name.replace("%", "%%"))
            groups.setdefault("%s".join(parts[::2]), []).append(tuple(parts[1::2]))
        else:
            groups.setdefault(_visible(name).replace("%", "%%"), []).append(())
    texts = []
    for pattern, vectors in sorted(groups.items()):
        texts += _fold_pattern(pattern, vectors)
    return ",".join(texts)


def _visible(name: str) -> str:
    """Spell out what would drive a terminal."""
    return name if name.isprintable() else name.encode("unicode_escape").decode("ascii")


def _fold_pattern(pattern: str, vectors: list[Vector]) -> list[str]:
    if not vectors[0]:
        return [pattern % ()]
    columns = [set(column) for column in zip(*vectors, strict=True)]
    size = 1
    for column in columns:
        size *= len(column)
    if size == len(vectors):
        return [pattern % tuple(map(_bracket, columns))]
    # It takes digits of other scripts for numbers, and would write them as ASCII.
    if len(vectors) <= FEW and pattern.isascii():
        return [_fold_by_clustershell(pattern % vector for vector in vectors)]
    boxes = _fewest_boxes(vectors)
    boxes.sort(key=lambda box: [min(map(_by_number, numbers)) for numbers in box])
    return [pattern % tuple(map(_bracket, box)) for box in boxes]


def _fold_by_clustershell(names: Iterable[str]) -> str:
    from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet  # noqa: PLC0415  (50 ms)

    return str(NodeSet.fromlist(list(names), resolver=RESOLVER_NOGROUP))


def _by_number(text: str) -> tuple[int, str]:
    return len(text), text


def _bracket(numbers: Iterable[str]) -> str:
    """Write numbers as ranges, in brackets if there are several; padded ones apart."""
    ordered = sorted(numbers, key=_by_number)
    if len(ordered) == 1:
        return ordered[0]
    runs: list[str] = []
    first = last = ordered[0]
    for text in ordered[1:]:
        if not _follows(first, last, text):
            runs.append(_run(first, last))
            first = text
        last = text
    runs.append(_run(first, last))
    return f"[{','.join(runs)}]"


def _follows(first: str, last: str, text: str) -> bool:
    """Say whether the run from `first` to `last` goes on with `text`."""
    if int(text) != int(last) + 1:
        return False
    if first[0] == "0" and len(first) > 1:
        return len(text) == len(first)
    return text[0] != "0"


def _run(first: str, last: str) -> str:
    return first if first == last else f"{first}-{last}"


Box = tuple[frozenset[str], ...]
"""A full product: any number of the first set with any of the second, and so on."""


def _fewest_boxes(vectors: Sequence[Vector]) -> list[Box]:
    dimensions = len(vectors[0])
    singles = {text: frozenset({text}) for vector in vectors for text in vector}
    start = [tuple(map(singles.__getitem__, vector)) for vector in vectors]
    varying = [at for at in range(dimensions) if len({box[at] for box in start}) > 1]
    orders = [
        varying[at:][::-1] + varying[:at][::-1] for at in range(min(len(varying), MAX_ORDERS))
    ]
    return min((_merge(start, order) for order in orders), key=len)


def _merge(boxes: list[Box], order: Sequence[int]) -> list[Box]:
    """Join boxes that differ in one number only, until none do; each pass is linear."""
    before = len(boxes) + 1
    while len(boxes) < before:
        before = len(boxes)
        for at in order:
            rows: dict[tuple[Box, Box], list[frozenset[str]]] = {}
            for box in boxes:
                rows.setdefault((box[:at], box[at + 1 :]), []).append(box[at])
            boxes = [
                (*head, frozenset().union(*numbers), *tail)
                for (head, tail), numbers in rows.items()
            ]
    return boxes
