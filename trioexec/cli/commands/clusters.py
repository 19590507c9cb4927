"""``trioexec clusters``: lists the clusters and groups of the config files, with their nodes."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from trioexec.cli.options import NodeOptions
from trioexec.cli.registry import CommandEntry
from trioexec.cli.selection import sources_for
from trioexec.model.errors import UsageError
from trioexec.model.exitcodes import OK

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation

__all__ = ["ENTRY", "main"]

ENTRY = CommandEntry(
    usage="[NAME]...",
    groups=(NodeOptions,),
    words_end=False,
    examples=(
        ("trioexec clusters", "all of them"),
        ("trioexec nodes @web", "which nodes one comes to"),
    ),
)


def main(call: Invocation) -> int:
    """List them."""
    config = call.configured.config
    clusters, groups = config.clusters, config.groups
    for name in call.words:
        config.check_cluster(name, "clusters")
    if not (clusters or groups):
        sys.stderr.write("There are no clusters; `trioexec config show` says which files count.\n")
        return OK
    rows = [("NAME", "KIND", "NODES", "FOLDED")]
    failed = ""
    for name in call.words or (*clusters, *groups):
        where = clusters[name].where if name in clusters else groups[name].where
        try:
            count, folded = _nodes(call, name)
        except UsageError as exc:
            # One that cannot be asked now must not hide the others.
            failed = failed or f"{where}: {exc}"
            count, folded = "?", "?"
        rows.append((name, "cluster" if name in clusters else "group", count, folded))
    widths = [max(len(row[column]) for row in rows) for column in range(3)]
    for name, kind, count, folded in rows:
        line = f"{name:{widths[0]}}  {kind:{widths[1]}}  {count:>{widths[2]}}  {folded}"
        sys.stdout.write(line.rstrip() + "\n")
    if failed:
        raise UsageError(failed)
    return OK


def _nodes(call: Invocation, name: str) -> tuple[str, str]:
    from trioexec.model.hostlist import expand, fold  # noqa: PLC0415 - node sets are slow

    sources = sources_for(call, call.configured.config.node_groups())
    nodes = expand([f"@config:{name}"], sources=sources)
    return str(len(nodes)), fold(node.name for node in nodes)
