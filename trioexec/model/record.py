"""A run as it is kept for later: its report, and the output of every node within bounds.

Pure.  The one reducer from events that JUnit, GitHub's summary, the HTML report and
the difference of two runs read.  What is too much is left out in the middle, as the
end of an output says most, and counted.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from typing import Final, Literal

from msgspec import Struct, field

from trioexec.model.events import Event, NodeOutput, RunFinished, RunStarted
from trioexec.model.likeness import fold_alike
from trioexec.model.nodes import Node
from trioexec.model.outcomes import (
    Cancelled,
    Exited,
    Killed,
    Outcome,
    StopReason,
    TimedOut,
)
from trioexec.model.report import NodeResult, Report
from trioexec.model.tally import Tally

__all__ = [
    "DISSENT",
    "URGENCY",
    "NodeRecord",
    "OutputGroup",
    "Recorder",
    "RunRecord",
    "Verdict",
    "plain",
    "plain_text",
    "verdict_of",
]

NODE_BYTES: Final = 64 * 1024
"""Kept of one stream of one node."""

TOTAL_BYTES: Final = 32 * 1024 * 1024
"""Kept of all streams together: what a report can still be looked at with."""

_LEAST_BYTES: Final = 512
"""Kept of a stream however many nodes there are."""

Verdict = Literal["ok", "failed", "error", "skipped"]
"""How a node is counted in reports: it did it; it ran and failed; it could not be run
or was stopped; it was never started."""

URGENCY: Final[tuple[Verdict, ...]] = ("failed", "error", "skipped", "ok")
"""What a reader has to see first."""

DISSENT: Final = "answered differently from most"
"""How a node ended that did what it was told, and said what others did not."""

_COLOURS: Final = r"\x1b\[[0-9;:]*m"
_CONTROLS: Final = (
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
)


def verdict_of(outcome: Outcome) -> Verdict:
    """Sort an outcome into one of the four drawers of a report."""
    match outcome:
        case _ if outcome.ok:
            return "ok"
        case Exited() | Killed() | TimedOut(phase="command" | "idle"):
            return "failed"
        case Cancelled(started=False):
            return "skipped"
        case _:
            return "error"


def plain(text: str) -> str:
    """Make any text fit for a document, as `plain_text` does."""
    return plain_text(text.encode("utf-8", "backslashreplace"))


def plain_text(data: bytes) -> str:
    """Make output fit for a document: colours go, other control characters become visible."""
    text = data.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    return re.sub(_CONTROLS, _escape, re.sub(_COLOURS, "", text))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004 - a byte


class _Kept:
    """The first and the last bytes of a stream."""

    __slots__ = ("_dropped_bytes", "_head", "_room", "_tail")

    def __init__(self, limit: int) -> None:
        self._head = bytearray()
        self._room = limit // 2
        self._tail = bytearray()
        self._dropped_bytes = 0

    def add(self, data: bytes) -> None:
        free = self._room - len(self._head)
        if free > 0:
            self._head += data[:free]
            data = data[free:]
        self._tail += data
        if len(self._tail) > 2 * self._room:  # not each time: what stays would be moved for a byte
            self._cut()

    def ends(self) -> tuple[bytes, int, bytes]:
        """What is kept of the beginning, how many bytes are missing, the end."""
        self._cut()
        return bytes(self._head), self._dropped_bytes, bytes(self._tail)

    def _cut(self) -> None:
        surplus = max(0, len(self._tail) - self._room)
        del self._tail[:surplus]
        self._dropped_bytes += surplus

    def text(self) -> str:
        head, missing, tail = self.ends()
        if not missing:
            return plain_text(head + tail)
        mark = f"\n[... {missing:,} bytes left out here ...]\n"
        return plain_text(head) + mark + plain_text(tail)


class NodeRecord(Struct, frozen=True, kw_only=True):
    """One node of a recorded run."""

    result: NodeResult
    stdout: str
    """Fit for any document; a bracketed line stands where something was left out."""

    stderr: str
    dissenting: bool = False
    """Whether it fails for its answer alone, which is not that of most."""

    @property
    def node(self) -> Node:
        """Which node."""
        return self.result.node

    @property
    def verdict(self) -> Verdict:
        """How it is counted."""
        verdict = verdict_of(self.result.outcome)
        return "failed" if self.dissenting and verdict == "ok" else verdict

    @property
    def text(self) -> str:
        """How it ended, in one line; nodes with the same text fold together."""
        outcome = self.result.outcome
        return DISSENT if self.dissenting and outcome.ok else outcome.text

    @property
    def busy_s(self) -> float:
        """From its slot to its end; 0 where it never had one."""
        took_s = self.result.finished_s - self.result.connecting_s
        return took_s if took_s > 0 else 0.0  # false for NaN as well


class OutputGroup(Struct, frozen=True, kw_only=True):
    """Nodes that ended the same way and said the same."""

    nodes: tuple[Node, ...]
    verdict: Verdict
    outcome: str
    stdout: str
    stderr: str


class RunRecord(Struct, frozen=True, kw_only=True):
    """A whole run."""

    report: Report
    nodes: tuple[NodeRecord, ...]
    """In node order."""

    exit_code: int
    stopped: StopReason | None

    def count(self, verdict: Verdict) -> int:
        """How many nodes are counted so."""
        return sum(node.verdict == verdict for node in self.nodes)

    def failures(self) -> dict[str, list[NodeRecord]]:
        """Fold the nodes that are not counted as ok by how they ended; see `fold_alike`."""
        found: dict[str, list[NodeRecord]] = {}
        for node in self.nodes:
            if node.verdict != "ok":
                found.setdefault(node.text, []).append(node)
        return fold_alike(found)

    def groups(self) -> list[OutputGroup]:
        """Fold equal nodes: what went wrong first, then the larger first."""
        return group_outputs(self.nodes)


def group_outputs(nodes: Iterable[NodeRecord]) -> list[OutputGroup]:
    """Fold nodes with equal outcome and output."""
    found: dict[tuple[str, str, str], list[NodeRecord]] = {}
    for node in nodes:
        key = (node.text, node.stdout, node.stderr)
        found.setdefault(key, []).append(node)
    groups = [
        OutputGroup(
            nodes=tuple(node.node for node in same),
            verdict=same[0].verdict,
            outcome=outcome,
            stdout=stdout,
            stderr=stderr,
        )
        for (outcome, stdout, stderr), same in found.items()
    ]
    groups.sort(key=lambda group: (URGENCY.index(group.verdict), -len(group.nodes)))
    return groups


class Recorder(Struct, kw_only=True):
    """Makes a `RunRecord` of events."""

    node_bytes: int = NODE_BYTES
    total_bytes: int = TOTAL_BYTES
    tally: Tally = field(default_factory=Tally)
    _kept: dict[tuple[str, str], _Kept] = field(default_factory=dict)
    _finished: RunFinished | None = None

    def handle(self, event: Event) -> None:
        """Take one event into account."""
        if isinstance(event, NodeOutput):
            self._keep(event)
            return
        self.tally.handle(event)
        if isinstance(event, RunStarted):
            share = self.total_bytes // (2 * max(1, len(event.nodes)))
            self.node_bytes = max(_LEAST_BYTES, min(self.node_bytes, share))
        elif isinstance(event, RunFinished):
            self._finished = event

    def record(self, dissenters: Collection[str] = ()) -> RunRecord:
        """Say what is known; the run should be over.

        Args:
            dissenters: Names of nodes that fail for their answer alone.
        """
        dissenting = frozenset(dissenters)
        end = self._finished or RunFinished(at_s=0.0, exit_code=0)
        report = self.tally.report(now_s=end.at_s)
        return RunRecord(
            report=report,
            nodes=tuple(
                NodeRecord(
                    result=row,
                    stdout=self._text(row.node.name, "stdout"),
                    stderr=self._text(row.node.name, "stderr"),
                    dissenting=row.node.name in dissenting,
                )
                for row in report
            ),
            exit_code=end.exit_code,
            stopped=end.stopped,
        )

    def _keep(self, event: NodeOutput) -> None:
        key = (event.node, event.stream)
        kept = self._kept.get(key)
        if kept is None:
            kept = self._kept[key] = _Kept(self.node_bytes)
        kept.add(event.data)

    def _text(self, node: str, stream: str) -> str:
        kept = self._kept.get((node, stream))
        return kept.text() if kept else ""
