"""A run as JUnit XML: a test case a node, as CI servers read it.

Pure.  Element order and required attributes are those of the strictest schema in
use (Windy Road's); only a test case's own ``system-out`` is Jenkins' extension.
"""

from __future__ import annotations

import html
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from msgspec import Struct

from trioexec.model.record import NodeRecord, RunRecord, Verdict, plain

__all__ = ["OUTPUT_BYTES", "TOTAL_BYTES", "Case", "Suite", "document", "junit_xml"]

OUTPUT_BYTES: Final = 64 * 1024
"""Of one stream of one node; CI servers load the whole file to show it."""

TOTAL_BYTES: Final = 8 * 1024 * 1024
"""Of all output together: Jenkins and GitLab refuse or crawl soon after."""

_TAGS: Final[Mapping[Verdict, str]] = {"failed": "failure", "error": "error"}

CLASS_NAME: Final = "trioexec.run"
"""A dot, as Jenkins takes what is before it for the package."""


class Case(Struct, frozen=True, kw_only=True):
    """One test case."""

    class_name: str
    name: str
    took_s: float
    verdict: Verdict
    message: str = ""
    """Why it is not ok; one line."""

    kind: str = ""
    """Of the failure, as a type's name."""

    stdout: str = ""
    stderr: str = ""


class Suite(Struct, frozen=True, kw_only=True):
    """What stands over the cases."""

    name: str
    unix_s: float
    took_s: float
    hostname: str
    properties: Mapping[str, str]


def junit_xml(record: RunRecord, *, hostname: str, properties: Mapping[str, str]) -> bytes:
    """Make the document of a run.

    Args:
        record: Of a run that is over; made within `OUTPUT_BYTES` and `TOTAL_BYTES`.
        hostname: The machine that trioexec ran on.
        properties: More about the run; the command and its end are there anyway.
    """
    report = record.report
    suite = Suite(
        name=report.command or "ping",
        unix_s=report.unix_s,
        took_s=report.took_s,
        hostname=hostname,
        properties={
            "trioexec.command": report.command,
            "trioexec.exit_code": str(record.exit_code),
            "trioexec.stopped": record.stopped or "no",
            **properties,
        },
    )
    return document(suite, [_case_of(node) for node in record.nodes])


def document(suite: Suite, cases: Sequence[Case]) -> bytes:
    """Make the document of any cases."""
    return "\n".join(_lines(suite, cases)).encode()


def _case_of(node: NodeRecord) -> Case:
    outcome = node.result.outcome
    return Case(
        class_name=CLASS_NAME,
        name=node.node.name,
        took_s=node.busy_s,
        verdict=node.verdict,
        message=f"{node.node.name}: {node.text}",
        kind="Dissent" if node.dissenting and outcome.ok else type(outcome).__name__,
        stdout=node.stdout,
        stderr=node.stderr,
    )


def _lines(suite: Suite, cases: Sequence[Case]) -> Iterator[str]:
    verdicts = [case.verdict for case in cases]
    counts = {
        "tests": str(len(cases)),
        "failures": str(verdicts.count("failed")),
        "errors": str(verdicts.count("error")),
        "skipped": str(verdicts.count("skipped")),
        "time": _seconds(suite.took_s),
    }
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield "<testsuites>"
    about = {
        "package": "trioexec",
        "id": "0",
        "name": _token(suite.name) or "trioexec",
        "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(suite.unix_s)),
        "hostname": _token(suite.hostname) or "localhost",
    }
    yield f"  <testsuite{_attributes({**about, **counts})}>"
    yield "    <properties>"
    for name, value in suite.properties.items():
        yield f"      <property{_attributes({'name': name, 'value': value})}/>"
    yield "    </properties>"
    for case in cases:
        yield from _case_lines(case)
    # Both are required of a suite, empty or not.
    yield "    <system-out/>"
    yield "    <system-err/>"
    yield "  </testsuite>"
    yield "</testsuites>\n"


def _case_lines(case: Case) -> Iterator[str]:
    names = {"classname": case.class_name, "name": case.name, "time": _seconds(case.took_s)}
    said = [
        f"<{tag}>{_text(text)}</{tag}>"
        for tag, text in (("system-out", case.stdout), ("system-err", case.stderr))
        if text
    ]
    if case.verdict == "ok" and not said:
        yield f"    <testcase{_attributes(names)}/>"
        return
    yield f"    <testcase{_attributes(names)}>"
    why = {"message": case.message}
    if case.verdict == "skipped":
        yield f"      <skipped{_attributes(why)}/>"
    elif case.verdict != "ok":
        tag = _TAGS[case.verdict]
        body = _text(case.stderr or case.stdout or plain(case.message.partition(": ")[2]))
        yield f"      <{tag}{_attributes({**why, 'type': case.kind})}>{body}</{tag}>"
    yield from (f"      {element}" for element in said)
    yield "    </testcase>"


def _seconds(value: float) -> str:
    return f"{max(0.0, value):.3f}"


def _token(text: str) -> str:
    """Make a text an ``xs:token``: no line ends, no space at the ends or twice."""
    return " ".join(plain(text).split())


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(f' {name}="{_quoted(value)}"' for name, value in values.items())


def _quoted(text: str) -> str:
    # As themselves, line ends and tabs in an attribute would be read as spaces.
    return _text(plain(text)).replace("\n", "&#10;").replace("\t", "&#9;")


def _text(text: str) -> str:
    return html.escape(text)
