"""One recorded run in every mode, byte for byte.

After a change that is meant, `TRIOEXEC_GOLDEN=write pytest tests/unit/test_golden.py` writes
the files anew (the run itself first, for the others); look at what git says of them.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterable
from html import unescape
from pathlib import Path

import pytest
import xmlschema
from msgspec.structs import replace

from tests.unit.recorded import golden_events, record_of
from tests.unit.sink_fakes import FakeConsole
from tests.unit.tui_rig import Rig, play
from trioexec.model.event_codec import from_json, to_json
from trioexec.model.events import NodeFinished
from trioexec.model.github import annotation_lines
from trioexec.model.github import summary as github_summary
from trioexec.model.journal import Encoder, Header, decode
from trioexec.model.junit import junit_xml
from trioexec.model.page import Assets, html_page
from trioexec.model.tally import Tally
from trioexec.sinks.base import Sink
from trioexec.sinks.files import FilesSink
from trioexec.sinks.grouped import GroupSink, Look
from trioexec.sinks.jsonl import JsonSink
from trioexec.sinks.stream import StreamSink
from trioexec.sinks.summary import SummarySink
from trioexec.sinks.tui.board import Board

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


def page() -> str:
    """The page without its style and its script, which no run changes."""
    assets = Assets(style="", script="")
    return html_page(record_of(RUN), run_id="k7f3", notes=[], fold=fold, assets=assets)


def journal() -> bytes:
    header = Header(id="k7f3", unix_s=1_700_000_000.0, command="uname -sr; uptime", nodes=len(ENDS))
    encoder = Encoder(header)
    return b"".join(encoder.encode(event) for event in RUN)


REPORTS: dict[str, Callable[[], str]] = {
    "junit.xml": lambda: junit_xml(record_of(RUN), hostname="here", properties={}).decode(),
    "github.txt": lambda: "\n".join([*annotation_lines(record_of(RUN), fold), ""]),
    "github.md": lambda: github_summary(record_of(RUN), fold),
    "page.html": page,
}


@pytest.mark.parametrize("name", REPORTS)
def test_a_recorded_run_is_reported_as_it_was(name: str) -> None:
    check(name, REPORTS[name]().encode())


SCREENS = {"table": (), "detail": ("down", "down", "down", "enter"), "diff": ("G", "d")}


@pytest.mark.parametrize("name", SCREENS)
async def test_a_recorded_run_is_on_the_screen_as_it_was(name: str) -> None:
    async def scene(rig: Rig) -> None:
        shown = await rig.shows()
        for key in SCREENS[name]:
            shown = await rig.press(key)
        # The last line is textual's.
        check(f"tui-{name}.txt", shown.rpartition("\n")[0].encode() + b"\n")

    # The screen of a run that was interrupted closes by itself.
    end = replace(RUN[-1], stopped=None)  # type: ignore[call-arg]
    await play(scene, [*RUN[:-1], end], width=100, height=20)


ENDS = {event.node: event.outcome for event in RUN if isinstance(event, NodeFinished)}
TEXTS = {name: outcome.text for name, outcome in ENDS.items()}


def from_json_lines() -> dict[str, str]:
    console = FakeConsole()
    feed(JsonSink(console.as_console))
    lines = map(json.loads, console.stdout.written.splitlines())
    return {
        line["node"]: line["outcome"]["text"] for line in lines if line["event"] == "node_finished"
    }


def from_files() -> dict[str, str]:
    rows = json.loads((GOLDEN / "files-run.json").read_bytes())["nodes"]
    return {row["node"]["name"]: row["outcome"]["text"] for row in rows}


def from_groups() -> dict[str, str]:
    group = GroupSink(FakeConsole().as_console, fold=fold)
    feed(group)
    return {node.name: each.outcome.text for each in group.groups for node in each.nodes}


def from_journal() -> dict[str, str]:
    events = decode([journal()]).events
    assert list(events) == RUN
    return {event.node: event.outcome.text for event in events if isinstance(event, NodeFinished)}


def from_junit() -> dict[str, str]:
    schema = xmlschema.XMLSchema(Path(__file__).parent / "schemas" / "junit-jenkins.xsd")
    found = {}
    for case in schema.to_dict((GOLDEN / "junit.xml").read_text())["testsuite"][0]["testcase"]:
        (why,) = [case[tag] for tag in ("failure", "error", "skipped") if tag in case] or [None]
        message = why[0]["@message"].partition(": ")[2] if why else "exit 0"
        found[case["@name"]] = message
    return found


def from_page() -> dict[str, str]:
    rows = re.findall(
        r'<span class="name mono" title="(.*?)".*<span class="end" title="(.*?)"', page()
    )
    return {unescape(name): unescape(text) for name, text in rows}


def from_board() -> dict[str, str]:
    board = Board()
    feed(board)  # type: ignore[arg-type] - it takes events, as a sink does
    return {row.name: row.outcome.text for row in board.rows if row.outcome is not None}


WHERE = {
    "json": from_json_lines,
    "files": from_files,
    "groups": from_groups,
    "journal": from_journal,
    "junit": from_junit,
    "page": from_page,
    "tui": from_board,
}


@pytest.mark.parametrize("where", WHERE)
def test_the_run_has_the_same_outcomes_everywhere(where: str) -> None:
    assert WHERE[where]() == TEXTS


def test_the_last_lines_name_every_failure() -> None:
    tally = Tally()
    for event in RUN:
        tally.handle(event)
    summary = (GOLDEN / "summary.stderr").read_text()
    for name, outcome in tally.outcomes.items():
        assert outcome.ok or any(
            line.startswith(f"  {outcome.text}: ") and name in line.split()
            for line in summary.splitlines()
        )
