"""What a project's file may not say: it came with a folder, and not from who sits here.

It names nodes and defaults.  It does not loosen host keys, choose identities or ways,
run programs, or have files written outside its own folder.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

__all__ = ["forbidden", "is_secret"]

_NEVER: Final = {
    "commands": "run programs",
    "env": "set variables for what you run",
    "identity": "choose identities",
    "jump": "choose jump hosts",
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
        "hostname",
        "loglevel",
        "port",
        "serveralivecountmax",
        "serveraliveinterval",
        "tcpkeepalive",
        "user",
    }
)
"""ssh options that neither run anything nor change who is trusted."""

_PATHS: Final = frozenset({"output_dir", "junit", "log_file"})
_SECRET: Final = re.compile("pass|secret|token|key|cred|auth", re.IGNORECASE)


def forbidden(field: str, texts: Sequence[str]) -> str:
    """Say what a project's file would do by setting this; empty where it may."""
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
    if field in _PATHS and any(_leaves_folder(text) for text in texts):
        return "have files written outside its folder"
    return ""


def is_secret(variable: str) -> bool:
    """Whether a variable is better not put into the name of a host that somebody else chose."""
    return _SECRET.search(variable) is not None


def _leaves_folder(path: str) -> bool:
    return path.startswith(("/", "~")) or ".." in path.split("/")
