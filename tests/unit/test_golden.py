"""One recorded run in every mode, byte for byte.

After a change that is meant, `TRIOEXEC_GOLDEN=write pytest tests/unit/test_golden.py` writes
the files anew (the run itself first, for the others); look at what git says of them.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.unit.recorded import golden_events
from tests.unit.sink_fakes import FakeConsole
from trioexec.model.event_codec import from_json, to_json
from trioexec.model.tally import Tally
from trioexec.sinks.base import Sink
from trioexec.sinks.files import FilesSink
from trioexec.sinks.grouped import GroupSink, Look
from trioexec.sinks.jsonl import JsonSink
from trioexec.sinks.stream import StreamSink
from trioexec.sinks.summary import SummarySink

GOLDEN = Path(__file__).parent / "golden"
RUN = [from_json(line) for line in (GOLDEN / "run.jsonl").read_bytes().splitlines()]


def fold(names: Iterable[str]) -> str:
    return " ".join(names)


def check(name: str, text: bytes) -> None:
    path = GOLDEN / name
    if os.environ.get("TRIOEXEC_GOLDEN") == "write":
        path.write_bytes(text)
    assert text == path.read_bytes()


def feed(sink: Sink) -> None:
    for event in RUN:
        sink.handle(event)


def test_the_recorded_run_is_the_one_that_is_made_here() -> None:
    check("run.jsonl", b"".join(to_json(event) + b"\n" for event in golden_events()))


MODES: dict[str, Callable[[FakeConsole], Sink]] = {
    "stream": lambda console: StreamSink(console.as_console, prefix=True, color=False),
    "stream-bare": lambda console: StreamSink(console.as_console, prefix=False, color=False),
    "group": lambda console: GroupSink(console.as_console, fold=fold),
    "group-diff": lambda console: GroupSink(
        console.as_console, fold=fold, look=Look(diff=True, masks=("number",))
    ),
    "json": lambda console: JsonSink(console.as_console),
    "summary": lambda console: SummarySink(console.as_console, fold=fold),
}


@pytest.mark.parametrize("mode", MODES)
def test_a_recorded_run_looks_as_it_did(mode: str) -> None:
    console = FakeConsole()

    feed(MODES[mode](console))

    check(f"{mode}.stdout", console.stdout.written)
    check(f"{mode}.stderr", console.stderr.written)


@pytest.mark.parametrize("mode", ["stream", "group"])
def test_a_recorded_run_looks_as_it_did_on_a_terminal(mode: str) -> None:
    console = FakeConsole(is_terminal=True)

    feed(MODES[mode](console))

    check(f"{mode}.terminal", console.stdout.written + console.stderr.written)


def test_a_recorded_run_is_kept_in_the_same_files(tmp_path: Path) -> None:
    sink = FilesSink(tmp_path, say=pytest.fail)

    feed(sink)

    listing = {
        path.name: path.read_bytes().decode("utf-8", "backslashreplace")
        for path in sorted(tmp_path.iterdir())
        if path.name != "run.json"
    }
    check("files.json", json.dumps(listing, indent=2).encode() + b"\n")
    check("files-run.json", (tmp_path / "run.json").read_bytes())


def test_the_run_has_the_same_outcomes_in_every_mode() -> None:
    tally = Tally()
    for event in RUN:
        tally.handle(event)
    texts = {name: outcome.text for name, outcome in tally.outcomes.items()}
    files = json.loads((GOLDEN / "files-run.json").read_bytes())
    group = GroupSink(FakeConsole().as_console, fold=fold)
    feed(group)

    from_files = {row["node"]["name"]: row["outcome"]["text"] for row in files["nodes"]}
    from_groups = {node.name: g.outcome.text for g in group.groups for node in g.nodes}

    assert from_files == texts
    assert from_groups == texts
    summary = (GOLDEN / "summary.stderr").read_text()
    for name, outcome in tally.outcomes.items():
        assert outcome.ok or any(
            line.startswith(f"  {outcome.text}: ") and name in line.split()
            for line in summary.splitlines()
        )
