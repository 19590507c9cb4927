# ruff: noqa: S314 - the documents are ours
from __future__ import annotations

import os
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
import trio
import xmlschema
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.recorded import EVERY_WAY, events_of, record_of
from trioexec.model.events import RunFinished, RunStarted
from trioexec.model.junit import junit_xml
from trioexec.model.outcomes import Exited, Unreachable
from trioexec.model.record import Recorder
from trioexec.sinks.junit import JunitSink

HANG_S = 60.0
SCHEMAS = Path(__file__).parent / "schemas"
JENKINS = xmlschema.XMLSchema(SCHEMAS / "junit-jenkins.xsd")
STRICT = xmlschema.XMLSchema(SCHEMAS / "junit-windyroad.xsd")

CASE_OUTPUT = re.compile(r"      <system-(out|err)>.*?</system-\1>\n", re.DOTALL)
"""Of a test case: what Jenkins knows and the strict schema does not."""


def check(document: bytes) -> None:
    text = document.decode()
    JENKINS.validate(text)
    STRICT.validate(CASE_OUTPUT.sub("", text))


def xml_of(nodes: object, **about: object) -> bytes:
    record = record_of(events_of(nodes, **about))  # type: ignore[arg-type]
    return junit_xml(record, hostname="ci-7", properties={"trioexec.version": "1"})


def test_every_way_to_end_is_valid_for_both_schemas() -> None:
    check(xml_of(EVERY_WAY))


def test_what_ran_and_failed_is_a_failure_what_could_not_run_an_error() -> None:
    suite = ET.fromstring(xml_of(EVERY_WAY))[0]

    assert {key: suite.get(key) for key in ("tests", "failures", "errors", "skipped")} == {
        "tests": "10",
        "failures": "3",
        "errors": "4",
        "skipped": "1",
    }
    found = {case.get("name"): [child.tag for child in case] for case in suite.iter("testcase")}
    assert found["web1"] == ["system-out"]
    assert found["web3"] == ["failure", "system-out", "system-err"]
    assert found["gone"] == ["error"]
    assert found["late"] == ["skipped"]


def test_a_dissenter_fails_where_it_did_not_fail_otherwise() -> None:
    recorder = Recorder()
    for event in events_of(EVERY_WAY):
        recorder.handle(event)
    record = recorder.record({"web2", "web3", "gone"})

    document = junit_xml(record, hostname="ci-7", properties={})
    check(document)
    suite = ET.fromstring(document)[0]

    found = {
        case.get("name"): child.attrib
        for case in suite.iter("testcase")
        for child in case
        if child.tag in {"failure", "error"}
    }
    assert suite.get("failures") == "4"
    assert "web1" not in found
    assert found["web2"] == {
        "message": "web2: answered differently from most",
        "type": "Dissent",
    }
    assert found["web3"] == {"message": "web3: exit 3", "type": "Exited"}
    assert found["gone"]["type"] == "Unreachable"
    assert [group.outcome for group in record.groups()].count("answered differently from most") == 1


def test_a_failure_says_how_and_shows_what_was_said() -> None:
    case = ET.fromstring(xml_of(EVERY_WAY)).find(".//testcase[@name='web3']")

    assert case is not None
    assert case.get("time") == "3.000"
    failure = case.find("failure")
    assert failure is not None
    assert failure.attrib == {"message": "web3: exit 3", "type": "Exited"}
    assert failure.text == "it broke\nbadly\n"


def test_the_suite_knows_the_run() -> None:
    suite = ET.fromstring(xml_of(EVERY_WAY))[0]

    assert suite.get("timestamp") == "2027-01-15T08:00:00"
    assert suite.get("hostname") == "ci-7"
    about = {prop.get("name"): prop.get("value") for prop in suite.iter("property")}
    assert about == {
        "trioexec.command": "systemctl status 'nginx'",
        "trioexec.exit_code": "130",
        "trioexec.stopped": "interrupt",
        "trioexec.version": "1",
    }


@given(
    out=st.binary(max_size=200),
    reason=st.text(max_size=50),
    command=st.text(max_size=50),
)
def test_nothing_a_node_says_breaks_the_document(out: bytes, reason: str, command: str) -> None:
    nodes = {
        "a": (Exited(code=1), [("stdout", out)] if out else []),
        "b": (Unreachable(reason=reason), []),
    }

    check(xml_of(nodes, text=command))


def test_hostile_output_stays_text() -> None:
    evil = b"]]></system-out><testcase name='forged'/>&amp;"

    root = ET.fromstring(xml_of({"a": (Exited(code=0), [("stdout", evil)])}))

    assert [case.get("name") for case in root.iter("testcase")] == ["a"]
    assert root.findtext(".//testcase/system-out") == evil.decode()


def test_the_sink_writes_with_the_last_event_and_not_before(tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    said: list[str] = []
    sink = JunitSink(path, say=said.append)
    *events, last = events_of(EVERY_WAY)

    for event in events:
        sink.handle(event)
    assert not path.exists()
    sink.handle(last)

    check(path.read_bytes())
    assert said == []


async def test_the_sink_keeps_nobody_waiting(tmp_path: Path) -> None:
    sink = JunitSink(tmp_path / "x", say=print)
    for event in events_of(EVERY_WAY):
        sink.handle(event)

    with trio.fail_after(HANG_S):
        await sink.serve()


async def test_a_pipe_gets_it_from_beside_the_loop(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    sink = JunitSink(path, say=pytest.fail)
    got: list[bytes] = []

    async def read() -> None:
        got.append(await trio.Path(path).read_bytes())

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sink.serve)
            for event in events_of(EVERY_WAY):
                sink.handle(event)
            nursery.start_soon(read)

    check(got[0])


async def test_a_pipe_that_nobody_reads_is_given_up_where_somebody_waits(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    said: list[str] = []
    sink = JunitSink(path, say=said.append)

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sink.serve)
            sink.handle(RunStarted(at_s=0.0, command="x", nodes=(), unix_s=0.0))
            sink.handle(RunFinished(at_s=0.0, exit_code=130, stopped="interrupt"))
    os.close(os.open(path, os.O_RDONLY | os.O_NONBLOCK))  # lets the thread go

    assert isinstance(sink.error, TimeoutError)
    assert said == [f"trioexec: cannot write {path}: nobody reads it"]


def test_large_output_is_bounded(tmp_path: Path) -> None:
    path = tmp_path / "report.xml"
    sink = JunitSink(path, say=print)
    for event in events_of({"a": (Exited(code=0), [("stdout", b"<" * 100_000)] * 200)}):
        sink.handle(event)

    assert "bytes left out here" in path.read_text()
    assert path.stat().st_size < 64 * 1024 * 5


def test_a_file_that_cannot_be_written_is_said_once(tmp_path: Path) -> None:
    said: list[str] = []
    sink = JunitSink(tmp_path / "no" / "such.xml", say=said.append)

    for event in events_of(EVERY_WAY):
        sink.handle(event)

    assert said == [f"trioexec: cannot write {tmp_path}/no/such.xml: No such file or directory"]


@pytest.mark.parametrize("code", [0, 1])
def test_a_run_of_no_output_is_valid(code: int) -> None:
    check(xml_of({"a": (Exited(code=code), [])}, exit_code=code))
