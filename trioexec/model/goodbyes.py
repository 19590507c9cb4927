"""The waits that no outer cancel reaches, and the way to end them all the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["Goodbyes"]


class Goodbyes:
    """The shielded waits now open: a cancel does not reach them, `cut` does."""

    def __init__(self) -> None:
        self._cuts: dict[object, Callable[[], None]] = {}
        self._is_cut = False

    @contextmanager
    def track(self, cut: Callable[[], None]) -> Iterator[None]:
        """Have `cut` called when time is up; at once if it is up already."""
        key = object()
        self._cuts[key] = cut
        try:
            if self._is_cut:
                cut()
            yield
        finally:
            del self._cuts[key]

    def cut(self) -> None:
        """End every goodbye that is open, and those that would still begin."""
        self._is_cut = True
        for cut in tuple(self._cuts.values()):
            cut()
