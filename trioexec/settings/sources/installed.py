"""A source that somebody else has written: what goes wrong in it is said to be its package's."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from trioexec.model.errors import TrioexecError, UsageError
from trioexec.settings.sources.base import MakeSource, NodeSource, Surroundings

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["InstalledSource"]


class InstalledSource:
    """Asks the source that an entry point names."""

    def __init__(self, point: EntryPoint, surroundings: Surroundings) -> None:
        """Load and make it.

        Raises:
            UsageError: That fails.
        """
        self._name = point.name
        self._package = point.dist.name if point.dist else point.value
        with self._blamed(f"@{point.name}", "cannot be loaded"):
            make: MakeSource = point.load()
            self._source: NodeSource = make(surroundings)

    def nodes(self, group: str) -> Iterator[str]:
        """Yield what it names.

        Raises:
            UsageError: It says so itself, or it fails.
        """
        reference = f"@{self._name}:{group}" if group else f"@{self._name}"
        with self._blamed(reference, "failed"):
            answer = self._source.nodes(group)
            # One text alone is the slip that is made most; nobody means its letters.
            for text in [answer] if isinstance(answer, str) else answer:
                if not isinstance(text, str):
                    raise TypeError(f"{text!r} is no text")
                yield text

    def groups(self) -> list[str]:
        """List its groups.

        Raises:
            UsageError: It says so itself, or it fails.
        """
        with self._blamed(f"@{self._name}", "failed"):
            return [str(name) for name in self._source.groups()]

    @contextmanager
    def _blamed(self, reference: str, what: str) -> Iterator[None]:
        try:
            yield
        except TrioexecError:
            raise
        except Exception as exc:
            import traceback  # noqa: PLC0415 - 3 ms that every command would pay

            place = traceback.extract_tb(exc.__traceback__)[-1]
            raise UsageError(
                f"{reference}: the node source of {self._package} {what}:"
                f" {type(exc).__name__}: {exc} ({place.filename}:{place.lineno}).\n"
                f"Mend or remove the package {self._package}."
            ) from exc
