"""What checks came to on all nodes: as lines for people, as JSON, as JUnit's test cases.

Pure.  `results_of` is the one place where answers, and nodes that gave none, become findings.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct
from msgspec.structs import replace

from trioexec.model.checks import Answer, Check, Finding, judge
from trioexec.model.hostfold import Fold
from trioexec.model.junit import Case
from trioexec.model.outcomes import (
    Cancelled,
    Denied,
    HostKeyRejected,
    Outcome,
    SudoDenied,
    TimedOut,
    Unreachable,
)
from trioexec.model.record import URGENCY, Verdict, plain_text
from trioexec.model.report import Report

__all__ = [
    "CheckResult",
    "Kind",
    "json_lines",
    "junit_cases",
    "lines_of",
    "results_of",
    "summary_line",
]


_WORDS: Final[Mapping[Verdict, str]] = {
    "ok": "ok",
    "failed": "FAILED",
    "error": "ERROR",
    "skipped": "SKIPPED",
}


class Kind(Struct, frozen=True, kw_only=True):
    """Nodes of which the same is to be said."""

    status: Verdict
    message: str
    nodes: tuple[str, ...]


class CheckResult(Struct, frozen=True, kw_only=True):
    """One check on all nodes."""

    check: Check
    findings: Mapping[str, Finding]
    """By node, in node order; every node has one."""

    answers: Mapping[str, Answer]
    """Of the nodes that gave one."""

    ends: Mapping[str, Outcome]
    """How each node ended."""

    @property
    def status(self) -> Verdict:
        """The worst there is."""
        found = {finding.verdict for finding in self.findings.values()}
        return next((status for status in URGENCY if status in found), "ok")

    def kinds(self) -> list[Kind]:
        """Fold what is not right: the worst first, then in node order."""
        found: dict[tuple[Verdict, str], list[str]] = {}
        for name, finding in self.findings.items():
            if finding.verdict != "ok":
                found.setdefault((finding.verdict, finding.message), []).append(name)
        kinds = [
            Kind(status=status, message=message, nodes=tuple(names))
            for (status, message), names in found.items()
        ]
        return sorted(kinds, key=lambda kind: URGENCY.index(kind.status))


def results_of(
    checks: Sequence[Check], answers: Mapping[str, Mapping[str, Answer]], report: Report
) -> list[CheckResult]:
    """Put together what is known.

    Args:
        checks: In the order of the file.
        answers: By check, then by node.
        report: How each node ended.
    """
    return [_result_of(check, answers[check.name], report) for check in checks]


def _result_of(check: Check, given: Mapping[str, Answer], report: Report) -> CheckResult:
    ends = {row.node.name: row.outcome for row in report}
    answers = {name: _settled(given[name], end) for name, end in ends.items() if name in given}
    findings = judge(check, answers)
    return CheckResult(
        check=check,
        answers=answers,
        ends=ends,
        findings={name: findings.get(name) or _unasked(end) for name, end in ends.items()},
    )


def _settled(answer: Answer, end: Outcome) -> Answer:
    """Say why a command was stopped: the one that ran does not know, the node's end does."""
    if not isinstance(answer.outcome, Cancelled):
        return answer
    return replace(answer, outcome=end, finding=None)


def _unasked(end: Outcome) -> Finding:
    match end:
        case Unreachable() | Denied() | SudoDenied() | HostKeyRejected():
            return Finding(verdict="error", message=end.text)
        case TimedOut(phase="connect" | "auth"):
            return Finding(verdict="error", message=end.text)
        case Cancelled(started=False):
            return Finding(verdict="skipped", message=end.text)
        case Cancelled() | TimedOut():
            return Finding(verdict="skipped", message=f"not asked: {end.text}")
        case _:
            return Finding(verdict="skipped", message="not asked: another check failed there")


def lines_of(results: Sequence[CheckResult], fold: Fold) -> Iterator[tuple[Verdict, str]]:
    """Make a line a check, or one for each way in which it is not right, with its status."""
    for result in results:
        name = result.check.name
        if result.status == "ok":
            yield "ok", f"{_WORDS['ok']} {name}"
        for kind in result.kinds():
            yield kind.status, f"{_WORDS[kind.status]} {name}: {fold(kind.nodes)}: {kind.message}"


def summary_line(results: Sequence[CheckResult], nodes: int, took: str) -> str:
    """Count the checks, as the last line does."""
    found = [result.status for result in results]
    counts = {one: found.count(one) for one in ("ok", "failed", "error", "skipped")}
    shown = ", ".join(
        f"{count} {one}{'s' * (one == 'error' and count > 1)}"
        for one, count in counts.items()
        if count
    )
    checks = f"{len(results)} check{'s' * (len(results) != 1)}"
    return f"{checks} on {nodes} node{'s' * (nodes != 1)}: {shown} in {took}"


def json_lines(results: Sequence[CheckResult]) -> Iterator[str]:
    """Make a JSON object of each check on each node."""
    for result in results:
        for name, finding in result.findings.items():
            row: dict[str, Any] = {
                "check": result.check.name,
                "node": name,
                "verdict": finding.verdict,
                "message": finding.message,
            }
            answer = result.answers.get(name)
            if answer is not None:
                row |= {
                    "outcome": answer.outcome.text,
                    "exit_code": answer.outcome.exit_code,
                    "took_s": round(answer.took_s, 3),
                    **_stream("stdout", answer.stdout, answer.stdout_bytes),
                    **_stream("stderr", answer.stderr, answer.stderr_bytes),
                }
            yield json.dumps(row, ensure_ascii=False)


def _stream(name: str, data: bytes, size_bytes: int) -> dict[str, object]:
    try:
        shown: dict[str, object] = {name: data.decode()}
    except UnicodeDecodeError:
        shown = {f"{name}_base64": base64.b64encode(data).decode()}
    if size_bytes > len(data):
        shown[f"{name}_bytes"] = size_bytes
    return shown


def junit_cases(results: Sequence[CheckResult]) -> list[Case]:
    """Make a test case of each check on each node."""
    return [
        _case_of(result, name, finding)
        for result in results
        for name, finding in result.findings.items()
    ]


def _case_of(result: CheckResult, name: str, finding: Finding) -> Case:
    answer = result.answers.get(name, Answer(outcome=result.ends[name]))
    return Case(
        class_name=result.check.name,
        name=name,
        took_s=answer.took_s,
        verdict=finding.verdict,
        message=f"{name}: {finding.message}",
        kind=type(answer.outcome).__name__,
        stdout=_text(answer.stdout, answer.stdout_bytes),
        stderr=_text(answer.stderr, answer.stderr_bytes),
    )


def _text(data: bytes, size_bytes: int) -> str:
    missing = size_bytes - len(data)
    mark = f"\n[... {missing:,} bytes left out here ...]\n" if missing > 0 else ""
    return plain_text(data) + mark
