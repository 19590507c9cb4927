"""The nodes of a run as rows: where each stands, how they are sorted and found.  No terminal.

The widgets look at it when they draw; nothing here calls them.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import IntEnum
from typing import Any, Final

from msgspec import Struct, field

from trioexec.model.events import (
    Event,
    NodeConnecting,
    NodeFinished,
    NodeOutput,
    NodeQueued,
    NodeStarted,
    RunFinished,
    RunStarted,
)
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Cancelled, Exited, Outcome, StopReason
from trioexec.sinks.spool import Spool
from trioexec.sinks.tui.transcript import Transcript
from trioexec.sinks.visible import visible_line

__all__ = ["SORTS", "Answer", "Board", "Row", "State"]

MEMORY_BYTES: Final = 32 * 1024 * 1024
"""What all transcripts together may hold in whole blocks; beyond, they go to disk."""


class State(IntEnum):
    """Where a node stands; the order is that of what wants to be looked at first."""

    FAILED = 0
    RUNNING = 1
    CONNECTING = 2
    QUEUED = 3
    STOPPED = 4
    OK = 5


class Answer(Struct, eq=False):
    """What finished nodes have said alike, byte for byte, with one outcome."""

    number: int = -1
    """Which it was of those that a second node has said; -1 while one alone has."""

    rows: list[Row] = field(default_factory=list)

    @property
    def letter(self) -> str:
        """A, B, ... Z, AA: in the order in which they were said a second time."""
        text, number = "", self.number
        while number >= 0:
            text = chr(ord("A") + number % 26) + text
            number = number // 26 - 1
        return text


class Row(Struct, eq=False):
    """One node."""

    node: Node
    name: str
    """Fit for a terminal."""

    said: Transcript
    state: State = State.QUEUED
    outcome: Outcome | None = None
    connecting_s: float = math.nan
    finished_s: float = math.nan
    answer: Answer | None = None
    version: int = 0
    """Counts up with every change."""

    @property
    def status(self) -> str:
        """The state in words."""
        if self.outcome is None:
            return self.state.name.lower()
        return "ok" if self.outcome.ok else visible_line(self.outcome.text).decode()

    @property
    def code(self) -> int:
        """The exit code; -1 where there is none yet."""
        return -1 if self.outcome is None else self.outcome.exit_code

    def took_s(self, now_s: float) -> float:
        """For how long it has had a slot; NaN where it has had none."""
        end_s = now_s if math.isnan(self.finished_s) else self.finished_s
        return end_s - self.connecting_s

    def matches(self, terms: list[str]) -> bool:
        """Whether each term is in the name or the state; with ``!``, whether it is not."""
        text = f"{self.name} {self.status} {self.state.name}".casefold()
        return all(
            (term[1:] not in text) if term.startswith("!") and len(term) > 1 else term in text
            for term in terms
        )


def _by_time(row: Row) -> tuple[bool, float, int]:
    took_s = row.took_s(math.inf)  # who still runs has no end: longest, in order of start
    if math.isinf(took_s):
        return (False, row.connecting_s - 1e12, row.node.rank)
    return (math.isnan(took_s), 0.0 if math.isnan(took_s) else -took_s, row.node.rank)


def _by_answer(row: Row) -> tuple[float, int, int]:
    """What fewest say comes first."""
    if row.answer is None:
        return (math.inf, 0, row.node.rank)
    return (len(row.answer.rows), row.answer.number, row.node.rank)


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """``web2`` before ``web10``."""
    parts: list[str] = [""]
    for char in name.casefold():
        if char.isdecimal() != parts[-1].isdecimal():
            parts.append("")
        parts[-1] += char
    return [
        (part.isdecimal(), int(part) if part.isdecimal() else 0, "" if part.isdecimal() else part)
        for part in parts
    ]


SORTS: Final[dict[str, Callable[[Row], Any]]] = {
    "typed": lambda row: row.node.rank,
    "state": lambda row: (row.state, row.node.rank),
    "time": _by_time,
    "exit code": lambda row: (-row.code, row.node.rank),
    "name": lambda row: (_natural(row.name), row.node.rank),
    "answer": _by_answer,
}
"""What rows can be sorted by, in the order in which a key goes through them."""


class Board:
    """All rows; feed it every event."""

    def __init__(self, *, on_spool_error: Callable[[OSError], None] = lambda _: None) -> None:
        """Prepare; `on_spool_error` is told once if output has to stay in memory."""
        self.rows: list[Row] = []
        self.by_name: dict[str, Row] = {}
        self.command: str = ""
        self.changes: int = 0
        """Counts changes of state: a sorted table is out of date when it has moved."""
        self.ended_s: float = math.nan
        self.exit_code: int | None = None
        self.stopped: StopReason | None = None
        self.answers: dict[tuple[Outcome, bytes], Answer] = {}
        self._shared = 0
        self._spool = Spool(memory_bytes=MEMORY_BYTES, on_error=on_spool_error)

    @property
    def over(self) -> bool:
        """Whether every node has finished."""
        return self.exit_code is not None

    def handle(self, event: Event) -> None:
        """Take one event."""
        match event:
            case NodeOutput():
                row = self.by_name[event.node]
                row.said.append(event.stream, event.data)
                row.version += 1
            case RunStarted():
                self._start(event)
            case NodeQueued():
                pass
            case NodeConnecting():
                row = self._change(event.node, State.CONNECTING)
                row.connecting_s = event.at_s
            case NodeStarted():
                self._change(event.node, State.RUNNING)
            case NodeFinished():
                self._finish(event)
            case RunFinished():
                self.ended_s = event.at_s
                self.stopped = event.stopped
                self.exit_code = event.exit_code
                self.changes += 1

    def select(self, *, terms: str, sort: str, backwards: bool) -> list[Row]:
        """Give the rows that match, sorted."""
        wanted = terms.casefold().split()
        rows = [row for row in self.rows if row.matches(wanted)] if wanted else list(self.rows)
        rows.sort(key=SORTS[sort], reverse=backwards)
        return rows

    def majority(self) -> Answer | None:
        """What most say, of those whose command ran to its end; None before anyone has."""
        answers = [
            answer for answer in self.answers.values() if isinstance(answer.rows[0].outcome, Exited)
        ]
        return max(
            answers,
            key=lambda answer: (len(answer.rows), -min(row.node.rank for row in answer.rows)),
            default=None,
        )

    def _start(self, event: RunStarted) -> None:
        self.command = event.command
        self.rows = [
            Row(node, visible_line(node.name).decode(), Transcript(self._spool))
            for node in event.nodes
        ]
        self.by_name = {row.node.name: row for row in self.rows}
        self.changes += 1

    def _change(self, name: str, state: State) -> Row:
        row = self.by_name[name]
        row.state = state
        row.version += 1
        self.changes += 1
        return row

    def _finish(self, event: NodeFinished) -> None:
        state = State.OK if event.outcome.ok else State.FAILED
        if isinstance(event.outcome, Cancelled):
            state = State.STOPPED
        row = self._change(event.node, state)
        row.outcome = event.outcome
        row.finished_s = event.at_s
        row.said.end()
        answer = self.answers.setdefault((event.outcome, row.said.digest), Answer())
        answer.rows.append(row)
        if len(answer.rows) == 2:  # noqa: PLR2004 - no more alone
            answer.number = self._shared
            self._shared += 1
        row.answer = answer
