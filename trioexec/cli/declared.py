"""How an option is declared, and what of it is known without cyclopts, which is slow to import.

A field of an option dataclass is ``Annotated[TYPE, option(...)]``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, get_origin, get_type_hints

from trioexec.cli.completers import Completer
from trioexec.cli.texts import Reader

__all__ = ["Flag", "Option", "declared", "flags_of", "option", "sets_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
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
    """Of the options with the same word here at most one can hold."""

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
    def opposite(self) -> str:
        """What takes the flag back; empty where there is no such thing."""
        if self.read is not None or not self.reversible:
            return ""
        taken_back = self.long_name.removeprefix("--no-")
        return f"--{taken_back}" if taken_back != self.long_name else f"--no-{taken_back[2:]}"


def option(*names: str, **about: Any) -> Option:  # noqa: ANN401 - the fields of `Option`
    """Declare an option."""
    return Option(names=names, **about)


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """What one name on a command line means."""

    field: str
    """The option's, in its dataclass."""

    option: Option
    hint: Any
    """The field's type."""

    value: bool = True
    """What it says, where it takes no text."""

    @property
    def many(self) -> bool:
        """Whether the option keeps all texts that it is given, and not the last alone."""
        return get_origin(self.hint) is tuple


_known: dict[type[Any], Mapping[str, Flag]] = {}


def declared(group: type[Any]) -> Mapping[str, Flag]:
    """List the options of a dataclass, by field."""
    if group not in _known:
        hints = get_type_hints(group, include_extras=True)
        _known[group] = {
            name: Flag(field=name, option=hint.__metadata__[0], hint=hint.__origin__)
            for name, hint in hints.items()
        }
    return _known[group]


def flags_of(groups: Iterable[type[Any]]) -> dict[str, Flag]:
    """List what may stand on a command line, by name."""
    found = {}
    for group in groups:
        for flag in declared(group).values():
            found.update(dict.fromkeys(flag.option.names, flag))
            if opposite := flag.option.opposite:
                found[opposite] = Flag(
                    field=flag.field, option=flag.option, hint=flag.hint, value=False
                )
    return found


def sets_of(groups: Iterable[type[Any]]) -> dict[str, str]:
    """Name the set of which at most one option can hold, by field; empty for none."""
    return {
        name: flag.option.exclusive for group in groups for name, flag in declared(group).items()
    }
