"""Help that waits for nothing: neither for cyclopts, nor for a module of ours.

It stands in `helptexts`, as cyclopts rendered it (`python -m trioexec.cli.help` does).
"""

from __future__ import annotations

import os
import sys

from trioexec.cli.letters import ASCII_BOXES, unicode_allowed

TYPE_CHECKING = False  # type checkers know it; `typing` costs as much as all that is done here

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Final

__all__ = ["TEXTS", "help_text"]

TEXTS: Final = os.path.join(os.path.dirname(__file__), "helptexts")  # noqa: PTH118, PTH120 - pathlib is slow

_OURS: Final = "trioexec"
"""The whole program's; the others are of commands, by name."""


def help_text(arguments: Sequence[str], env: Mapping[str, str]) -> str:
    """Give the help that is asked for; empty where it is none, or has to be rendered.

    Args:
        arguments: All there are.
        env: Our environment.
    """
    match arguments:
        case ["pdsh", "-h"]:  # pdsh has a -h of its own
            return ""
        case ["--help" | "-h"]:
            name = _OURS
        case [name, "--help" | "-h"] if name != _OURS and f"{name}.txt" in os.listdir(TEXTS):  # noqa: PTH208
            pass
        case _:
            return ""
    if "COLUMNS" in env or sys.stdout.isatty():
        return ""
    with open(os.path.join(TEXTS, f"{name}.txt"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
        text = file.read()
    return text if unicode_allowed(env) else text.translate(ASCII_BOXES)
