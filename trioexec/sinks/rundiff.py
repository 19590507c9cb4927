"""What changed on each node between two runs; nodes with the same change fold.

Pure.  Compares what a report shows: how a node ended and what it said, not when.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from trioexec.model.hostfold import Fold
from trioexec.model.record import NodeRecord, RunRecord
from trioexec.sinks.diffs import diff_lines, tinted
from trioexec.sinks.masks import Mask, make_masker

__all__ = ["Change", "compare", "show_change"]


class Change(Struct, frozen=True, kw_only=True):
    """One way in which nodes changed."""

    nodes: tuple[str, ...]
    before: NodeRecord | None
    """Of the first of them; None where the node was not in that run."""

    after: NodeRecord | None


def compare(before: RunRecord, after: RunRecord, *, masks: tuple[Mask, ...] = ()) -> list[Change]:
    """Name what changed, the most nodes first; empty where nothing did.

    Args:
        before: The run that is compared with.
        after: The run that is compared.
        masks: What is no change.
    """
    old = {node.node.name: node for node in before.nodes}
    new = {node.node.name: node for node in after.nodes}
    found: dict[object, list[str]] = {}
    for name in [*old, *(name for name in new if name not in old)]:
        key = (_answer(old.get(name), masks), _answer(new.get(name), masks))
        if key[0] != key[1]:
            found.setdefault(key, []).append(name)
    changes = [
        Change(nodes=tuple(names), before=old.get(names[0]), after=new.get(names[0]))
        for names in found.values()
    ]
    return sorted(changes, key=lambda change: -len(change.nodes))


def _answer(node: NodeRecord | None, masks: tuple[Mask, ...]) -> tuple[str, bytes, bytes] | None:
    if node is None:
        return None
    mask = make_masker(masks, node.node)
    return node.result.outcome.text, mask(node.stdout.encode()), mask(node.stderr.encode())


def show_change(
    change: Change,
    fold: Fold,
    *,
    masks: tuple[Mask, ...] = (),
    color: bool = False,
) -> Iterator[bytes]:
    """Show one change: a heading, then the lines that went and came."""
    heading = f"{fold(change.nodes)} ({len(change.nodes)})"
    before, after = change.before, change.after
    if before is None or after is None:
        yield _bold(
            f"{heading}: only in the {'first' if after is None else 'second'} run", color=color
        )
        return
    old, new = before.result.outcome.text, after.result.outcome.text
    how = f"{old} -> {new}" if old != new else f"{new}, other output"
    yield _bold(f"{heading}: {how}", color=color)
    maskers = (make_masker(masks, before.node), make_masker(masks, after.node))
    for name, mark, was, now in (
        ("stdout", b"  ", before.stdout, after.stdout),
        ("stderr", b"  stderr ", before.stderr, after.stderr),
    ):
        sides = (was.encode().splitlines(), now.encode().splitlines())
        lines = diff_lines(*sides, masks=maskers)
        if lines is None:
            yield f"  {name}: {len(sides[0])} lines before, {len(sides[1])} now".encode()
        for line in lines or ():
            yield mark + (tinted(line) if color else line)


def _bold(heading: str, *, color: bool) -> bytes:
    return f"\x1b[1m{heading}\x1b[0m".encode() if color else heading.encode()
