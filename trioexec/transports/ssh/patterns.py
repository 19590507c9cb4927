"""The patterns of OpenSSH: ``*``, ``?``, comma lists and ``!`` negation.

Used for ssh_config and for known_hosts alike.  Brackets mean themselves here,
unlike in a shell, which is why `fnmatch` is not used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

__all__ = ["PatternIndex", "Patterns", "has_wildcards", "matches"]


def has_wildcards(pattern: str) -> bool:
    """Tell whether a pattern can match more than itself."""
    return "*" in pattern or "?" in pattern


def _is_simple(pattern: str) -> bool:
    """Tell whether a pattern is a name, or one with a star before or after it."""
    name = pattern[1:] if pattern.startswith("*") else pattern.removesuffix("*")
    return name != "" and not has_wildcards(name)


def _source(pattern: str) -> str:
    # Runs of stars become one: two in a row would make matching quadratic, and mean the same.
    collapsed = re.sub(r"\*+", "*", pattern)
    return "".join(
        ".*" if char == "*" else "." if char == "?" else re.escape(char) for char in collapsed
    )


@lru_cache(maxsize=4096)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(_source(pattern), re.DOTALL)


def matches(text: str, pattern: str) -> bool:
    """Tell whether one pattern, without list or negation, matches all of a text."""
    return _AnyOf((pattern,)).match(text)


class _AnyOf:
    """Patterns of which one has to match.

    Nearly all patterns of a large file are ``name``, ``prefix*`` or ``*suffix``;
    compiling those as expressions would cost more than reading the file.
    """

    __slots__ = ("_names", "_prefixes", "_rest", "_suffixes")

    def __init__(self, patterns: Iterable[str]) -> None:
        names: list[str] = []
        prefixes: list[str] = []
        suffixes: list[str] = []
        rest: list[str] = []
        for each in patterns:
            if not has_wildcards(each):
                names.append(each)
            elif each.endswith("*") and not has_wildcards(each[:-1]):
                prefixes.append(each[:-1])
            elif each.startswith("*") and not has_wildcards(each[1:]):
                suffixes.append(each[1:])
            else:
                rest.append(each)
        self._names = tuple(names)
        self._prefixes = tuple(prefixes)
        self._suffixes = tuple(suffixes)
        self._rest = tuple(rest)

    def match(self, text: str) -> bool:
        return (
            text.startswith(self._prefixes)
            or text in self._names
            or text.endswith(self._suffixes)
            or any(_compiled(each).fullmatch(text) is not None for each in self._rest)
        )


class Patterns:
    """A list of patterns: some pattern has to match, and no negated one may.

    A list of negated patterns alone matches nothing, as OpenSSH has it.
    """

    __slots__ = ("_negative", "_positive", "index")

    index: tuple[str, ...] | None
    """The patterns, where they are names, ``prefix*`` and ``*suffix``: for a `PatternIndex`."""

    def __init__(self, patterns: Iterable[str]) -> None:
        wanted: list[str] = []
        unwanted: list[str] = []
        for each in patterns:
            if each.startswith("!"):
                unwanted.append(each[1:])
            else:
                wanted.append(each)
        self.index = None if unwanted or not all(map(_is_simple, wanted)) else tuple(wanted)
        self._positive = _AnyOf(wanted)
        self._negative = _AnyOf(unwanted) if unwanted else None

    @classmethod
    def of_list(cls, text: str, *, fold_case: bool = False) -> Patterns:
        """Read a comma list; with `fold_case`, texts have to come in lower case."""
        return cls((text.lower() if fold_case else text).split(","))

    def match(self, text: str) -> bool:
        """Tell whether the list matches all of a text."""
        if self._negative is not None and self._negative.match(text):
            return False
        return self._positive.match(text)


class PatternIndex:
    """Which of many lists a text may match, without asking each: for lists with an `index`."""

    def __init__(self) -> None:
        self._names: dict[str, list[int]] = {}
        self._prefixes: dict[str, list[int]] = {}
        self._suffixes: dict[str, list[int]] = {}
        self._prefix_lengths: set[int] = set()
        self._suffix_lengths: set[int] = set()

    def add(self, patterns: Iterable[str], number: int) -> None:
        """Have a list found by its number."""
        for each in patterns:
            if each.endswith("*"):
                self._prefixes.setdefault(each[:-1], []).append(number)
                self._prefix_lengths.add(len(each) - 1)
            elif each.startswith("*"):
                self._suffixes.setdefault(each[1:], []).append(number)
                self._suffix_lengths.add(len(each) - 1)
            else:
                self._names.setdefault(each, []).append(number)

    def find(self, text: str) -> set[int]:
        """Give the numbers of the lists that match."""
        found = set(self._names.get(text, ()))
        for length in self._prefix_lengths:
            found.update(self._prefixes.get(text[:length], ()))
        for length in self._suffix_lengths:
            found.update(self._suffixes.get(text[-length:], ()))
        return found
