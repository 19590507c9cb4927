"""From a value of TOML to the texts of a layer: what type an option takes, and nothing else.

Whether a number is in its range, or a word one of its choices, is the option's own
business, as it is for the command line.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

__all__ = ["Kind", "WrongTypeError", "expressions", "texts_of"]

Kind = Literal["flag", "number", "seconds", "text", "texts", "pairs"]

_TAKES: Final[Mapping[Kind, str]] = {
    "flag": "true or false",
    "number": "a whole number, without quotation marks",
    "seconds": 'a number of seconds, or a text as "2m"',
    "text": 'a text in quotation marks, as "this"',
    "texts": 'a text in quotation marks or a list of such, as ["this", "that"]',
    "pairs": 'a table of texts and numbers, as {NAME = "value"}',
}


class WrongTypeError(ValueError):
    """The value is of no type that goes there; says which it takes."""


def texts_of(kind: Kind, value: object) -> tuple[str, ...]:
    """Make the texts that the command line would have.

    Raises:
        WrongTypeError: The value is of another type.
    """
    match kind, value:
        case "flag", bool():
            return ("yes" if value else "no",)
        case ("number", int()) | ("seconds", int() | float()) if not isinstance(value, bool):
            return (
                f"{value:f}".rstrip("0").rstrip(".") if isinstance(value, float) else f"{value}",
            )
        case ("seconds" | "text" | "texts", str()):
            return (value,)
        case "texts" | "pairs", list() if all(isinstance(one, str) for one in value):
            return tuple(value)
        case "pairs", dict() if all(map(_is_pair, value.items())):
            return tuple(f"{name}={_plain(one)}" for name, one in value.items())
    raise WrongTypeError(f"{_show(value)} is {_type(value)}.\nIt takes {_TAKES[kind]}.")


def expressions(value: object) -> tuple[str, ...]:
    """Take node expressions: a text, or a list of them.

    Raises:
        WrongTypeError: It is neither.
    """
    return texts_of("texts", value)


def _is_pair(pair: tuple[str, object]) -> bool:
    return "=" not in pair[0] and isinstance(pair[1], str | int | float)


def _plain(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


def _show(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = repr(value) if isinstance(value, str | int | float | list | dict) else str(value)
    return text if len(text) <= 40 else f"{text[:37]}..."  # noqa: PLR2004 - a glance


def _type(value: object) -> str:
    match value:
        case bool():
            return "a yes or no"
        case str():
            return "a text"
        case int() | float():
            return "a number"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return "a date or time"
