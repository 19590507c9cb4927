"""Where each node of a run stands, kept up to date from the events.

The one reducer that Ctrl-C's status, the progress display and the report read.
"""

from __future__ import annotations

import math

from msgspec import Struct, field

from trioexec.model.events import (
    Event,
    NodeConnecting,
    NodeFinished,
    NodeQueued,
    NodeStarted,
    RunFinished,
    RunStarted,
)
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Outcome
from trioexec.model.report import NodeResult, Report

__all__ = ["Tally"]


class _Times(Struct):
    connecting_s: float = math.nan
    started_s: float = math.nan
    finished_s: float = math.nan


class Tally(Struct):
    """Counts and sets over a run; feed it every event."""

    nodes: tuple[Node, ...] = ()
    queued: dict[str, None] = field(default_factory=dict)
    running: dict[str, float] = field(default_factory=dict)
    """Node name to when its slot was taken: connecting counts as running."""

    outcomes: dict[str, Outcome] = field(default_factory=dict)
    succeeded: int = 0
    failed: int = 0
    _times: dict[str, _Times] = field(default_factory=dict)
    _unix_s: float = 0.0
    _command: str = ""
    _ended_s: float = math.nan

    @property
    def completed(self) -> int:
        """Nodes that have an outcome."""
        return self.succeeded + self.failed

    def is_connecting(self, name: str) -> bool:
        """Whether a running node's command has not been started yet."""
        return math.isnan(self._times[name].started_s)

    def handle(self, event: Event) -> None:
        """Take one event into account; output changes nothing."""
        match event:
            case RunStarted():
                self.nodes = event.nodes
                self._unix_s, self._command = event.unix_s, event.command
            case NodeQueued():
                self.queued[event.node] = None
            case NodeConnecting():
                self.queued.pop(event.node, None)
                self.running[event.node] = event.at_s
                self._times[event.node] = _Times(connecting_s=event.at_s)
            case NodeStarted():
                self._times[event.node].started_s = event.at_s
            case NodeFinished():
                self._finish(event)
            case RunFinished():
                self._ended_s = event.at_s

    def report(self, *, now_s: float) -> Report:
        """All outcomes so far, in node order; a node without one is left out."""
        rows = []
        for node in self.nodes:
            outcome = self.outcomes.get(node.name)
            if outcome is None:
                continue
            times = self._times[node.name]
            rows.append(
                NodeResult(
                    node=node,
                    outcome=outcome,
                    connecting_s=times.connecting_s,
                    started_s=times.started_s,
                    finished_s=times.finished_s,
                )
            )
        took_s = now_s if math.isnan(self._ended_s) else self._ended_s
        return Report(
            command=self._command, results=tuple(rows), took_s=took_s, unix_s=self._unix_s
        )

    def _finish(self, event: NodeFinished) -> None:
        self.queued.pop(event.node, None)
        self.running.pop(event.node, None)
        self.outcomes[event.node] = event.outcome
        self._times.setdefault(event.node, _Times()).finished_s = event.at_s
        if event.outcome.ok:
            self.succeeded += 1
        else:
            self.failed += 1
