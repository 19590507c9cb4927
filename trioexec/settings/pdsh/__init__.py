"""pdsh's own command line: its grammar, its lists of hosts, its variables."""

from __future__ import annotations

from trioexec.settings.pdsh.commands import command_for
from trioexec.settings.pdsh.grammar import USAGE, PdshError, PdshOptions, parse
from trioexec.settings.pdsh.ssh_args import SshArgs, read_ssh_args
from trioexec.settings.pdsh.targets import Target, choose, fold, labels

__all__ = [
    "USAGE",
    "PdshError",
    "PdshOptions",
    "SshArgs",
    "Target",
    "choose",
    "command_for",
    "fold",
    "labels",
    "parse",
    "read_ssh_args",
]
