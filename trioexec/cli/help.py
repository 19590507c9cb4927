"""What ``--help`` says: cyclopts' help of the options, with usage, examples and notes of ours.

``python -m trioexec.cli.help`` renders it into `helptexts`, from where `quick` takes it;
with the names of two files, cyclopts writes all options into the first, as a page of
reference, and the second becomes the manual page.
"""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trioexec import __version__
from trioexec.cli.app import make_app
from trioexec.cli.quick import TEXTS
from trioexec.cli.registry import COMMANDS, DEFAULT_COMMAND, CommandModule, load
from trioexec.model.exitcodes import EXIT_CODES
from trioexec.settings.layers import ENV_PREFIX

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["man_page", "plain_help", "print_help", "reference"]

MIN_WIDTH: Final = 40
MAX_WIDTH: Final = 100

_MAN_WIDTH: Final = 72
"""Beside the margin of man(1) on 80 columns, where lines that are kept as they are would wrap."""

_WHAT: Final = "Run a command on many machines over SSH; leave nothing running when it has ended."

_WORDS_END: Final = (
    "Options end at the first word of COMMAND, as with ssh.\n"
    "Exit code: the main rank's code (default), or as -S and the like say; 124 timed out, "
    "255 not reached, 130 Ctrl-C, 2 usage, 70 a bug.\n"
)

_OPPOSITES: Final = (
    "--no-NAME takes back what one of them switches on, as --no-batch; --NAME what begins with no."
)


def print_help(
    module: CommandModule, *, whole: bool, unicode: bool = True, console: Console | None = None
) -> None:
    """Print one command's help for the terminal we have, or for 80 columns where there is none.

    Args:
        module: The command.
        whole: Whether it is the program's own help, with the list of commands.
        unicode: Whether the terminal knows more than ASCII.
        console: Where to, if not to stdout.
    """
    from rich.console import Console  # noqa: PLC0415 - as slow to import as all of the rest

    if not unicode and isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="ascii")  # rich draws boxes of the letters that it has
    console = console or Console(file=sys.stdout, highlight=False)
    console.width = max(MIN_WIDTH, min(console.width, MAX_WIDTH))
    entry = module.entry
    name = "" if whole else f"{module.name} "
    usage = f"Usage: trioexec {name}{entry.usage}"
    if whole:
        usage += "\n       trioexec NAME ...    with a name from Commands, below"
    examples = [f"  {line}\n      {what}" for line, what in entry.examples]
    text = "\n".join([_WHAT if whole else COMMANDS[module.name], "", "For example", *examples])
    if entry.raw:
        console.print(f"{usage}\n\n{text}\n\n{entry.notes}", markup=False)
        return
    app = make_app(whole=whole)
    command = app if whole else app[module.name]
    command.usage, command.help, command.help_format = usage, text, "plaintext"
    app.help_formatter = _without_opposites()
    command.help_epilogue = (_WORDS_END if entry.words_end else "") + (
        f"Options also come from the environment, as {ENV_PREFIX}PARALLEL=8; "
        "the command line is stronger."
    )
    if entry.groups:
        command.help_epilogue += f" {_OPPOSITES}"
    app.help_print([] if whole else [module.name], console=console)


def _without_opposites() -> Callable[..., None]:
    """Leave out what takes a switch back: half of all lines, for what few ever need."""
    from cyclopts.help import DefaultFormatter  # noqa: PLC0415

    class Formatter(DefaultFormatter):
        def __call__(self, console: Any, options: Any, panel: Any) -> None:  # noqa: ANN401
            shown = [each.copy(negative_names=()) for each in panel.entries]
            super().__call__(console, options, panel.copy(entries=shown))

    return Formatter()


def plain_help(name: str, *, width: int = 80) -> str:
    """Render a command's help, or the program's own (`trioexec`), without a terminal."""
    from rich.console import Console  # noqa: PLC0415

    whole = name == "trioexec"
    console = Console(file=io.StringIO(), width=width, highlight=False)
    print_help(load(DEFAULT_COMMAND if whole else name), whole=whole, console=console)
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    return "".join(f"{line.rstrip()}\n" for line in lines)


def reference() -> str:
    """Write the options of every command as Markdown."""
    app = make_app(whole=False)
    app.help = _WHAT
    for name in COMMANDS:
        app[name].usage = f"trioexec {load(name).entry.usage}"
    written = app.generate_docs(output_format="markdown").rstrip() + "\n"
    # Usage is no command line that anybody could type.
    return written.replace("```console", "```text")


def man_page() -> str:
    """Write trioexec(1): the texts of ``--help``, in roff's own words for them."""
    lines = [
        f'.TH TRIOEXEC 1 "" "trioexec {__version__}" "User Commands"',
        ".SH NAME",
        "trioexec \\- run a command on many machines over SSH",
        ".SH SYNOPSIS",
        ".B trioexec",
        "[OPTIONS] COMMAND...",
        ".br",
        ".B trioexec",
        "NAME ...",
        ".SH DESCRIPTION",
        _WHAT,
    ]
    for name in ("trioexec", *COMMANDS):
        title = "OPTIONS" if name == "trioexec" else f"TRIOEXEC {name.upper()}"
        lines += [
            f'.SH "{title}"',
            ".nf",
            *map(_roff, plain_help(name, width=_MAN_WIDTH).splitlines()),
            ".fi",
        ]
    lines += [".SH EXIT STATUS"]
    for code, meaning in EXIT_CODES.items():
        lines += [".TP", f".B {code}", _roff(meaning)]
    return "\n".join(lines) + "\n"


def _roff(line: str) -> str:
    """Quote a line: nothing in it is a request, and its dashes can be searched for."""
    plain = line.translate(_BOXES).rstrip()
    escaped = plain.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{escaped}" if escaped[:1] in (".", "'") else escaped


_BOXES: Final = {ord(box): " " for box in "│╭╮╰╯─"}
"""What help draws round its panels: not every man(1) has the letters."""


if __name__ == "__main__":
    if sys.argv[1:]:
        Path(sys.argv[1]).write_text(reference(), encoding="utf-8")
    if sys.argv[2:]:
        Path(sys.argv[2]).write_text(man_page(), encoding="utf-8")
    os.makedirs(TEXTS, exist_ok=True)  # noqa: PTH103
    for name in ("trioexec", *COMMANDS):
        with open(os.path.join(TEXTS, f"{name}.txt"), "w", encoding="utf-8") as file:  # noqa: PTH118, PTH123
            file.write(plain_help(name))
