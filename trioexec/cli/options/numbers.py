"""Numbers that options of several modules share."""

from __future__ import annotations

__all__ = ["MAX_DESCRIPTOR", "UNSET"]

MAX_DESCRIPTOR = 1_000_000

UNSET = -1
"""A number that nobody gave: what the configuration says then counts."""
