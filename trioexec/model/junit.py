"""A run as JUnit XML: a test case a node, as CI servers read it.

Pure.  Element order and required attributes are those of the strictest schema in
use (Windy Road's); only a test case's own ``system-out`` is Jenkins' extension.
"""

from __future__ import annotations

import html
import time
from collections.abc import Iterator, Mapping
from typing import Final

from trioexec.model.record import NodeRecord, RunRecord, Verdict, plain_text

__all__ = ["OUTPUT_BYTES", "TOTAL_BYTES", "junit_xml"]

OUTPUT_BYTES: Final = 64 * 1024
"""Of one stream of one node; CI servers load the whole file to show it."""

TOTAL_BYTES: Final = 8 * 1024 * 1024
"""Of all output together: Jenkins and GitLab refuse or crawl soon after."""

_TAGS: Final[Mapping[Verdict, str]] = {"failed": "failure", "error": "error"}

CLASS_NAME: Final = "trioexec.run"
"""A dot, as Jenkins takes what is before it for the package."""


def junit_xml(record: RunRecord, *, hostname: str, properties: Mapping[str, str]) -> bytes:
    """Make the document.

    Args:
        record: Of a run that is over; made within `OUTPUT_BYTES` and `TOTAL_BYTES`.
        hostname: The machine that trioexec ran on.
        properties: More about the run; the command and its end are there anyway.
    """
    return "\n".join(_lines(record, hostname, properties)).encode()


def _lines(record: RunRecord, hostname: str, properties: Mapping[str, str]) -> Iterator[str]:
    report = record.report
    started = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(report.unix_s))
    counts = {
        "tests": str(len(record.nodes)),
        "failures": str(record.count("failed")),
        "errors": str(record.count("error")),
        "skipped": str(record.count("skipped")),
        "time": _seconds(report.took_s),
    }
    yield '<?xml version="1.0" encoding="UTF-8"?>'
    yield "<testsuites>"
    suite = {
        "package": "trioexec",
        "id": "0",
        "name": _token(report.command) or "ping",
        "timestamp": started,
        "hostname": _token(hostname) or "localhost",
    }
    yield f"  <testsuite{_attributes({**suite, **counts})}>"
    yield "    <properties>"
    about = {
        "trioexec.command": report.command,
        "trioexec.exit_code": str(record.exit_code),
        "trioexec.stopped": record.stopped or "no",
        **properties,
    }
    for name, value in about.items():
        yield f"      <property{_attributes({'name': name, 'value': value})}/>"
    yield "    </properties>"
    for node in record.nodes:
        yield from _case(node)
    # Both are required of a suite, empty or not.
    yield "    <system-out/>"
    yield "    <system-err/>"
    yield "  </testsuite>"
    yield "</testsuites>\n"


def _case(node: NodeRecord) -> Iterator[str]:
    outcome = node.result.outcome
    names = {"classname": CLASS_NAME, "name": node.node.name, "time": _seconds(node.busy_s)}
    said = [
        f"<{tag}>{_text(text)}</{tag}>"
        for tag, text in (("system-out", node.stdout), ("system-err", node.stderr))
        if text
    ]
    if node.verdict == "ok" and not said:
        yield f"    <testcase{_attributes(names)}/>"
        return
    yield f"    <testcase{_attributes(names)}>"
    why = {"message": f"{node.node.name}: {outcome.text}"}
    if node.verdict == "skipped":
        yield f"      <skipped{_attributes(why)}/>"
    elif node.verdict != "ok":
        tag = _TAGS[node.verdict]
        kind = {"type": type(outcome).__name__}
        body = _text(node.stderr or node.stdout or _clean(outcome.text))
        yield f"      <{tag}{_attributes({**why, **kind})}>{body}</{tag}>"
    yield from (f"      {element}" for element in said)
    yield "    </testcase>"


def _seconds(value: float) -> str:
    return f"{max(0.0, value):.3f}"


def _token(text: str) -> str:
    """Make a text an ``xs:token``: no line ends, no space at the ends or twice."""
    return " ".join(_clean(text).split())


def _clean(text: str) -> str:
    return plain_text(text.encode("utf-8", "backslashreplace"))


def _attributes(values: Mapping[str, str]) -> str:
    return "".join(f' {name}="{_quoted(value)}"' for name, value in values.items())


def _quoted(text: str) -> str:
    # As themselves, line ends and tabs in an attribute would be read as spaces.
    return _text(_clean(text)).replace("\n", "&#10;").replace("\t", "&#9;")


def _text(text: str) -> str:
    return html.escape(text)
