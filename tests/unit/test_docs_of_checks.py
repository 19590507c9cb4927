"""The tables of the pages on checks and on logs and traces say what the code does."""

from __future__ import annotations

import json
import re
from pathlib import Path

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from tests.unit.sink_fakes import run_of
from trioexec.settings.check_file import KEYS, parse_checks
from trioexec.sinks.logfile import LogSink, open_log
from trioexec.sinks.otel import OtelSink

HOWTO = Path(__file__).parents[2] / "docs/howto"
CHECKS = (HOWTO / "checks.md").read_text()
OBSERVABILITY = (HOWTO / "observability.md").read_text()
RUN = run_of(("a", [], 0), ("b", [], 3), stopped="interrupt")


def rows(text: str, heading: str) -> dict[str, list[str]]:
    """The rows of the table with this first heading: first cell to the others."""
    table = text.partition(f"\n| {heading} |")[2].partition("\n\n")[0]
    cells = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()[2:]]
    return {first.strip("`"): rest for first, *rest in cells}


def named(cell: str) -> set[str]:
    """What stands in backquotes outside brackets."""
    return set(re.findall(r"`([^`]+)`", re.sub(r"\([^)]*\)", "", cell)))


def test_the_table_of_keys_has_them_all() -> None:
    assert rows(CHECKS, "key").keys() == KEYS.keys()


def test_the_file_on_the_page_is_one() -> None:
    text = CHECKS.partition("```toml file=checks.toml\n")[2].partition("```")[0]

    assert [check.name for check in parse_checks(text, "page").checks] == [
        "up",
        "version",
        "kernel",
        "config",
    ]


def test_the_fields_of_the_log_are_those_of_the_page(tmp_path: Path) -> None:
    path = tmp_path / "log"
    sink = LogSink(open_log(str(path)), str(path), say=print)
    for event in RUN:
        sink.handle(event)
    common = set(rows(OBSERVABILITY, "field"))

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    written = {line["event"]: set(line) - common for line in lines}

    assert written == {
        event: named(cell) for event, (cell,) in rows(OBSERVABILITY, "event").items()
    }
    assert all(common <= set(line) for line in lines)


def test_the_attributes_of_spans_are_those_of_the_page() -> None:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    sink = OtelSink(provider.get_tracer("test"))
    for event in RUN:
        sink.handle(event)

    found = {span.name: set(span.attributes or ()) for span in exporter.get_finished_spans()}

    assert found == {name: named(cells[-1]) for name, cells in rows(OBSERVABILITY, "span").items()}
