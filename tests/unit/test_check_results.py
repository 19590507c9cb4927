# ruff: noqa: S314 - the documents are ours
from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from tests.unit.sink_fakes import FakeConsole, ended, finished, started
from trioexec.model.check_github import check_annotations, check_summary
from trioexec.model.check_results import json_lines, lines_of, results_of, summary_line
from trioexec.model.checks import Answer, Check, Finding
from trioexec.model.events import Event, NodeQueued
from trioexec.model.exitcodes import decide_checks
from trioexec.model.github import MOST_ANNOTATIONS
from trioexec.model.hostlist import fold
from trioexec.model.nodes import parse_node
from trioexec.model.outcomes import (
    Cancelled,
    Denied,
    Exited,
    Outcome,
    StopReason,
    TimedOut,
    Unreachable,
)
from trioexec.model.report import NodeResult, Report
from trioexec.sinks.checks import Asked, ChecksGithubSink, ChecksJunitSink, ChecksSink

UP = Check(name="up", command="true")
SAME = Check(name="same", command="v", same_on_all_nodes=True)


def report_of(**ends: Outcome) -> Report:
    rows = tuple(
        NodeResult(
            node=parse_node(name, rank=rank),
            outcome=end,
            connecting_s=0.0,
            started_s=0.0,
            finished_s=1.0,
        )
        for rank, (name, end) in enumerate(ends.items())
    )
    return Report(command="check", results=rows, took_s=1.0, unix_s=0.0)


def said(text: str = "", code: int = 0) -> Answer:
    return Answer(outcome=Exited(code=code), stdout=text.encode())


OK = Exited(code=0)


def lines(checks: list[Check], answers: dict[str, dict[str, Answer]], report: Report) -> list[str]:
    return [line for _, line in lines_of(results_of(checks, answers, report), fold)]


def test_a_line_a_check_and_one_for_each_way_to_be_wrong_folded() -> None:
    answers = {
        "up": {"web1": said(), "web2": said(code=3), "web3": said(code=3), "web4": said(code=1)},
        "same": {"web4": said("2"), "web3": said("1"), "web2": said("1"), "web1": said("1")},
    }
    report = report_of(web1=OK, web2=OK, web3=OK, web4=OK)

    assert lines([UP, SAME], answers, report) == [
        "FAILED up: web[2-3]: exit 3, not 0",
        "FAILED up: web4: exit 1, not 0",
        "FAILED same: web4: answered '2'; 3 nodes answered '1'",
    ]


def test_the_order_of_the_answers_does_not_matter_but_that_of_the_nodes() -> None:
    answers = {"same": {"web2": said("2"), "web1": said("1")}}  # as they came

    assert lines([SAME], answers, report_of(web1=OK, web2=OK)) == [
        "FAILED same: web2: answered '2'; 1 node answered '1'"
    ]


@pytest.mark.parametrize(
    ("end", "line"),
    [
        pytest.param(Unreachable(reason="gone"), "ERROR up: a: unreachable: gone", id="gone"),
        pytest.param(Denied(reason="no key"), "ERROR up: a: denied: no key", id="denied"),
        pytest.param(
            TimedOut(phase="connect"), "ERROR up: a: timed out connecting", id="connect limit"
        ),
        pytest.param(
            Cancelled(why="interrupt", started=False),
            "SKIPPED up: a: not started (interrupt)",
            id="queued",
        ),
        pytest.param(
            TimedOut(phase="deadline", remote="ended"),
            "SKIPPED up: a: not asked: ran into the deadline",
            id="deadline in another check",
        ),
        pytest.param(
            Exited(code=1), "SKIPPED up: a: not asked: another check failed there", id="fail-fast"
        ),
    ],
)
def test_a_node_that_was_not_asked_says_why(end: Outcome, line: str) -> None:
    assert lines([UP], {"up": {}}, report_of(a=end)) == [line]


def test_a_check_that_was_stopped_says_by_what() -> None:
    stopped = Answer(
        outcome=Cancelled(why="caller", started=True),
        finding=Finding(verdict="error", message="stopped (caller)"),
    )
    end = Cancelled(why="interrupt", started=True, remote="ended")

    assert lines([UP], {"up": {"a": stopped}}, report_of(a=end)) == [
        "ERROR up: a: stopped (interrupt)"
    ]


def test_the_last_line_counts_the_checks() -> None:
    answers = {"up": {"a": said()}, "same": {"a": said("1")}, "x": {}, "y": {}}
    checks = [UP, SAME, Check(name="x", command="x"), Check(name="y", command="y")]
    results = results_of(checks, answers, report_of(a=Unreachable(reason="gone")))

    assert summary_line(results, 1, "1.0 s") == "4 checks on 1 node: 2 ok, 2 errors in 1.0 s"


@pytest.mark.parametrize(
    ("right", "asked", "stopped", "code"),
    [
        pytest.param(True, True, None, 0, id="all right"),
        pytest.param(False, True, None, 1, id="something wrong"),
        pytest.param(False, False, None, 255, id="nobody could be asked"),
        pytest.param(False, True, "fail-fast", 1, id="fail-fast"),
        pytest.param(False, True, "deadline", 1, id="deadline"),
        pytest.param(True, True, "interrupt", 130, id="interrupted"),
        pytest.param(False, False, "terminate", 143, id="SIGTERM"),
        pytest.param(False, False, "hangup", 129, id="SIGHUP"),
        pytest.param(False, True, "output closed", 141, id="output closed"),
    ],
)
def test_what_checks_exit_with(
    *, right: bool, asked: bool, stopped: StopReason | None, code: int
) -> None:
    assert decide_checks(right=right, asked=asked, stopped=stopped) == code


def test_json_keeps_bytes_and_says_what_is_left_out() -> None:
    answer = Answer(outcome=OK, stdout=b"\xff", stdout_bytes=9, took_s=0.12345)

    (line,) = json_lines(results_of([UP], {"up": {"a": answer}}, report_of(a=OK)))

    assert json.loads(line) == {
        "check": "up",
        "node": "a",
        "verdict": "ok",
        "message": "",
        "outcome": "exit 0",
        "exit_code": 0,
        "took_s": 0.123,
        "stdout_base64": "/w==",
        "stdout_bytes": 9,
        "stderr": "",
    }


def events(*names: str, end: Outcome = OK) -> list[Event]:
    queued = [NodeQueued(node=name, at_s=0.0) for name in names]
    return [started(*names), *queued, *(finished(name, end) for name in names), ended(1)]


def asked(**answers: Answer) -> Asked:
    return Asked(name="checks.toml", checks=[UP], answers={"up": answers})


def test_the_report_is_fit_for_a_terminal_whatever_nodes_say() -> None:
    console = FakeConsole()
    hostile = Answer(outcome=Exited(code=1), stderr=b"x\x1b[31m\r::error::y")
    sink = ChecksSink(asked(a=hostile), console.as_console, fold=fold, color=True)

    for event in events("a"):
        sink.handle(event)

    assert console.stdout.written.decode().splitlines() == [
        "\x1b[31mFAILED\x1b[0m up: a: exit 1, not 0: x\\x1b[31m\\r::error::y",
        "1 check on 1 node: 1 failed in 1.2 s",
    ]


def test_what_junit_does_not_have_whole_it_says(tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    answer = Answer(outcome=OK, stdout=b"abc", stdout_bytes=5000)
    sink = ChecksJunitSink(asked(a=answer), path, say=pytest.fail)

    for event in events("a", "b"):
        sink.handle(event)

    first, second = ET.fromstring(path.read_text()).iter("testcase")
    assert first.findtext("system-out") == "abc\n[... 4,997 bytes left out here ...]\n"
    assert (second.get("classname"), second.get("name")) == ("up", "b")
    assert second.find("skipped") is not None


def test_in_junit_the_type_of_what_is_wrong_is_the_outcomes(tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    sink = ChecksJunitSink(asked(a=said(code=3)), path, say=pytest.fail)

    for event in events("a", "b", end=Unreachable(reason="gone")):
        sink.handle(event)

    suite = ET.fromstring(path.read_text())
    failure, error = suite.find(".//failure"), suite.find(".//error")
    assert failure is not None
    assert error is not None
    assert (failure.get("type"), error.get("type")) == ("Exited", "Unreachable")
    assert error.get("message") == "b: unreachable: gone"


def test_a_junit_file_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    said_lines: list[str] = []
    sink = ChecksJunitSink(asked(), tmp_path / "no" / "report.xml", say=said_lines.append)

    for event in events("a"):
        sink.handle(event)

    assert len(said_lines) == 1
    assert "no/report.xml" in said_lines[0]


async def test_github_is_told_between_the_tokens_and_gets_a_table(tmp_path: Path) -> None:
    said_lines: list[str] = []
    summary = tmp_path / "summary.md"
    sink = ChecksGithubSink(
        asked(a=said(), b=said(code=3)), say=said_lines.append, fold=fold, summary_file=summary
    )

    for event in events("a", "b"):
        sink.handle(event)
    await sink.serve()

    stop, go, annotation = said_lines
    assert stop.startswith("::stop-commands::")
    assert go == f"::{stop.rpartition('::')[2]}::"
    assert annotation == "::error title=up%3A 1 of 2 nodes::b: exit 3, not 0"
    assert "| <code>up</code> | failed | <code>b</code> | exit 3, not 0 |" in summary.read_text()


async def test_a_summary_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    said_lines: list[str] = []
    sink = ChecksGithubSink(asked(), say=said_lines.append, fold=fold, summary_file=tmp_path)

    for event in events("a"):
        sink.handle(event)
    await sink.serve()

    assert str(tmp_path) in said_lines[-1]


def test_github_gets_no_more_than_it_shows() -> None:
    names = [f"n{number}" for number in range(30)]
    answers = {"up": {name: said(code=number + 1) for number, name in enumerate(names)}}
    results = results_of([UP], answers, report_of(**dict.fromkeys(names, OK)))

    shown = check_annotations(results, fold)

    assert len(shown) == MOST_ANNOTATIONS
    assert shown[-1].endswith("21 more ways to be wrong")


def test_a_summary_ends_before_github_refuses_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("trioexec.model.github.SUMMARY_BYTES", 200)
    names = [f"n{number}" for number in range(30)]
    answers = {"up": {name: said(code=number + 1) for number, name in enumerate(names)}}
    results = results_of([UP], answers, report_of(**dict.fromkeys(names, OK)))

    text = check_summary(results, fold, title="checks.toml")

    assert len(text) < 300
    assert "left out here" in text
