"""Keep some nodes of a run: filters and excludes, as exact names, globs or node sets.

Never substrings: ``--exclude web`` leaves out the node ``web`` and no other.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from trioexec.model.hostalgebra import Algebra, Sources
from trioexec.model.hostscan import Operand
from trioexec.model.nodes import Node

__all__ = ["select"]


def select(
    nodes: Sequence[Node],
    *,
    filters: Sequence[str],
    excludes: Sequence[str],
    sources: Sources | None = None,
) -> list[Node]:
    """Keep the nodes that any filter names and no exclude does, in their order, ranked anew.

    A word names a node if it is its full name, its host, ``user@host`` or
    ``host:port``; ``*`` and ``?`` match within one of these.  Words combine with
    the operators of node expressions.

    Args:
        nodes: What `expand` said.
        filters: Added up; none keeps all.
        excludes: Added up.
        sources: As for `expand`.

    Raises:
        NodeSetError: A filter or an exclude cannot be read.
    """
    if not filters and not excludes:
        return list(nodes)
    index = _Index(nodes)
    algebra = Algebra(take=index.take, take_plain=index.take_plain, sources=sources)
    kept: Iterable[int] = range(len(nodes))
    if filters:
        kept = sorted(algebra.union(filters))
    dropped = algebra.union(excludes)
    return [
        Node(
            name=nodes[position].name,
            host=nodes[position].host,
            port=nodes[position].port,
            user=nodes[position].user,
            rank=rank,
        )
        for rank, position in enumerate(place for place in kept if place not in dropped)
    ]


class _Index:
    """The positions of the nodes under each form of their names."""

    def __init__(self, nodes: Sequence[Node]) -> None:
        self._forms: dict[str, list[int]] = {}
        for position, node in enumerate(nodes):
            for form in _forms(node):
                self._forms.setdefault(form, []).append(position)

    def take_plain(self, words: list[str]) -> dict[int, str]:
        forms = self._forms
        return {position: word for word in words for position in forms.get(word, ())}

    def take(self, operand: Operand, words: list[str]) -> dict[int, str]:
        if "*" not in operand.text and "?" not in operand.text:
            return self.take_plain(words)
        glob = re.compile("|".join(map(_as_regex, words)))
        return {
            position: operand.text
            for form, positions in self._forms.items()
            if glob.fullmatch(form)
            for position in positions
        }


def _forms(node: Node) -> set[str]:
    if node.name == node.host:
        return {node.name}
    host = f"[{node.host}]" if ":" in node.host else node.host
    forms = {node.name, node.host, host}
    if node.user is not None:
        forms.add(f"{node.user}@{host}")
    if node.port is not None:
        forms.add(f"{host}:{node.port}")
    return forms


def _as_regex(glob: str) -> str:
    return re.escape(glob).replace(r"\*", ".*").replace(r"\?", ".")
