"""A run on fake nodes, and what came of it; for the engine's tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import trio

from trioexec.engine.jobs import CommandJob, Job
from trioexec.engine.run import Run
from trioexec.model.command import Command, Limits
from trioexec.model.events import (
    Event,
    NodeConnecting,
    NodeFinished,
    NodeOutput,
    NodeStarted,
    RunFinished,
)
from trioexec.model.flow import Flow
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Outcome
from trioexec.model.report import Report
from trioexec.testing.fakes import FakeNode, FakeTransport

__all__ = ["CODE", "HOUR", "Rig", "make_nodes", "names"]

CODE = 42
"""What the rig's runs exit with: the engine passes it on and knows nothing of it."""


HOUR = 3600.0


def names(count: int) -> list[str]:
    return [f"n{i}" for i in range(count)]


def make_nodes(names: Mapping[str, object]) -> list[Node]:
    return [Node(name=name, host=name, rank=rank) for rank, name in enumerate(names)]


@dataclass
class Rig:
    """Make it with fakes by name, `await execute()`, look at the rest."""

    fakes: Mapping[str, FakeNode]
    limits: Limits = field(default_factory=Limits)
    job: Job = field(default_factory=lambda: CommandJob(command=Command(text="do")))
    extra_nodes: tuple[str, ...] = ()
    """Nodes of the run that the transport does not know."""

    def __post_init__(self) -> None:
        self.events: list[Event] = []
        self.flow = Flow()
        self.decided: list[tuple[Report, object, object]] = []
        self.run = Run(
            make_nodes({**self.fakes, **dict.fromkeys(self.extra_nodes)}),
            self.job,
            FakeTransport(self.fakes),
            limits=self.limits,
            flow=self.flow,
            emit=self._emit,
            decide=self._decide,
        )

    def _emit(self, event: Event) -> None:
        self.events.append(event)

    def _decide(self, report: Report, stopped: object, stopped_by: object) -> int:
        self.decided.append((report, stopped, stopped_by))
        return CODE

    async def execute(self) -> Report:
        return await self.run.execute()

    async def stop_at(self, at_s: float, stop: Callable[[], None]) -> None:
        """Call something at a time on the run's clock; start it in a nursery."""
        await trio.sleep(at_s)
        stop()

    @property
    def outcomes(self) -> dict[str, Outcome]:
        return {e.node: e.outcome for e in self.events if isinstance(e, NodeFinished)}

    @property
    def finished_s(self) -> dict[str, float]:
        return {e.node: e.at_s for e in self.events if isinstance(e, NodeFinished)}

    @property
    def connected(self) -> list[str]:
        return [e.node for e in self.events if isinstance(e, NodeConnecting)]

    @property
    def started(self) -> list[str]:
        return [e.node for e in self.events if isinstance(e, NodeStarted)]

    @property
    def said(self) -> dict[str, bytes]:
        said: dict[str, bytes] = {}
        for event in self.events:
            if isinstance(event, NodeOutput):
                said[event.node] = said.get(event.node, b"") + event.data
        return said

    @property
    def end(self) -> RunFinished:
        last = self.events[-1]
        assert isinstance(last, RunFinished)
        return last
