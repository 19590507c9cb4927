"""The one place where node sources meet this process: its environment, account and stdin."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TextIO

from trioexec.settings.sources.base import Surroundings
from trioexec.settings.sources.resolver import Resolver

__all__ = ["open_sources"]


def open_sources(
    *,
    stdin: TextIO | None = None,
    groups: Mapping[str, Sequence[str]] | None = None,
    commands: Mapping[str, Sequence[str]] | None = None,
    ssh_config: str | None = None,
    ansible_inventory: str | None = None,
) -> Resolver:
    """Make the `sources` of `expand` and `select` for this process.

    Use one for a whole run: stdin can be read once, and is remembered in it.

    Args:
        stdin: What ``-`` reads; None refuses it.
        groups: The user's own clusters and groups, as expressions.
        commands: Programs of the user's that print nodes, by name.
        ssh_config: What ``-F`` says.
        ansible_inventory: Instead of what Ansible's own settings say.
    """
    account = _home_of_account()
    home = os.environ.get("HOME", "")
    return Resolver(
        Surroundings(
            env=os.environ,
            home=Path(home) if home else account,
            account_home=account,
            stdin=stdin,
            groups=groups or {},
            commands=commands or {},
            ssh_config=ssh_config,
            ansible_inventory=ansible_inventory,
        )
    )


def _home_of_account() -> Path:
    """Where ssh finds ``~/.ssh``, whatever HOME says."""
    import pwd  # noqa: PLC0415  (not on every system)

    try:
        return Path(pwd.getpwuid(os.getuid()).pw_dir)
    except KeyError:
        return Path(os.environ.get("HOME") or "/")
