"""``trioexec nodes``: what expressions, filters and excludes come to."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from trioexec.cli.options import UNSET, ListOptions, NodeOptions
from trioexec.cli.registry import CommandEntry
from trioexec.cli.selection import nodes_for
from trioexec.model.exitcodes import OK

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation

__all__ = ["ENTRY", "main"]

ENTRY = CommandEntry(
    usage="[OPTIONS] [EXPR]...",
    groups=(NodeOptions, ListOptions),
    words_end=False,
    examples=(
        ("trioexec nodes 'web[1-20]!web7'", "one name a line"),
        ("trioexec nodes ^nodes.txt --fold", "the same, folded"),
        ("trioexec nodes 'rack[1-2]-n[01-04]' --count", "how many"),
    ),
)


def main(call: Invocation) -> int:
    """Print the nodes."""
    from trioexec.model.nodelist_output import render  # noqa: PLC0415 - ClusterShell is slow

    options = call.options(ListOptions)
    lines = render(
        nodes_for(call, call.words),
        fold=options.fold,
        count=options.count,
        pick=None if options.pick == UNSET else options.pick,
        split=None if options.split == UNSET else options.split,
        json=options.json,
    )
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    return OK
