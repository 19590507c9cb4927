"""What does not wait for cyclopts, whose import takes longer than the whole answer.

Help, as cyclopts rendered it into `helptexts` (`python -m trioexec.cli.help` does), and
command lines of plain words and flags.  Tests hold both equal to what cyclopts would say;
all else is cyclopts' own business.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any, Final

from trioexec.cli.configured import configured
from trioexec.cli.invocation import Invocation
from trioexec.cli.options.general import groups_of
from trioexec.cli.registry import CommandModule
from trioexec.settings.layers import COMMAND_LINE, ENV_PREFIX, Setting

__all__ = ["ASKED", "FLAGS", "TEXTS", "help_text", "read_plain"]

TEXTS: Final = os.path.join(os.path.dirname(__file__), "helptexts")  # noqa: PTH118, PTH120 - pathlib is slow

ASKED: Final = (("--help",), ("--version",))
"""All that is ours on the line of a command that has a grammar of its own."""

FLAGS: Final[Mapping[str, Mapping[str, str]]] = {
    "nodes": {"--fold": "fold", "--count": "count", "--json": "json"}
}
"""Flags to fields; none of them is of an exclusive set."""


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


def read_plain(
    module: CommandModule, arguments: Sequence[str], env: Mapping[str, str]
) -> Invocation | None:
    """Read a command line of nothing but words and flags; None where it is more than that."""
    words = tuple(arguments)
    if module.entry.raw:
        return None if words[:1] in ASKED else Invocation(**_untouched(module, words, env))
    flags = FLAGS.get(module.name)
    if flags is None or any(name.startswith(ENV_PREFIX) for name in env):
        return None
    given = [one for one in words if one != "-" and one.startswith("-")]
    if not all(flag in flags for flag in given):
        return None
    files = configured(module.entry.groups, (), env)
    if files.layers:
        return None
    call = _untouched(module, tuple(one for one in words if one not in flags), env)
    for flag in given:
        call["settings"][flags[flag]] = Setting(value=True, source=COMMAND_LINE, where=flag)
    return Invocation(**call, configured=files)


def _untouched(
    module: CommandModule, words: tuple[str, ...], env: Mapping[str, str]
) -> dict[str, Any]:
    """Make a call of which nobody has set anything."""
    groups = groups_of(module.entry)
    settings = {one.name: Setting(value=one.default) for group in groups for one in fields(group)}
    return {"name": module.name, "words": words, "settings": settings, "env": env}
