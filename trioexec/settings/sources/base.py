"""The seam to wherever a site keeps its nodes: a small Protocol, and what a source is given."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol, TextIO

from msgspec import Struct, field

from trioexec.model.errors import UsageError
from trioexec.model.hints import did_you_mean, there_are

__all__ = ["ALL", "MakeSource", "NodeSource", "Surroundings", "unknown_group"]

ALL: Final = "*"
"""The group that stands for every node of a source."""


class NodeSource(Protocol):
    """Says which nodes belong to a group: what ``@NAME:GROUP`` asks the source NAME."""

    def nodes(self, group: str) -> Iterable[str]:
        """Name the nodes of a group, as node expressions.

        Args:
            group: What stood after ``@NAME:``; ``*`` is all nodes, and empty is ``@NAME`` alone.

        Raises:
            UsageError: There is no such group, or the source cannot be asked; two lines,
                what is wrong and what to do.
        """
        ...

    def groups(self) -> Iterable[str]:
        """List the groups, for completion and for the nearest name in an error."""
        ...


class Surroundings(Struct, frozen=True, kw_only=True):
    """What a source may look at; none looks at the process by itself."""

    env: Mapping[str, str]
    home: Path
    """Where ``~`` leads."""

    account_home: Path | None = None
    """Where ssh finds its files, whatever HOME says; None: the same."""

    stdin: TextIO | None = None
    """What ``-`` reads; None where it is not to be had."""

    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The user's own clusters and groups, as expressions."""

    commands: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Programs of the user's that print nodes: name to argv."""

    ssh_config: str | None = None
    """The one file to read instead of the usual two; ``none`` for no file."""

    ansible_inventory: str | None = None
    """Instead of what Ansible's own settings say."""


MakeSource = Callable[[Surroundings], NodeSource]
"""What an entry point of the group ``trioexec.node_sources`` names."""


def unknown_group(
    reference: str,
    known: Iterable[str],
    *,
    prefix: str = "@",
    what: str = "no such group of nodes",
    meant: str = "",
) -> UsageError:
    """Word the error for a group that is not there, with the nearest names that are.

    Args:
        reference: As typed, with ``@``.
        known: What could have been meant, without `prefix`.
        prefix: What to put before them.
        what: What it is that is not there.
        meant: The part of `reference` that is wrong; the whole without `prefix` where empty.
    """
    names = list(known)
    do = (
        did_you_mean(meant or reference.removeprefix(prefix), names, prefix=prefix)
        or there_are(names, prefix=prefix)
        or "There are none at all to choose from."
    )
    return UsageError(f"{reference}: {what}.\n{do}")
