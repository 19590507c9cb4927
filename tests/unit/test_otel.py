from __future__ import annotations

from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode
from trio.testing import MockClock

from trioexec.api import open_fleet
from trioexec.model.outcomes import Unreachable
from trioexec.sinks.otel import OtelSink
from trioexec.testing.fakes import FakeNode, FakeTransport


async def test_a_run_is_a_tree_of_spans_with_the_runs_own_times(
    autojump_clock: MockClock,
) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    fakes = {
        "a": FakeNode(connect_s=1, auth_s=1, takes_s=5),
        "b": FakeNode(connect_s=1, fails=Unreachable(reason="gone")),
    }

    async with open_fleet(
        "a,b", parallel=1, transport=FakeTransport(fakes), watch=[lambda: OtelSink(tracer)]
    ) as fleet:
        await fleet.run("do")

    spans = exporter.get_finished_spans()
    nodes = {_of(span, "trioexec.node"): span for span in spans if span.name == "trioexec node"}
    (run,) = [span for span in spans if span.name == "trioexec run"]
    phases = {
        (_name_of_parent(span, nodes), span.name): _seconds(span)
        for span in spans
        if span.name in {"queue", "connect", "command"}
    }
    assert phases == {
        ("a", "queue"): 0,
        ("a", "connect"): 2,
        ("a", "command"): 5,
        ("b", "queue"): 7,
        ("b", "connect"): 1,
    }
    assert _seconds(run) == 8
    assert all(span.parent is not None for span in nodes.values())
    assert all(span.parent.span_id == run.context.span_id for span in nodes.values())  # type: ignore[union-attr]
    assert nodes["b"].status.status_code is StatusCode.ERROR
    assert nodes["b"].status.description == "unreachable: gone"
    assert _of(nodes["a"], "trioexec.exit_code") == 0
    assert run.status.status_code is StatusCode.ERROR


async def test_a_stopped_run_says_why(autojump_clock: MockClock) -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    tracer = provider.get_tracer("test")
    fakes = {"bad": FakeNode(code=3), "slow": FakeNode(takes_s=100)}

    async with open_fleet(
        "bad,slow", fail_fast=True, transport=FakeTransport(fakes), watch=[lambda: OtelSink(tracer)]
    ) as fleet:
        await fleet.run("do")

    (run,) = [span for span in exporter.get_finished_spans() if span.name == "trioexec run"]
    assert _of(run, "trioexec.stopped") == "fail-fast"


def _of(span: ReadableSpan, name: str) -> object:
    assert span.attributes is not None
    return span.attributes.get(name)


def _seconds(span: ReadableSpan) -> int:
    assert span.start_time is not None
    assert span.end_time is not None
    return round((span.end_time - span.start_time) / 1e9)


def _name_of_parent(span: ReadableSpan, nodes: dict[object, ReadableSpan]) -> object:
    assert span.parent is not None
    return next(n for n, each in nodes.items() if each.context.span_id == span.parent.span_id)
