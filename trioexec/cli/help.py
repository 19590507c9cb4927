"""What ``--help`` says: pure text from the option table, in panels, without rich or cyclopts.

Rendered by hand because it has to be there at once: importing either takes longer
than all of this.
"""

from __future__ import annotations

import math
import os
import textwrap
from collections.abc import Iterable, Sequence
from typing import Final

from trioexec.cli.options import UNSET, GeneralOptions
from trioexec.cli.registry import COMMANDS, CommandModule
from trioexec.settings.option import ENV_PREFIX, Option, options_of
from trioexec.settings.readers import Flag

__all__ = ["help_for", "render"]

MIN_WIDTH: Final = 60
MAX_WIDTH: Final = 100
DEFAULT_WIDTH: Final = 80

_LEFT_WIDTH: Final = 30
"""Of the column of names; a longer name has its text on the next line."""

_WHAT: Final = "Run a command on many machines over SSH; leave nothing running when it has ended."

_CODES: Final = (
    "the main rank's code (default), or as -S and the like say; 124 timed out,",
    "255 not reached, 130 Ctrl-C, 2 usage, 70 a bug.",
)


def help_for(module: CommandModule, *, whole: bool) -> str:
    """Render help for the terminal we have, or for 80 columns where there is none."""
    columns = os.environ.get("COLUMNS", "")
    width = int(columns) if columns.isdecimal() else _terminal_width()
    lines = render(module, whole=whole, width=max(MIN_WIDTH, min(width, MAX_WIDTH)))
    return "\n".join(lines) + "\n"


def _terminal_width() -> int:
    try:
        return os.get_terminal_size().columns or DEFAULT_WIDTH
    except OSError:
        return DEFAULT_WIDTH


def render(module: CommandModule, *, whole: bool, width: int) -> list[str]:
    """Make the lines of one command's help.

    Args:
        module: The command.
        whole: Whether it is the program's own help, with the list of commands.
        width: Columns; no line is longer.
    """
    entry = module.entry
    name = "" if whole else f"{module.name} "
    usage = f"Usage: trioexec {name}{entry.usage}"
    lines = textwrap.wrap(usage, width, subsequent_indent=" " * 7)
    if whole:
        lines.append("       trioexec NAME ...    with a name from Commands, below")
    lines += ["", *textwrap.wrap(_WHAT if whole else COMMANDS[module.name], width)]
    if entry.examples:
        lines += _panel("Examples", entry.examples, width)
    if whole:
        lines += _panel("Commands", list(COMMANDS.items()), width)
    options = options_of((*entry.groups, GeneralOptions))
    for panel in dict.fromkeys(option.panel for option in options):
        rows = [(_names(option), _about(option)) for option in options if option.panel == panel]
        lines += _panel(panel, rows, width)
    lines += ["", *_notes(width, words_end=entry.words_end)]
    return lines


def _notes(width: int, *, words_end: bool) -> list[str]:
    notes = []
    if words_end:
        notes.append("Options end at the first word of COMMAND, as with ssh.")
        notes.append("Exit code: " + " ".join(_CODES))
    notes.append(
        f"Options also come from the environment, as {ENV_PREFIX}PARALLEL=8;"
        " the command line is stronger."
    )
    return [line for note in notes for line in textwrap.wrap(note, width)]


def _panel(title: str, rows: Iterable[Sequence[str]], width: int) -> list[str]:
    rows = list(rows)
    lines = ["", title]
    left = _LEFT_WIDTH
    if title in ("Examples", "Commands"):
        left = max(len(row[0]) for row in rows) + 4
    for name, text in rows:
        if len(name) + 4 > left or left > width - 20:
            lines.append(f"  {name}")
            wrapped = textwrap.wrap(text, width - _LEFT_WIDTH)
            lines += [" " * _LEFT_WIDTH + line for line in wrapped]
            continue
        wrapped = textwrap.wrap(text, width - left) or [""]
        lines.append(f"  {name}".ljust(left) + wrapped[0])
        lines += [" " * left + line for line in wrapped[1:]]
    return lines


def _names(option: Option) -> str:
    """Short names first, aligned under each other."""
    short = [flag for flag in option.flags if not flag.startswith("--")]
    long = [flag for flag in option.flags if flag.startswith("--")]
    names = ", ".join(short + long)
    if not short:
        names = "    " + names
    return f"{names} {option.reader.metavar}".rstrip()


def _about(option: Option) -> str:
    default = _default_text(option)
    return f"{option.help} [{default}]" if default else option.help


def _default_text(option: Option) -> str:
    if isinstance(option.reader, Flag) or option.default in ("", (), UNSET):
        return ""
    if isinstance(option.default, float):
        return "no limit" if math.isinf(option.default) else f"{option.default:g}"
    return str(option.default)
