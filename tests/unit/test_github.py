from __future__ import annotations

import re
from pathlib import Path

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st
from trio.testing import MockClock

from tests.unit.recorded import EVERY_WAY, events_of, record_of
from trioexec.model.github import (
    MOST_ANNOTATIONS,
    SUMMARY_BYTES,
    annotation_lines,
    command,
    summary,
)
from trioexec.model.hostlist import fold
from trioexec.model.outcomes import Exited
from trioexec.sinks.github import GithubSink


def test_a_command_is_escaped_as_the_runner_unescapes() -> None:
    line = command("error", {"title": "a:b,c%\n"}, "100%\r\nnext: line")

    assert line == "::error title=a%3Ab%2Cc%25%0A::100%25%0D%0Anext: line"
    assert command("group", {}, "x") == "::group::x"


@given(st.binary(min_size=1, max_size=200), st.text(max_size=40))
def test_an_annotation_is_one_line_whatever_a_node_says(data: bytes, text: str) -> None:
    nodes = {"a": (Exited(code=1), [("stderr", data)])}

    lines = annotation_lines(record_of(events_of(nodes, text=text)), fold)  # type: ignore[arg-type]

    assert len(lines) == 1
    assert lines[0].startswith("::error title=")
    assert len(lines[0].splitlines()) == 1


def test_there_is_one_annotation_for_each_kind_of_failure() -> None:
    nodes = {f"web{i}": (Exited(code=1), [("stderr", b"no\n")]) for i in range(1, 4)}
    nodes["db"] = (Exited(code=2), [])

    lines = annotation_lines(record_of(events_of(nodes, exit_code=1)), fold)  # type: ignore[arg-type]

    assert lines == [
        "::error title=systemctl status 'nginx'%3A 3 of 4 nodes::web[1-3]: exit 1%0A  no",
        "::error title=systemctl status 'nginx'%3A 1 of 4 nodes::db: exit 2",
    ]


def test_what_the_exit_code_forgives_is_a_warning() -> None:
    record = record_of(events_of({"a": (Exited(code=1), [])}, exit_code=0))

    assert annotation_lines(record, fold)[0].startswith("::warning ")


def test_more_kinds_than_github_shows_are_counted_in_the_last() -> None:
    nodes = {f"n{i}": (Exited(code=i), []) for i in range(1, 31)}

    lines = annotation_lines(record_of(events_of(nodes)), fold)

    assert len(lines) == MOST_ANNOTATIONS
    assert lines[-1].endswith("::21 more kinds of failure on 21 nodes")


def test_a_run_that_went_well_says_nothing_but_its_summary() -> None:
    record = record_of(events_of({"a": (Exited(code=0), [])}, exit_code=0))

    assert annotation_lines(record, fold) == []
    assert "**1 node: 1 ok** in" in summary(record, fold)
    assert "no output" in summary(record, fold)


def test_the_summary_shows_the_kinds_and_the_outputs() -> None:
    text = summary(record_of(events_of(EVERY_WAY)), fold)

    assert "| 1 | <code>gone</code> | unreachable&#58; connection refused |" in text
    assert "<code>web[1-2]</code> (2): exit 0" in text
    assert "<pre>it broke&#10;badly</pre>" in text


@given(st.text(alphabet="<>&`*_[]()|\\~#@!:$ \nab", min_size=1, max_size=60))
def test_nothing_a_node_says_is_markup_in_the_summary(said: str) -> None:
    text = summary(record_of(events_of({"a": (Exited(code=1), [("stdout", said.encode())])})), fold)

    shown = re.search(r"<pre>(.*)</pre>", text)
    assert (shown is None) == (not said)
    assert shown is None or not re.search(r"[<>`*_\[\]|\\~@$]", shown[1])


def test_the_summary_is_bounded_and_says_so() -> None:
    nodes = {
        f"n{i}": (Exited(code=1), [("stdout", f"{i}".encode() + b"<" * 50_000)]) for i in range(40)
    }

    text = summary(record_of(events_of(nodes)), fold)  # type: ignore[arg-type]

    assert len(text.encode()) <= SUMMARY_BYTES + 200
    assert "characters left out here" in text
    assert text.endswith("_More output is left out here: the summary would be too large._\n")


async def test_the_sink_stops_commands_while_nodes_speak(tmp_path: Path) -> None:
    said: list[str] = []
    path = tmp_path / "summary.md"
    path.write_text("before\n")
    sink = GithubSink(say=said.append, fold=fold, summary_file=path)

    for event in events_of(EVERY_WAY):
        sink.handle(event)
    await sink.serve()

    token = said[0].removeprefix("::stop-commands::")
    assert len(token) == 32
    assert said[1] == f"::{token}::"
    assert all(line.startswith("::error ") for line in said[2:])
    assert path.read_text().startswith("before\n### ")


async def test_commands_go_on_only_when_all_that_nodes_said_has_been_read(
    autojump_clock: MockClock,
) -> None:
    said: list[str] = []
    read_at_s = 3.0
    sink = GithubSink(
        say=said.append,
        fold=fold,
        summary_file=None,
        drained=lambda: trio.current_time() >= began_s + read_at_s,
    )
    began_s = trio.current_time()

    for event in events_of(EVERY_WAY):
        sink.handle(event)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(sink.serve)
        await trio.sleep(2.9)
        before = len(said)

    assert before == 1
    assert len(said) > 2
    assert trio.current_time() - began_s == pytest.approx(3.0, abs=0.05)


async def test_a_runner_that_does_not_read_is_not_waited_for_for_ever(
    autojump_clock: MockClock,
) -> None:
    said: list[str] = []
    sink = GithubSink(say=said.append, fold=fold, summary_file=None, drained=lambda: False)

    for event in events_of(EVERY_WAY):
        sink.handle(event)
    await sink.serve()

    assert len(said) > 2


async def test_without_a_summary_file_there_is_none() -> None:
    said: list[str] = []
    sink = GithubSink(say=said.append, fold=fold, summary_file=None)

    for event in events_of({"a": (Exited(code=0), [])}, exit_code=0):
        sink.handle(event)
    await sink.serve()

    assert len(said) == 2


async def test_a_summary_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    said: list[str] = []
    sink = GithubSink(say=said.append, fold=fold, summary_file=tmp_path)

    for event in events_of({"a": (Exited(code=0), [])}, exit_code=0):
        sink.handle(event)
    await sink.serve()

    assert said[-1] == f"trioexec: cannot write {tmp_path}: Is a directory"
