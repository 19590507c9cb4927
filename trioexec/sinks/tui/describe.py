"""A node in one line, for the head of what it has said."""

from __future__ import annotations

import math

from trioexec.sinks.summary import format_age, format_duration
from trioexec.sinks.tui.board import Row
from trioexec.sinks.tui.widgets.table import GLYPHS

__all__ = ["describe"]


def describe(row: Row, now_s: float) -> str:
    """Say how the node stands."""
    parts = [f"{GLYPHS[row.state]} {row.name}", row.status]
    took_s = row.took_s(now_s)
    if not math.isnan(took_s):
        parts.append(format_age(took_s) if row.outcome is None else format_duration(took_s))
    lines = len(row.said)
    parts.append(f"{lines:,} line{'s' * (lines != 1)}, {_size(row.said.size_bytes)}")
    if row.answer is not None:
        others = len(row.answer.rows) - 1
        alike = f"answer {row.answer.letter}, as {others:,} other{'s' * (others != 1)}"
        parts.append(alike if others else "a unique answer")
    return "   ".join(parts)


def _size(count: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if count < 1024:  # noqa: PLR2004
            return f"{count:.0f} {unit}"
        count /= 1024
    return f"{count:.1f} GiB"
