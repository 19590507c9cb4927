"""What the texts of options may be, for shells that complete them."""

from __future__ import annotations

import sys

__all__ = ["group_names"]


def group_names(_context: object) -> list[str]:
    """List for node expressions the groups and group sources of this machine."""
    from trioexec.settings.sources import open_sources  # noqa: PLC0415 - slow to import

    sources = open_sources(stdin=sys.stdin)
    return [f"@{name}" for name in (*sources.names(), *sources.groups(""))]
