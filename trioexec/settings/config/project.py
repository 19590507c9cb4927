"""What a project's file may not say: it came with a folder, and not from who sits here.

It names nodes and defaults.  It does not loosen host keys, choose identities or ways,
run programs, or have files read or written outside its own folder.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import Final

from trioexec.model.errors import NodeSetError
from trioexec.model.hostrange import write_out
from trioexec.model.hostscan import scan

__all__ = ["files_in", "forbidden", "is_secret"]

_NEVER: Final = {
    "commands": "run programs",
    "env": "set variables for what you run",
    "identity": "choose identities",
    "jump": "choose jump hosts",
    "persist": "leave connections open behind a run",
    "script": "choose what is run",
    "ssh_config": "choose an ssh_config, which can run programs",
}
"""What each would be."""

_HARMLESS: Final = frozenset(
    {
        "addressfamily",
        "compression",
        "connectionattempts",
        "connecttimeout",
        "loglevel",
        "port",
        "serveralivecountmax",
        "serveraliveinterval",
        "tcpkeepalive",
    }
)
"""ssh options that neither run anything nor change who is trusted; HostName would lead away
nodes that somebody else has named, and a user has an option of its own, which is checked."""

_PATHS: Final = frozenset({"output_dir", "junit", "log_file"})
_INVENTORY: Final = r"@ansible:(?P<file>.*):[^:]*"
_DELICATE: Final = "(?i)pass|secret|token|key|cred|auth"


def forbidden(field: str, texts: Sequence[str], holds: Callable[[str], bool]) -> str:
    """Say what a project's file would do by setting this; empty where it may.

    Args:
        field: The option.
        texts: What it is set to.
        holds: Whether a file is in the project's folder.
    """
    if field in _NEVER:
        return _NEVER[field]
    if field == "strict_host_key_checking" and [text.strip().lower() for text in texts] != ["yes"]:
        return "loosen host keys"
    if field == "transport" and [text.strip().lower() for text in texts] != ["ssh"]:
        return "have commands run on this machine"
    if field == "ssh_option":
        for text in texts:
            name = text.partition("=")[0].strip()
            if name.lower() not in _HARMLESS:
                return f"set {name} for ssh"
    if field in _PATHS and not all(map(holds, texts)):
        return "have files written outside its folder"
    return ""


def files_in(expression: str) -> Iterator[str]:
    """Name the files that an expression has read: lists of nodes, and inventories."""
    try:
        for operand in scan(expression):
            if operand.text.startswith("^"):
                yield operand.text[1:].strip()
            elif operand.text.startswith("@"):
                found = (re.fullmatch(_INVENTORY, each) for each in write_out(operand))
                yield from (match["file"] for match in found if match)
    except NodeSetError:
        return  # nobody can read it, and who tries will say so


def is_secret(variable: str) -> bool:
    """Whether a variable is better not put into the name of a host that somebody else chose."""
    return re.search(_DELICATE, variable) is not None
