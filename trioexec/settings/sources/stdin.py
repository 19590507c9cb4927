"""``-``: node expressions from standard input, which can be read once and is then remembered."""

from __future__ import annotations

from collections.abc import Iterator

from trioexec.model.errors import UsageError, why
from trioexec.settings.sources.base import Surroundings
from trioexec.settings.sources.lines import MAX_BYTES, expressions_of, limited

__all__ = ["StdinSource"]


class StdinSource:
    """Reads to the end the first time it is asked."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._stdin = surroundings.stdin
        self._read: list[str] = []
        self._done = False

    def nodes(self, group: str) -> Iterator[str]:  # noqa: ARG002  (there is only one)
        """Yield what stdin says; later calls yield the same.

        Raises:
            UsageError: There is no stdin to read, or it is no text.
        """
        yield from self._read
        if self._done:
            return
        stdin = self._stdin
        if stdin is None:
            raise UsageError("-: there is no standard input to read nodes from.\nName the nodes.")
        try:
            lines = iter(lambda: stdin.readline(MAX_BYTES + 1), "")
            for text in expressions_of(limited(lines, "-")):
                self._read.append(text)
                yield text
        except (OSError, UnicodeDecodeError) as exc:
            raise UsageError(
                f"-: cannot read nodes from standard input: {why(exc)}.\n"
                "Pipe in text with node expressions, as in `trioexec nodes - < nodes.txt`."
            ) from exc
        self._done = True

    def groups(self) -> list[str]:
        """List nothing."""
        return []
