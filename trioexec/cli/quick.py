"""Help that does not wait for cyclopts, whose import takes longer than the whole answer.

It stands in `helptexts`, as cyclopts rendered it (`python -m trioexec.cli.help` does).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from typing import Final

__all__ = ["TEXTS", "help_text"]

TEXTS: Final = os.path.join(os.path.dirname(__file__), "helptexts")  # noqa: PTH118, PTH120 - pathlib is slow


def help_text(name: str, arguments: Sequence[str], env: Mapping[str, str]) -> str:
    """Give the help that is asked for; empty where it is none, or has to be rendered.

    Args:
        name: The command's, or the program's own.
        arguments: Without the command's name.
        env: Our environment.
    """
    if list(arguments) not in (["--help"], ["-h"]) or "COLUMNS" in env or sys.stdout.isatty():
        return ""
    with open(os.path.join(TEXTS, f"{name}.txt"), encoding="utf-8") as file:  # noqa: PTH118, PTH123
        return file.read()
