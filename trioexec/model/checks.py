"""Named checks of machines, and whether the nodes' answers are right."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct

from trioexec.model.outcomes import Cancelled, Exited, Outcome

__all__ = [
    "ANSWER_BYTES",
    "Answer",
    "Check",
    "CheckFile",
    "Finding",
    "judge",
    "judge_alone",
]

ANSWER_BYTES: Final = 1024 * 1024
"""Of one stream of one answer, looked at; what is beyond is counted, and said to be."""


class Check(Struct, frozen=True, kw_only=True):
    """One command and what has to come of it, on every node."""

    name: str
    command: str
    exit_code: int = 0
    output: str | None = None
    """What stdout has to be, line ends at its end aside; None: anything."""

    matches: str | None = None
    """A regular expression that stdout has to have somewhere, ``^`` and ``$`` a line each."""

    same_on_all_nodes: bool = False
    """Whether a node whose stdout is not the majority's has failed."""

    timeout_s: float = math.inf


class CheckFile(Struct, frozen=True, kw_only=True):
    """What a file asks for."""

    nodes: tuple[str, ...]
    """Expressions; empty where the command line is to name them."""

    checks: tuple[Check, ...]


class Finding(Struct, frozen=True, kw_only=True):
    """Whether an answer is right."""

    verdict: Literal["ok", "failed", "error", "skipped"]
    """``failed``: answered, and wrong; ``error``: no answer; ``skipped``: never asked."""

    message: str = ""
    """What is wrong, in one line."""


class Answer(Struct, frozen=True, kw_only=True):
    """What one check came to on one node."""

    outcome: Outcome
    stdout: bytes = b""
    """Its beginning, where there was more."""

    stderr: bytes = b""
    took_s: float = 0.0
    stdout_bytes: int = 0
    """How much there was, where `stdout` is not all of it."""

    stderr_bytes: int = 0
    digest: bytes = b""
    """Of all of stdout; empty where `stdout` says it all."""

    finding: Finding | None = None
    """What was found when more of the output was there than is kept."""


def judge(check: Check, answers: Mapping[str, Answer]) -> dict[str, Finding]:
    """Say for each node whether its answer is right.

    Args:
        check: What was asked.
        answers: In node order: where as many nodes say one thing as another, the first is right.
    """
    findings = {
        name: answer.finding or judge_alone(check, answer) for name, answer in answers.items()
    }
    if check.same_on_all_nodes:
        _find_outliers(answers, findings)
    return findings


def judge_alone(check: Check, answer: Answer) -> Finding:
    """Say whether an answer is right as far as no other node has to say the same."""
    outcome = answer.outcome
    if isinstance(outcome, Cancelled) and not outcome.started:
        return Finding(verdict="skipped", message=outcome.text)
    if not isinstance(outcome, Exited):
        return Finding(verdict="error", message=outcome.text)
    if outcome.code != check.exit_code:
        return Finding(
            verdict="failed", message=f"{outcome.text}, not {check.exit_code}{_why(answer)}"
        )
    stdout = answer.stdout.decode(errors="backslashreplace")
    whole = answer.stdout_bytes <= len(answer.stdout)
    much = "" if whole else f" ({answer.stdout_bytes:,} bytes)"
    if check.output is not None and (not whole or stdout.rstrip("\n") != check.output.rstrip("\n")):
        wanted = f", not {_short(check.output)}"
        return Finding(verdict="failed", message=f"answered {_short(stdout)}{much}{wanted}")
    if check.matches is not None and not re.search(check.matches, stdout, re.MULTILINE):
        where = "" if whole else f" in its first {len(answer.stdout):,} bytes"
        return Finding(
            verdict="failed",
            message=f"answered {_short(stdout)}{much}, which has no {check.matches}{where}",
        )
    return Finding(verdict="ok")


def _why(answer: Answer) -> str:
    """Say what a command that failed had to say of it, in its last line."""
    said = (answer.stderr or answer.stdout).decode(errors="backslashreplace").strip()
    last = said.rpartition("\n")[2]
    shown = last if len(last) <= _SHORT else last[:_SHORT] + "..."
    return f": {shown}" if shown else ""


def _find_outliers(answers: Mapping[str, Answer], findings: dict[str, Finding]) -> None:
    said = {
        name: answers[name].digest or answers[name].stdout
        for name, finding in findings.items()
        if finding.verdict == "ok"
    }
    # Of those that are as frequent, the first: a Counter keeps the order.
    counts = Counter(said.values()).most_common(1)
    if not counts or counts[0][1] == len(said):
        return
    usual, count = counts[0]
    other = next(name for name, what in said.items() if what == usual)
    others = _short(answers[other].stdout.decode(errors="backslashreplace"))
    for name, what in said.items():
        if what != usual:
            own = _short(answers[name].stdout.decode(errors="backslashreplace"))
            nodes = f"{count} node{'s' * (count != 1)}"
            findings[name] = Finding(
                verdict="failed", message=f"answered {own}; {nodes} answered {others}"
            )


_SHORT: Final = 80


def _short(text: str) -> str:
    """Give an answer in one line."""
    first, _, rest = text.strip("\n").partition("\n")
    shown = first if len(first) <= _SHORT else first[:_SHORT] + "..."
    return repr(shown) + (" and more" if rest else "")
