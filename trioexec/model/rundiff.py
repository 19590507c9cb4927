"""What changed on each node between two runs; nodes with the same change fold.

Pure.  Compares what a report shows: how a node ended and what it said, not when.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from trioexec.model.record import NodeRecord, RunRecord

__all__ = ["Change", "compare", "diff_lines"]

_MOST_LINES: Final = 2000
"""Longer outputs are not compared line by line: that would take minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One way in which nodes changed."""

    nodes: tuple[str, ...]
    before: NodeRecord | None
    """Of the first of them; None where the node was not in that run."""

    after: NodeRecord | None


def compare(before: RunRecord, after: RunRecord) -> list[Change]:
    """Name what changed, the most nodes first; empty where nothing did."""
    old = {node.node.name: node for node in before.nodes}
    new = {node.node.name: node for node in after.nodes}
    found: dict[object, list[str]] = {}
    for name in [*old, *(name for name in new if name not in old)]:
        key = (_answer(old.get(name)), _answer(new.get(name)))
        if key[0] != key[1]:
            found.setdefault(key, []).append(name)
    changes = [
        Change(nodes=tuple(names), before=old.get(names[0]), after=new.get(names[0]))
        for names in found.values()
    ]
    return sorted(changes, key=lambda change: -len(change.nodes))


def _answer(node: NodeRecord | None) -> tuple[str, str, str] | None:
    return None if node is None else (node.result.outcome.text, node.stdout, node.stderr)


def diff_lines(change: Change, fold: Callable[[Iterable[str]], str]) -> Iterator[str]:
    """Show one change: a heading, then the lines that went and came."""
    heading = f"{fold(change.nodes)} ({len(change.nodes)})"
    before, after = change.before, change.after
    if before is None or after is None:
        yield f"{heading}: only in the {'first' if after is None else 'second'} run"
        return
    old, new = before.result.outcome.text, after.result.outcome.text
    yield f"{heading}: {old} -> {new}" if old != new else f"{heading}: {new}, other output"
    for name, was, now in (
        ("stdout", before.stdout, after.stdout),
        ("stderr", before.stderr, after.stderr),
    ):
        yield from _stream_diff(name, was.splitlines(), now.splitlines())


def _stream_diff(name: str, was: list[str], now: list[str]) -> Iterator[str]:
    if was == now:
        return
    if len(was) + len(now) > _MOST_LINES:
        yield f"  {name}: {len(was)} lines before, {len(now)} now"
        return
    mark = "" if name == "stdout" else "stderr "
    for line in difflib.unified_diff(was, now, lineterm="", n=1):
        if not line.startswith(("---", "+++")):
            yield f"  {mark}{line}"
