"""``^FILE``: node expressions from a file, one or more a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from trioexec.model.errors import UsageError, why
from trioexec.settings.here import here
from trioexec.settings.sources.base import Surroundings
from trioexec.settings.sources.lines import MAX_BYTES, expressions_of, limited

__all__ = ["FileSource"]


class FileSource:
    """Reads a file each time it is asked, and only as far as it is listened to."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._home = surroundings.home

    def nodes(self, group: str) -> Iterator[str]:
        """Yield the expressions of the file named `group`; ``~/`` is the home directory.

        Raises:
            UsageError: It cannot be read.
        """
        path = self._home / group[2:] if group.startswith("~/") else Path(group)
        try:
            # utf-8-sig: editors on other systems put a mark in front.
            with path.open(encoding="utf-8-sig") as file:
                yield from expressions_of(limited(_lines(file), f"^{group}"))
        except (OSError, UnicodeDecodeError) as exc:
            raise UsageError(
                f"^{group}: cannot read this file of nodes: {why(exc)}.\n"
                f"Name a readable text file with node expressions; we are in "
                f"{here() or 'a folder that is gone'}."
            ) from exc

    def groups(self) -> list[str]:
        """List nothing: any file may be one."""
        return []


def _lines(file: TextIO) -> Iterator[str]:
    # A bound a read: /dev/zero is one line without an end.
    return iter(lambda: file.readline(MAX_BYTES + 1), "")
