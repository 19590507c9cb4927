"""What clusters say of their nodes, put into the nodes of a run.

A node keeps the name it was typed under, and what was typed with it; operators and
excludes see plain names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from trioexec.model.nodes import Node
from trioexec.settings.config.config import Config
from trioexec.settings.config.tables import Cluster, Member

__all__ = ["Settled", "with_settings"]

Expand = Callable[[Sequence[str]], list[Node]]


class Settled(Struct, frozen=True, kw_only=True):
    """What is settled for the whole run by somebody stronger than a file."""

    user: bool = False
    port: bool = False
    cluster: str = ""
    """Whose own user and port are a layer of the run's options already."""


def with_settings(
    nodes: list[Node], config: Config, asked: Iterable[str], *, expand: Expand, settled: Settled
) -> list[Node]:
    """Give the nodes the user, port and address that their clusters say; node before cluster.

    Args:
        nodes: Of the run.
        config: Where the clusters are.
        asked: The clusters that the run's expressions named; of two that have a node, the first
            one counts.
        expand: Makes nodes of expressions.
        settled: What no file has a say in any more.
    """
    said: dict[str, Member] = {}
    clusters = config.clusters
    for name in asked:
        cluster = clusters.get(name)
        if cluster is not None:
            for node, member in _of_cluster(cluster, expand, own=name != settled.cluster).items():
                said.setdefault(node, member)
    return [_settle(node, said.get(node.name), settled) for node in nodes] if said else nodes


def _of_cluster(cluster: Cluster, expand: Expand, *, own: bool) -> dict[str, Member]:
    """Say what holds for each node, by name; a later member adds to an earlier one."""
    user = cluster.options["user"].texts[-1] if own and "user" in cluster.options else None
    port = cluster.options["port"].texts[-1] if own and "port" in cluster.options else None
    if user is None and port is None and not any(map(_says, cluster.members)):
        return {}
    found: dict[str, Member] = {}
    for member in cluster.members:
        for node in expand([member.expression]):
            before = found.get(node.name, member)
            found[node.name] = replace(
                member,
                user=member.user or before.user,
                port=member.port or before.port,
                host=member.host or before.host,
            )
    return {
        name: replace(
            member, user=member.user or user, port=member.port or (int(port) if port else None)
        )
        for name, member in found.items()
    }


def _says(member: Member) -> bool:
    return bool(member.user or member.port or member.host)


def _settle(node: Node, said: Member | None, settled: Settled) -> Node:
    if said is None:
        return node
    return replace(
        node,
        host=said.host or node.host,
        user=node.user or (None if settled.user else said.user),
        port=node.port or (None if settled.port else said.port),
    )
