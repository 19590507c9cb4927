"""A run as OpenTelemetry spans: run > node > phase.  Needs ``trioexec[otel]``.

Spans get the run's own times, not those of the calls here.  Where they go is the
business of whoever has set up the tracer provider; no output is recorded.
"""

from __future__ import annotations

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.trace import Span, Status, StatusCode, Tracer

from trioexec.model.events import (
    Event,
    NodeConnecting,
    NodeFinished,
    NodeQueued,
    NodeStarted,
    RunFinished,
    RunStarted,
)

__all__ = ["OtelSink"]


class OtelSink:
    """Makes spans of one run's events; a fleet makes one a command: `watch=[OtelSink]`."""

    def __init__(self, tracer: Tracer | None = None, *, context: Context | None = None) -> None:
        """Prepare.

        Args:
            tracer: By default the provider's that is set for the program.
            context: Of the span that the run is part of; by default that of whoever runs it.
        """
        self._tracer = tracer or trace.get_tracer("trioexec")
        self._context = context
        self._run: Span | None = None
        self._nodes: dict[str, Span] = {}
        self._phases: dict[str, Span] = {}
        self._zero_ns = 0

    def __call__(self, event: Event) -> None:
        """Take one event."""
        self.handle(event)

    def handle(self, event: Event) -> None:
        """Take one event."""
        at_ns = self._zero_ns + int(event.at_s * 1e9)
        match event:
            case RunStarted():
                self._begin(event)
            case NodeQueued():
                self._open_node(event.node, at_ns)
                self._enter(event.node, "queue", at_ns)
            case NodeConnecting():
                self._enter(event.node, "connect", at_ns)
            case NodeStarted():
                self._enter(event.node, "command", at_ns)
            case NodeFinished():
                self._finish(event, at_ns)
            case RunFinished() if self._run is not None:
                self._run.set_attribute("trioexec.exit_code", event.exit_code)
                if event.stopped is not None:
                    self._run.set_attribute("trioexec.stopped", event.stopped)
                if event.exit_code:
                    self._run.set_status(Status(StatusCode.ERROR, f"exit {event.exit_code}"))
                self._run.end(at_ns)
                self._run = None

    async def serve(self) -> None:
        """Nothing takes time here: the provider's processor exports."""

    def _begin(self, event: RunStarted) -> None:
        self._zero_ns = int(event.unix_s * 1e9)
        # In the context of the caller: under its span, where there is one.
        self._run = self._tracer.start_span(
            "trioexec run",
            context=self._context,
            start_time=self._zero_ns,
            attributes={"trioexec.command": event.command, "trioexec.nodes": len(event.nodes)},
        )

    def _open_node(self, node: str, at_ns: int) -> None:
        assert self._run is not None
        self._nodes[node] = self._tracer.start_span(
            "trioexec node",
            context=trace.set_span_in_context(self._run),
            start_time=at_ns,
            attributes={"trioexec.node": node},
        )

    def _enter(self, node: str, phase: str, at_ns: int) -> None:
        self._leave(node, at_ns)
        self._phases[node] = self._tracer.start_span(
            phase, context=trace.set_span_in_context(self._nodes[node]), start_time=at_ns
        )

    def _leave(self, node: str, at_ns: int) -> None:
        phase = self._phases.pop(node, None)
        if phase is not None:
            phase.end(at_ns)

    def _finish(self, event: NodeFinished, at_ns: int) -> None:
        self._leave(event.node, at_ns)
        span = self._nodes.pop(event.node)
        outcome = event.outcome
        span.set_attribute("trioexec.outcome", type(outcome).__name__)
        span.set_attribute("trioexec.exit_code", outcome.exit_code)
        if not outcome.ok:
            span.set_status(Status(StatusCode.ERROR, outcome.text))
        span.end(at_ns)
