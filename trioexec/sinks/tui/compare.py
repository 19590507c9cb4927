"""How what one node says differs from what another says, in lines that can be shown."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from msgspec import Struct

from trioexec.sinks.diffs import diff_lines
from trioexec.sinks.masks import Mask, make_masker
from trioexec.sinks.tui.board import Row
from trioexec.sinks.visible import visible

__all__ = ["Comparison", "compare"]

MOST_BYTES: Final = 4 * 1024 * 1024
"""More than that of one node would all have to be in memory."""


class Comparison(Struct, frozen=True):
    """The lines of a unified diff: each begins with ``+``, ``-``, ``@``, a blank, or is a note."""

    lines: list[str]
    added: int = 0
    removed: int = 0


def compare(before: Row, after: Row, masks: Sequence[Mask] = ()) -> Comparison:
    """Compare both streams and how the commands ended.

    Args:
        before: The one, or who speaks for the majority.
        after: The other.
        masks: What is no difference.
    """
    lines: list[str] = []
    if before.status != after.status:
        lines += [f"-({before.status})", f"+({after.status})"]
    if max(before.said.size_bytes, after.said.size_bytes) > MOST_BYTES:
        return Comparison([*lines, f"# more than {MOST_BYTES // 2**20} MiB: too much for a diff"])
    makers = (make_masker(masks, before.node), make_masker(masks, after.node))
    for stream in ("stdout", "stderr"):
        found = diff_lines(before.said.lines(stream), after.said.lines(stream), masks=makers)
        if found is None:
            lines.append(f"# too much of {stream} differs for a diff")
        elif found:
            lines.append(f"# {stream}")
            lines += [visible(line).decode("utf-8", "backslashreplace") for line in found]
    return Comparison(
        lines or ["# no difference"],
        added=sum(line.startswith("+") for line in lines),
        removed=sum(line.startswith("-") for line in lines),
    )
