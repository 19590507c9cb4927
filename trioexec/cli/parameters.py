"""How cyclopts sees our options."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from functools import cache
from typing import Annotated, Any, Final

from cyclopts import Argument, ArgumentCollection, CoercionError, Group, Parameter, Token

from trioexec.cli.declared import Flag, declared

__all__ = ["PANELS", "declare"]

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


def declare(group: type[Any]) -> type[Any]:
    """Put a group of options as cyclopts sees it: it knows dataclasses, and no structs."""
    fields = [
        (name, Annotated[flag.hint, _parameter(flag)], dataclasses.field(default=flag.default))
        for name, flag in declared(group).items()
    ]
    home = {"__module__": group.__module__}  # without one it would be a builtin to cyclopts
    return dataclasses.make_dataclass(
        group.__name__, fields, namespace=home, frozen=True, kw_only=True
    )


def _parameter(flag: Flag) -> Parameter:
    option = flag.option
    how: dict[str, Any] = {"negative": option.opposite or (), "show_default": False}
    if option.read is not None:
        how = {"converter": _reading(flag), "n_tokens": 1, "show_default": _default_text}
    return Parameter(
        name=option.names,
        group=(_panel(option.panel), *map(_exclusive, option.sets)),
        help=option.help,
        metavar=option.metavar or None,
        negative_iterable=(),
        allow_leading_hyphen=True,
        allow_repeating=True,
        show_env_var=option.from_env,
        show_choices=False,  # the metavar names them
        **how,
    )


@cache
def _panel(title: str) -> Group:
    return Group(title, sort_key=PANELS.index(title))


@cache
def _exclusive(name: str) -> Group:
    return Group(name, show=False, validator=_at_most_one)


def _at_most_one(arguments: ArgumentCollection) -> None:
    # cyclopts' MutuallyExclusive counts flags that are taken back.
    given = [_name_of(one) for one in arguments if one.has_tokens and one.value]
    if len(given) > 1:
        raise ValueError(f"{given[0]} and {given[1]} exclude each other.\nLeave one of them out.")


def _name_of(argument: Argument) -> str:
    """Name an option, and where it was given, where that was not on the command line."""
    name = next(name for name in argument.names if name.startswith("--"))
    token = argument.tokens[-1]
    return name if token.source == "cli" else f"{name} ({token.keyword})"


def _default_text(default: object) -> str | None:
    if default in ("", (), None, -1):
        return None
    if isinstance(default, float):
        return "no limit" if math.isinf(default) else f"{default:g}"
    return str(default)


def _reading(flag: Flag) -> Any:  # noqa: ANN401 - what cyclopts calls a converter
    """Make a converter of what reads one text; of a single option's the last one counts."""
    read = flag.option.read
    assert read is not None

    def convert(_hint: object, tokens: Sequence[Token]) -> object:
        values = []
        for token in tokens:
            try:
                values.append(read(token.value, flag.hint))
            except ValueError as exc:
                raise CoercionError(msg=str(exc), token=token) from exc
        return tuple(values) if flag.many else values[-1]

    return convert
