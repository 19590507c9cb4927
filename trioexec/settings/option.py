"""An option: its names, how its text is read, and what help says of it.

Declared once, as a field of an option dataclass (`option`), and read back from
there (`options_of`): the command line's grammar, the environment's names, help and
completion are all derived from it.  A config file will be too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from trioexec.settings.readers import Flag, Reader

__all__ = ["ENV_PREFIX", "Option", "option", "options_of"]

ENV_PREFIX = "TRIOEXEC_"

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Option:
    """One option, whichever way it is given."""

    field: str
    """Name of the dataclass field; unique among all options."""

    flags: tuple[str, ...]
    """As typed, ``-k`` and ``--fail-fast``; at least one long one."""

    reader: Reader
    help: str
    default: object
    panel: str
    """Under which heading help shows it."""

    exclusive: str = ""
    """Of the options with the same word here at most one can hold."""

    from_env: bool = True

    @property
    def long(self) -> str:
        """The name under which errors and help call it."""
        return next(flag for flag in self.flags if flag.startswith("--"))

    @property
    def many(self) -> bool:
        """Whether it may be given several times; its value is then a tuple."""
        return isinstance(self.default, tuple)

    @property
    def takes_value(self) -> bool:
        """Whether a text follows it."""
        return not isinstance(self.reader, Flag)

    @property
    def negative(self) -> str:
        """What takes the flag back, as ``--no-fail-fast``; empty where nothing does."""
        if self.takes_value or not self.from_env:
            return ""
        if self.long.startswith("--no-"):
            return "--" + self.long.removeprefix("--no-")
        return "--no-" + self.long.removeprefix("--")

    @property
    def env(self) -> str:
        """The environment variable's name."""
        return ENV_PREFIX + self.long.removeprefix("--").upper().replace("-", "_")


def option(
    default: _T,
    *flags: str,
    reader: Reader,
    help: str,  # noqa: A002 - the word for it everywhere else
    exclusive: str = "",
    from_env: bool = True,
) -> _T:
    """Declare a field of an option dataclass."""
    about = {
        "flags": flags,
        "reader": reader,
        "help": help,
        "exclusive": exclusive,
        "from_env": from_env,
    }
    # The dataclass decorator takes the Field away and leaves the default.
    declared: _T = dataclasses.field(default=default, metadata=about)
    return declared


def options_of(groups: Iterable[type[Any]]) -> tuple[Option, ...]:
    """Read the options back from their dataclasses, in the order of declaration."""
    return tuple(
        Option(field=field.name, default=field.default, panel=group.PANEL, **field.metadata)
        for group in groups
        for field in dataclasses.fields(group)
    )
