"""The screens beside the first one: a node, several, a difference, help, the log."""

from __future__ import annotations

__all__: list[str] = []
