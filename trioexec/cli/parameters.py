"""How an option is declared to cyclopts, and the values that cyclopts does not know.

Texts that make no sense raise `ValueError`; cyclopts says of which option, and which layer.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any, Final, TypeAlias, get_args, get_origin, get_type_hints

from cyclopts import ArgumentCollection, CoercionError, Group, Parameter, Token

__all__ = [
    "PANELS",
    "Converter",
    "choice",
    "declare",
    "group_names",
    "long_name",
    "number",
    "option",
    "pair",
    "seconds",
    "sets_of",
    "text",
]

PANELS: Final = (
    "Which nodes",
    "Nodes",
    "Demo",
    "Completion",
    "Journal",
    "List",
    "Run",
    "Result",
    "SSH",
    "Output",
    "Records",
    "General",
)
"""As help shows them, from the top."""

MAX_SECONDS: Final = 30 * 86400.0
"""A limit longer than this is a slip of the keyboard."""

_UNITS_S: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

Converter: TypeAlias = Callable[[Any, Sequence[Token]], Any]


def option(
    *names: str,
    panel: str,
    help: str,  # noqa: A002 - the word for it everywhere else
    exclusive: str = "",
    converter: Converter | None = None,
    from_env: bool = True,
    **more: Any,  # noqa: ANN401 - what cyclopts.Parameter takes
) -> Parameter:
    """Declare an option.

    Args:
        names: As typed, ``-k`` and ``--fail-fast``; at least one long one.
        panel: Under which heading help shows it.
        help: Its line there.
        exclusive: Of the options with the same word here at most one can hold.
        converter: Makes the value; without one it is a flag.
        from_env: Whether a variable may give it.
        more: For cyclopts.
    """
    if converter is None:
        long = next(name for name in names if name.startswith("--"))
        taken_back = long.removeprefix("--no-")
        opposite = f"--{taken_back}" if taken_back != long else f"--no-{long[2:]}"
        # What only a command line can say, it need not take back.
        more["negative"] = opposite if from_env else ()
    return Parameter(
        name=names,
        group=(_panel(panel), *((_exclusive(exclusive),) if exclusive else ())),
        help=help,
        converter=converter,
        negative_iterable=(),
        allow_leading_hyphen=True,
        allow_repeating=True,
        show_env_var=from_env,
        show_choices=False,  # the metavar names them
        show_default=_default_text if converter else False,
        **more,
    )


def long_name(names: Sequence[str]) -> str:
    """Pick the name under which errors and help call an option."""
    return next(name for name in names if name.startswith("--"))


def declare(group: type[Any]) -> None:
    """Make cyclopts see an option dataclass, whose annotations are texts until here.

    So that its values can be had without importing cyclopts.
    """
    hints = get_type_hints(group, None, globals(), include_extras=True)
    group.__annotations__ = hints
    group.__init__.__annotations__ = {**hints, "return": None}


def sets_of(groups: Iterable[type[Any]]) -> dict[str, tuple[str, ...]]:
    """Name the sets of which at most one option can hold, by the fields of option dataclasses."""
    found = {}
    for group in groups:
        declare(group)
        for name, hint in group.__annotations__.items():
            about: Any = hint.__metadata__[0].group
            found[name] = tuple(one.name for one in about if not one.show)
    return found


@cache
def _panel(title: str) -> Group:
    return Group(title, sort_key=PANELS.index(title))


@cache
def _exclusive(name: str) -> Group:
    return Group(name, show=False, validator=_at_most_one)


def _at_most_one(arguments: ArgumentCollection) -> None:
    # cyclopts' MutuallyExclusive counts flags that are taken back.
    given = [long_name(one.names) for one in arguments if one.has_tokens and one.value]
    if len(given) > 1:
        raise ValueError(f"{given[0]} and {given[1]} exclude each other.\nLeave one of them out.")


def _default_text(default: object) -> str | None:
    if default in ("", (), None, -1):
        return None
    if isinstance(default, float):
        return "no limit" if math.isinf(default) else f"{default:g}"
    return str(default)


def _reading(read: Callable[[str], object]) -> Converter:
    """Make a converter of what reads one text; of a single option's the last one counts."""

    def convert(hint: Any, tokens: Sequence[Token]) -> Any:  # noqa: ANN401
        values = []
        for token in tokens:
            try:
                values.append(read(token.value))
            except ValueError as exc:
                raise CoercionError(msg=str(exc), token=token) from exc
        return tuple(values) if get_origin(hint) is tuple else values[-1]

    return convert


def _text(given: str) -> str:
    if not given:
        raise ValueError("it is empty")
    return given


def _pair(given: str) -> tuple[str, str]:
    name, equals, value = given.partition("=")
    if not (name.strip() and equals):
        raise ValueError(f"{given!r} is not K=V; it takes a name, = and a value")
    return name.strip(), value


def _seconds(given: str) -> float:
    takes = "it takes 0 (no limit) to 30d, as 30, 1.5, 500ms, 2m or 1h"
    word = given.strip().lower()
    amount = word.rstrip("smhd")
    unit_s = _UNITS_S.get(word[len(amount) :] or "s")
    whole, _, part = amount.partition(".")
    if unit_s is None or not amount.isascii() or not (whole + part).isdigit():
        raise ValueError(f"{given!r} is not a number of seconds; {takes}")
    seconds = float(amount) * unit_s
    if seconds > MAX_SECONDS:
        raise ValueError(f"{given!r} is out of range; {takes}")
    return seconds or math.inf


text: Final = _reading(_text)
"""Any text that is not empty, as it is."""

pair: Final = _reading(_pair)
"""A name and a value, cut at the first equals sign."""

seconds: Final = _reading(_seconds)
"""A length of time; 0 is no limit, `math.inf`."""


def group_names(_context: object) -> list[str]:
    """Complete node expressions: the groups and group sources of this machine."""
    import sys  # noqa: PLC0415

    from trioexec.settings.sources import open_sources  # noqa: PLC0415 - slow to import

    sources = open_sources(stdin=sys.stdin)
    return [f"@{name}" for name in (*sources.names(), *sources.groups(""))]


def number(low: int, high: int, *, zero: str = "") -> Converter:
    """Make the converter of whole numbers from `low` to `high`; `zero` is what 0 means."""
    takes = f"it takes {f'0 ({zero})' if zero and low == 0 else low} to {high}"

    def read(given: str) -> int:
        digits = given.strip()
        if not (digits.isascii() and digits.removeprefix("-").isdigit()):
            raise ValueError(f"{given!r} is not a number; {takes}")
        # Longer than any bound we have: do not even build the number.
        if len(digits) > len(str(high)) + 1 or not low <= int(digits) <= high:
            raise ValueError(f"{digits} is out of range; {takes}")
        return int(digits)

    return _reading(read)


def choice(hint: Any, tokens: Sequence[Token]) -> Any:  # noqa: ANN401 - a converter
    """Take one of the words of a Literal, in any case."""
    words = [word for word in _words(hint) if isinstance(word, str)]

    def read(given: str) -> str:
        if given.strip().lower() not in words:
            raise ValueError(f"{given!r} is none of the choices; it takes {', '.join(words)}")
        return given.strip().lower()

    return _reading(read)(hint, tokens)


def _words(hint: Any) -> list[Any]:  # noqa: ANN401
    found: list[Any] = []
    for arg in get_args(hint):
        found += _words(arg) if get_args(arg) else [arg]
    return found
