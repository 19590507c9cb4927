"""``@NAME``: the clusters and groups of the user's own settings."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from trioexec.settings.sources.base import ALL, Surroundings, unknown_group

__all__ = ["ConfigSource"]


class ConfigSource:
    """Answers from a mapping; an entry may refer to others."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._groups = surroundings.groups

    def nodes(self, group: str) -> Iterator[str]:
        """Yield the expressions of a group.

        Raises:
            UsageError: There is no such group.
        """
        if group == ALL:
            for expressions in self._groups.values():
                yield from expressions
        elif group in self._groups:
            yield from self._groups[group]
        else:
            raise unknown_group(f"@config:{group}", self._groups, prefix="@config:")

    def groups(self) -> Sequence[str]:
        """List the names."""
        return list(self._groups)
