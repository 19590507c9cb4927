from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Event, Thread

import pytest
import trio
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.sdk.trace import TracerProvider

from tests.unit.sink_fakes import run_of
from trioexec.cli.commands.run import plan_for
from trioexec.cli.reading import read
from trioexec.cli.registry import load
from trioexec.model.errors import UsageError
from trioexec.model.events import Event as RunEvent
from trioexec.sinks.otel_export import Exporting, OtelExportSink, open_exporting

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.fixture(autouse=True)
def _without_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_TRACES_EXPORTER", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES"):
        monkeypatch.delenv(name, raising=False)


async def export(exporting: Exporting, events: list[RunEvent]) -> list[str]:
    said: list[str] = []
    sink = OtelExportSink(exporting, say=said.append)
    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sink.serve)
            for event in events:
                sink.handle(event)
    return said


async def test_the_console_exporter_says_a_span_a_line_once_the_run_is_over() -> None:
    exporting = open_exporting({"OTEL_TRACES_EXPORTER": "console"})

    said = await export(exporting, run_of(("a", [], 0), ("b", [], 3)))

    spans = [json.loads(line) for line in said]
    assert [span["name"] for span in spans].count("trioexec node") == 2
    assert spans[-1]["name"] == "trioexec run"
    assert spans[-1]["resource"]["attributes"]["service.name"] == "trioexec"
    assert spans[-1]["parent_id"] is None


async def test_a_run_is_part_of_the_span_that_the_environment_names() -> None:
    parent = f"00-{TRACE}-00f067aa0ba902b7-01"
    exporting = open_exporting({"OTEL_TRACES_EXPORTER": "console", "TRACEPARENT": parent})

    said = await export(exporting, run_of(("a", [], 0)))

    run = json.loads(said[-1])
    assert run["context"]["trace_id"] == f"0x{TRACE}"
    assert run["parent_id"] == "0x00f067aa0ba902b7"


def test_a_service_name_of_the_environment_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SERVICE_NAME", "deploy")

    exporting = open_exporting({"OTEL_TRACES_EXPORTER": "none"})

    assert exporting.provider.resource.attributes["service.name"] == "deploy"


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """An OTLP collector on loopback; what it was sent, span by span."""
    names: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = ExportTraceServiceRequest.FromString(body)
            for resource in request.resource_spans:
                for scope in resource.scope_spans:
                    names.extend(span.name for span in scope.spans)
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        yield names
        server.shutdown()
        thread.join()


async def test_without_a_word_spans_go_to_the_collector_by_otlp(collector: list[str]) -> None:
    said = await export(open_exporting({}), run_of(("a", [], 0)))

    assert said == []
    assert sorted(collector) == ["command", "connect", "queue", "trioexec node", "trioexec run"]


released = Event()


class Stuck(TracerProvider):
    def shutdown(self) -> None:
        released.wait()


async def test_a_collector_that_does_not_answer_holds_nobody_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    released.clear()
    monkeypatch.setattr("trioexec.sinks.otel_export.FLUSH_S", 0.05)
    first = open_exporting({"OTEL_TRACES_EXPORTER": "none"})
    stuck = Exporting(
        provider=Stuck(shutdown_on_exit=False),
        context=first.context,
        shown=first.shown,
        complaints=first.complaints,
    )

    said = await export(stuck, run_of(("a", [], 0)))

    released.set()
    assert len(said) == 1
    assert "spans were not taken within" in said[0]


async def test_what_the_sdk_complains_of_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    exporting = open_exporting({"OTEL_TRACES_EXPORTER": "none"})
    for number in range(3):
        logging.getLogger("opentelemetry.sdk").warning("refused %s", number)

    said = await export(exporting, run_of(("a", [], 0)))
    logging.getLogger("opentelemetry.sdk").warning("later")

    assert said == ["trioexec: spans may be lost: refused 2"]
    assert exporting.complaints.count == 3


@pytest.mark.parametrize(
    ("env", "says"),
    [
        pytest.param({"OTEL_TRACES_EXPORTER": "carrier-pigeon"}, "takes console, ", id="unknown"),
        pytest.param(
            {"OTEL_TRACES_EXPORTER": "otlp_proto_grpc"},
            "pip install opentelemetry-exporter-otlp-proto-grpc",
            id="not installed",
        ),
        pytest.param(
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "http/json"}, "http/protobuf or grpc", id="protocol"
        ),
    ],
)
def test_an_exporter_that_is_not_there_is_a_usage_error(env: dict[str, str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        open_exporting(env)

    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


def test_a_variable_that_makes_no_sense_is_a_usage_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "-1")

    with pytest.raises(UsageError, match="--otel: max_queue_size must be a positive integer"):
        open_exporting({"OTEL_TRACES_EXPORTER": "console"})


def test_without_the_sdk_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trioexec.sinks.otel_export", None)
    call = read(load("run"), ["--transport", "local", "-H", "a", "--otel", "true"], {})

    with pytest.raises(UsageError, match=r"pip install 'trioexec\[otel\]'"):
        plan_for(call)
