"""The patterns of OpenSSH: ``*``, ``?``, comma lists and ``!`` negation.

Used for ssh_config and for known_hosts alike.  Brackets mean themselves here,
unlike in a shell, which is why `fnmatch` is not used.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

__all__ = ["Patterns", "has_wildcards", "matches"]


def has_wildcards(pattern: str) -> bool:
    """Tell whether a pattern can match more than itself."""
    return "*" in pattern or "?" in pattern


def _is_simple(pattern: str) -> bool:
    """Tell whether a pattern is a name, or a prefix with a star after it."""
    return pattern != "*" and not has_wildcards(pattern.removesuffix("*"))


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
    """The names and ``prefix*`` patterns, where the list is nothing else; so it can be indexed."""

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
