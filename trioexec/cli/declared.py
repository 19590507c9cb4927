"""How an option is declared, and what of it is known without cyclopts, which is slow to import.

A field of an option group is ``Annotated[TYPE, option(...)] = DEFAULT``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, get_origin

from msgspec import Struct
from msgspec.structs import fields, replace

from trioexec.cli.completers import Completer
from trioexec.cli.texts import Reader

__all__ = ["Flag", "Option", "declared", "flags_of", "option", "sets_of"]


class Option(Struct, frozen=True, kw_only=True):
    """One option, as declared."""

    names: tuple[str, ...]
    """As typed, ``-k`` and ``--fail-fast``; at least one long one."""

    panel: str
    """Under which heading help shows it."""

    help: str
    """Its line there."""

    read: Reader | None = None
    """Makes the value of a text; without it the option is a flag."""

    metavar: str = ""
    """What help calls the text."""

    exclusive: str = ""
    """Words: of the options with the same one here at most one can hold."""

    from_env: bool = True
    """Whether a variable may give it."""

    reversible: bool = True
    """Whether a flag can be taken back, by its opposite: what a variable, a file or a record of
    the journal may say has to be."""

    completer: Completer | None = None
    """Lists what the text may be, for shells; of a FILE or DIR they know, and of a|b we do."""

    @property
    def long_name(self) -> str:
        """The name under which errors and help call it."""
        return next(name for name in self.names if name.startswith("--"))

    @property
    def sets(self) -> tuple[str, ...]:
        """The sets of options of which at most one can hold."""
        return tuple(self.exclusive.split())

    @property
    def opposite(self) -> str:
        """What takes the flag back; empty where there is no such thing."""
        if self.read is not None or not self.reversible:
            return ""
        taken_back = self.long_name.removeprefix("--no-")
        return f"--{taken_back}" if taken_back != self.long_name else f"--no-{taken_back[2:]}"


def option(*names: str, **about: Any) -> Option:  # noqa: ANN401 - the fields of `Option`
    """Declare an option."""
    return Option(names=names, **about)


class Flag(Struct, frozen=True, kw_only=True):
    """What one name on a command line means."""

    field: str
    """The option's, in its group."""

    option: Option
    hint: Any
    """The field's type."""

    default: Any
    """What holds where nobody says anything."""

    value: bool = True
    """What it says, where it takes no text."""

    @property
    def many(self) -> bool:
        """Whether the option keeps all texts that it is given, and not the last alone."""
        return get_origin(self.hint) is tuple


_known: dict[type[Any], Mapping[str, Flag]] = {}


def declared(group: type[Any]) -> Mapping[str, Flag]:
    """List the options of a group, by field."""
    if group not in _known:
        _known[group] = {
            one.name: Flag(
                field=one.name,
                option=one.type.__metadata__[0],
                hint=one.type.__origin__,
                default=one.default,
            )
            for one in fields(group)
        }
    return _known[group]


def flags_of(groups: Iterable[type[Any]]) -> dict[str, Flag]:
    """List what may stand on a command line, by name."""
    found = {}
    for group in groups:
        for flag in declared(group).values():
            found.update(dict.fromkeys(flag.option.names, flag))
            if opposite := flag.option.opposite:
                found[opposite] = replace(flag, value=False)
    return found


def sets_of(groups: Iterable[type[Any]]) -> dict[str, tuple[str, ...]]:
    """Name the sets of which at most one option can hold, by field."""
    return {name: flag.option.sets for group in groups for name, flag in declared(group).items()}
