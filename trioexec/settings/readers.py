"""How the text of a setting becomes its value, and what is said when it cannot.

Pure.  Knows neither where the text came from (`layers` adds that) nor which
option it is for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Choice", "Flag", "Number", "Pair", "Reader", "Seconds", "Text", "UnreadableError"]

_YES = frozenset({"1", "true", "yes", "on"})
_NO = frozenset({"0", "false", "no", "off"})

_UNITS_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

MAX_SECONDS = 30 * 86400.0
"""A limit longer than this is a slip of the keyboard."""


class UnreadableError(ValueError):
    """The text is no such value; says so without naming the option."""


class Reader(Protocol):
    """Makes a value of a text."""

    @property
    def metavar(self) -> str:
        """What help calls the value; empty where there is none to give."""

    def read(self, text: str) -> object:
        """Make the value.

        Raises:
            UnreadableError: The text is no such value.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """Yes or no; on the command line, given or not."""

    metavar: str = ""

    def read(self, text: str) -> bool:
        """Make a bool of what people write for one."""
        word = text.strip().lower()
        if word in _YES:
            return True
        if word in _NO:
            return False
        raise UnreadableError(f"{text!r} is neither yes nor no; it takes yes, no, 1 or 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """Any text that is not empty."""

    metavar: str

    def read(self, text: str) -> str:
        """Take the text as it is."""
        if not text:
            raise UnreadableError(f"it is empty; it takes {self.metavar}")
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A name and a value, with an equals sign between them."""

    metavar: str = "K=V"

    def read(self, text: str) -> tuple[str, str]:
        """Cut at the first equals sign."""
        name, equals, value = text.partition("=")
        if not (name.strip() and equals):
            raise UnreadableError(f"{text!r} is not {self.metavar}; it takes a name, = and a value")
        return name.strip(), value


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """A whole number from `low` to `high`."""

    low: int
    high: int
    zero: str = ""
    """What 0 means, where it means something of its own."""

    metavar: str = "N"

    @property
    def takes(self) -> str:
        """The range, in words."""
        low = f"0 ({self.zero})" if self.zero and self.low == 0 else str(self.low)
        return f"it takes {low} to {self.high}"

    def read(self, text: str) -> int:
        """Make the number; digits only."""
        digits = text.strip()
        if not (digits.isascii() and digits.removeprefix("-").isdigit()):
            raise UnreadableError(f"{text!r} is not a number; {self.takes}")
        # Longer than any bound we have: do not even build the number.
        if len(digits) > len(str(self.high)) + 1 or not self.low <= int(digits) <= self.high:
            raise UnreadableError(f"{digits} is out of range; {self.takes}")
        return int(digits)


@dataclass(frozen=True, slots=True, kw_only=True)
class Seconds:
    """A length of time, ``30``, ``1.5``, ``2m`` or ``1h``; 0 is no limit, `math.inf`."""

    metavar: str = "S"

    def read(self, text: str) -> float:
        """Make the seconds."""
        takes = "it takes 0 (no limit) to 30d, as 30, 1.5, 500ms, 2m or 1h"
        word = text.strip().lower()
        amount = word.rstrip("smhd")
        unit_s = _UNITS_S.get(word[len(amount) :] or "s")
        whole, _, part = amount.partition(".")
        if unit_s is None or not amount.isascii() or not (whole + part).isdigit():
            raise UnreadableError(f"{text!r} is not a number of seconds; {takes}")
        seconds = float(amount) * unit_s
        if seconds > MAX_SECONDS:
            raise UnreadableError(f"{text!r} is out of range; {takes}")
        return seconds or math.inf


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def metavar(self) -> str:
        """The words themselves."""
        return "|".join(self.words)

    def read(self, text: str) -> str:
        """Take the word if it is one of ours."""
        word = text.strip().lower()
        if word not in self.words:
            raise UnreadableError(
                f"{text!r} is none of the choices; it takes {', '.join(self.words)}"
            )
        return word
