"""What ``trioexec nodes`` prints: a pure function from nodes to lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from trioexec.model.errors import UsageError
from trioexec.model.hostfold import fold as fold_names
from trioexec.model.nodes import Node

__all__ = ["render"]

Choose = Callable[[Sequence[Node], int], list[Node]]
"""Takes so many of the nodes at random, each at most once."""


def render(
    nodes: Sequence[Node],
    *,
    fold: bool = False,
    count: bool = False,
    pick: int | None = None,
    split: int | None = None,
    json: bool = False,
    choose: Choose | None = None,
) -> list[str]:
    """Say what to print of the nodes, a line an item.

    Plain, a line is a node; of a split, a part, its nodes with commas between
    them.  With `json` a line is an object: a node, or with `fold` or `count` a part.

    Args:
        nodes: In the order to print.
        fold: Print each part as one folded expression.
        count: Print how many there are.
        pick: Take so many at random first, all if there are fewer; their order stays.
        split: Cut into so many parts first, of sizes that differ by at most one; empty
            parts are left out.
        json: Print objects.
        choose: Draws for `pick`; None is ``random.sample``.

    Raises:
        UsageError: `pick` or `split` is less than 1, or `fold` and `count` were both asked for.
    """
    if fold and count and not json:
        raise UsageError(
            "--fold and --count exclude each other.\nAsk for one, or for both with --json."
        )
    if pick is not None:
        nodes = _pick(nodes, pick, choose)
    parts = [nodes] if split is None else _split(nodes, split)
    if json:
        return _as_json(parts, numbered=split is not None, summed=fold or count)
    if count:
        return [str(len(part)) for part in parts]
    if fold:
        return [fold_names([node.name for node in part]) for part in parts if part]
    if split is None:
        return [node.name for node in nodes]
    return [",".join([node.name for node in part]) for part in parts]


def _at_least_1(option: str, number: int) -> None:
    if number < 1:
        raise UsageError(f"{option} {number}: too small.\nGive a whole number from 1 up.")


def _pick(nodes: Sequence[Node], number: int, choose: Choose | None) -> Sequence[Node]:
    _at_least_1("--pick", number)
    if number >= len(nodes):
        return nodes
    if choose is None:
        import random  # noqa: PLC0415  (10 ms that only --pick has to pay)

        choose = random.sample
    chosen = {node.rank for node in choose(nodes, number)}
    return [node for node in nodes if node.rank in chosen]


def _split(nodes: Sequence[Node], number: int) -> list[Sequence[Node]]:
    _at_least_1("--split", number)
    size, larger = divmod(len(nodes), number)
    parts, start = [], 0
    for at in range(min(number, len(nodes))):
        end = start + size + (at < larger)
        parts.append(nodes[start:end])
        start = end
    return parts


def _as_json(parts: Sequence[Sequence[Node]], *, numbered: bool, summed: bool) -> list[str]:
    from json import dumps  # noqa: PLC0415  (10 ms that only --json has to pay)

    lines = []
    for number, part in enumerate(parts, 1):
        head: dict[str, object] = {"part": number} if numbered else {}
        if summed:
            folded = fold_names([node.name for node in part])
            lines.append(dumps({**head, "nodes": folded, "count": len(part)}))
            continue
        lines += [
            dumps(
                {
                    **head,
                    "name": node.name,
                    "host": node.host,
                    "port": node.port,
                    "user": node.user,
                    "rank": node.rank,
                }
            )
            for node in part
        ]
    return lines
