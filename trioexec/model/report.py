"""What a run came to: all outcomes in node order, counts and durations."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from msgspec import Struct

from trioexec.model.failures import error_for
from trioexec.model.likeness import fold_alike
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Cancelled, Outcome

__all__ = ["NodeResult", "Report"]


class NodeResult(Struct, frozen=True, kw_only=True):
    """One node's row."""

    node: Node
    """The node, its place in the run included."""

    outcome: Outcome
    """How it ended."""

    connecting_s: float
    """Seconds on the run's clock, as are the others; NaN where it did not happen."""

    started_s: float
    """When the command was started on the node."""

    finished_s: float
    """When the node was done, or given up."""

    stdout: bytes = b""
    """What the node sent, where the run kept it (`Fleet.run` does); else empty."""

    stderr: bytes = b""
    """As `stdout`."""

    @property
    def ok(self) -> bool:
        """Whether the node did what was asked."""
        return self.outcome.ok


class Report(Struct, frozen=True, kw_only=True, dict=True):
    """The result of a run; iterates over its rows in node order.

    Example:
        What failed, and how::

            async with open_fleet("web[1-3]") as fleet:
                report = await fleet.run("test $HOSTNAME != web2 || exit 4")
            assert [node.name for node in report.failed] == ["web2"]
            assert list(report.by_text()) == ["exit 4"]
            try:
                report.raise_for_failures()
            except ExceptionGroup as failures:
                print(failures.exceptions)
    """

    command: str
    """The command's text; empty where the run was none."""

    results: tuple[NodeResult, ...]
    """A row a node, in the order of their ranks."""

    took_s: float
    """Seconds from the run's start to its end."""

    unix_s: float
    """Wall clock at the start, seconds since 1970."""

    def __iter__(self) -> Iterator[NodeResult]:
        return iter(self.results)

    def __len__(self) -> int:
        return len(self.results)

    @property
    def ok(self) -> bool:
        """Whether every node did what was asked."""
        return all(row.ok for row in self.results)

    @property
    def succeeded(self) -> tuple[Node, ...]:
        """Nodes that did what was asked."""
        return tuple(row.node for row in self.results if row.ok)

    @property
    def failed(self) -> tuple[Node, ...]:
        """Nodes that did not, for whatever reason, those never started included."""
        return tuple(row.node for row in self.results if not row.ok)

    @property
    def not_started(self) -> tuple[Node, ...]:
        """Nodes whose command was never started because the run was stopped."""
        return tuple(
            row.node
            for row in self.results
            if isinstance(row.outcome, Cancelled) and not row.outcome.started
        )

    def __getitem__(self, name: str) -> NodeResult:
        """Give the row of the node of that name.

        Args:
            name: As in `Node.name`: with user and port, where they were typed.

        Raises:
            KeyError: There is none.
        """
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, NodeResult]:
        """The rows by name: there are programs that ask in a loop over ten thousand nodes."""
        return {row.node.name: row for row in self.results}

    def raise_for_failures(self) -> None:
        """Raise what went wrong; return when every node did what was asked.

        Raises:
            ExceptionGroup: Of `model.failures.NodeError`, one for each failed node.
        """
        errors = [error_for(row.node, row.outcome) for row in self.results if not row.ok]
        if errors:
            raise ExceptionGroup(f"{len(errors)} of {len(self.results)} nodes failed", errors)

    def by_text(self) -> dict[str, list[Node]]:
        """Failed nodes under the line that says how, in the order of first appearance.

        What a stop cut off comes last: why it was stopped is what people look for.
        Where many failed in one way with a reason each, and of host keys always, lines
        that differ in single words only are one, which has ``...`` for those words; of
        other reasons the commonest are told, and a line says how many more there were.
        """
        kinds: dict[str, list[Node]] = {}
        cut_off: dict[str, list[Node]] = {}
        for row in self.results:
            if isinstance(row.outcome, Cancelled):
                cut_off.setdefault(row.outcome.text, []).append(row.node)
            elif not row.ok:
                kinds.setdefault(row.outcome.text, []).append(row.node)
        return fold_alike(kinds) | cut_off
