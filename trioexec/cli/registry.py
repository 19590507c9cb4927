"""The commands, by name: where each is found and what help says of it.

Adding one is a line here and a module in `cli.commands`, which is imported only when
its command is wanted.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

from msgspec import Struct

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation

__all__ = ["COMMANDS", "DEFAULT_COMMAND", "CommandEntry", "CommandModule", "load"]

DEFAULT_COMMAND: Final = "run"

COMMANDS: Final[Mapping[str, str]] = {
    "run": "Run a command on nodes; the word itself may be left out.",
    "ping": "Connect and log in, no more; names the nodes that do not answer.",
    "check": "Ask nodes what a file of checks asks, and say where the answers are wrong.",
    "hold": "List or stop the processes that --persist leaves behind.",
    "nodes": "Show what node expressions come to.",
    "clusters": "List the clusters and groups of the config files.",
    "config": "Show every setting and where it is from; check the files, or import one.",
    "pdsh": "Take pdsh's own options, and answer as it does.",
    "demo": "Start SSH servers in this process and run a command on them.",
    "completion": "Print a script that makes a shell complete options and commands.",
    "runs": "List the runs of the journal; show one again, compare two, or make a page of one.",
    "rerun": "Run a run of the journal again, on all its nodes or on those that failed.",
}
"""Name to summary; the module is `cli.commands.NAME`, in `CommandModule`'s shape."""


class CommandEntry(Struct, frozen=True, kw_only=True):
    """How a command is used."""

    usage: str
    """After ``trioexec``."""

    groups: tuple[type[Any], ...]
    """Option groups, in the order of help's panels."""

    words_end: bool
    """Whether options end at the first word, because the words are a command of their own."""

    raw: bool = False
    """Whether the command has a grammar of its own: its words are all there was."""

    examples: tuple[tuple[str, str], ...] = ()
    """Command line, and what it does."""

    notes: str = ""
    """With a grammar of its own: what help says where others have our options and codes."""


class CommandModule(Struct, frozen=True, kw_only=True):
    """What a module of `cli.commands` has: `ENTRY` and `main`."""

    name: str
    entry: CommandEntry
    main: Callable[[Invocation], int]


def load(name: str) -> CommandModule:
    """Import one command."""
    module = importlib.import_module(f"trioexec.cli.commands.{name}")
    return CommandModule(name=name, entry=module.ENTRY, main=module.main)
