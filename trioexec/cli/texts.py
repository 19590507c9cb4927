"""What the texts given to options mean: the values that nobody else knows how to read.

A reader takes a text and the option's type; nonsense is a `ValueError` that says what would do.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import Any, Final, TypeAlias, get_args

__all__ = [
    "Reader",
    "choice",
    "counted",
    "directive",
    "listed",
    "number",
    "pair",
    "seconds",
    "span",
    "text",
]

Reader: TypeAlias = Callable[[str, Any], object]

MAX_SECONDS: Final = 30 * 86400.0
"""A limit longer than this is a slip of the keyboard."""

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def text(given: str, _hint: object) -> str:
    """Read any text that is not empty, as it is."""
    if not given:
        raise ValueError("it is empty")
    return given


def listed(given: str, hint: object) -> str:
    """Read words with commas between; blanks round them do not count, as in node expressions."""
    return text(",".join(word.strip() for word in given.split(",")), hint)


def pair(given: str, _hint: object) -> tuple[str, str]:
    """Read a name and a value, cut at the first equals sign."""
    name, equals, value = given.partition("=")
    if not (name.strip() and equals):
        raise ValueError(f"{given!r} is not K=V; it takes a name, = and a value")
    return name.strip(), value


def directive(given: str, _hint: object) -> tuple[str, str]:
    """Read a directive and its value as after ``ssh -o``, where a blank is as good as ``=``."""
    found = re.fullmatch(r"\s*(\w+)\s*[\s=]\s*(\S.*)", given, re.DOTALL)
    if found is None:
        raise ValueError(f"{given!r} is not K=V; it takes a directive of ssh_config and its value")
    return found[1], found[2]


def seconds(given: str, _hint: object) -> float:
    """Read a limit of time; 0 is no limit, `math.inf`."""
    return _time(given, zero=" (no limit)") or math.inf


def span(given: str, _hint: object) -> float:
    """Read a length of time; 0 is none at all."""
    return _time(given)


def _time(given: str, *, zero: str = "") -> float:
    takes = f"it takes 0{zero} to 30d, as 30, 1.5, 500ms, 2m or 1h"
    word = given.strip().lower()
    amount = word.rstrip("smhd")
    unit_s = _UNITS_S.get(word[len(amount) :] or "s")
    whole, _, part = amount.partition(".")
    if unit_s is None or not amount.isascii() or not (whole + part).isdigit():
        raise ValueError(f"{given!r} is not a number of seconds; {takes}")
    amount_s = float(amount) * unit_s
    if amount_s > MAX_SECONDS:
        raise ValueError(f"{given!r} is out of range; {takes}")
    return amount_s


def number(low: int, high: int, *, zero: str = "") -> Reader:
    """Make the reader of whole numbers from `low` to `high`; `zero` is what 0 means."""
    takes = f"it takes {f'0 ({zero})' if zero and low == 0 else low} to {high}"

    def read(given: str, _hint: object) -> int:
        digits = given.strip()
        if not (digits.isascii() and digits.removeprefix("-").isdigit()):
            raise ValueError(f"{given!r} is not a number; {takes}")
        # Longer than any bound we have: do not even build the number.
        if len(digits) > len(str(high)) + 1 or not low <= int(digits) <= high:
            raise ValueError(f"{digits} is out of range; {takes}")
        return int(digits)

    return read


def choice(given: str, hint: Any) -> str:  # noqa: ANN401
    """Read one of the words of a Literal, in any case."""
    words = [word for word in _words(hint) if isinstance(word, str)]
    if given.strip().lower() not in words:
        raise ValueError(f"{given!r} is none of the choices; it takes {', '.join(words)}")
    return given.strip().lower()


def _words(hint: Any) -> list[Any]:  # noqa: ANN401
    found: list[Any] = []
    for arg in get_args(hint):
        found += _words(arg) if get_args(arg) else [arg]
    return found


def counted(number: int, what: str) -> str:
    """Write a number with what it counts: ``1 node``, ``2 nodes``."""
    return f"{number} {what}{'s' * (number != 1)}"
