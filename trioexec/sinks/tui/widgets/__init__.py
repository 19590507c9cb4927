"""What draws: a table of nodes, a text, a line of numbers."""

from __future__ import annotations

__all__: list[str] = []
