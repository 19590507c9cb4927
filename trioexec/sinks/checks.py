"""What `trioexec check` shows and keeps: its report, JUnit, GitHub's annotations.

All of it is made when the run is over, of the answers that the job has kept.
"""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from trioexec.model.check_github import check_annotations, check_summary
from trioexec.model.check_results import (
    CheckResult,
    json_lines,
    junit_cases,
    lines_of,
    results_of,
    summary_line,
)
from trioexec.model.checks import Answer, Check
from trioexec.model.events import Event, RunFinished, RunStarted
from trioexec.model.hostfold import Fold
from trioexec.model.junit import Suite, document
from trioexec.model.record import Verdict
from trioexec.model.report import Report
from trioexec.model.tally import Tally
from trioexec.sinks.console import Console
from trioexec.sinks.document import Document
from trioexec.sinks.github import Silence, add_summary
from trioexec.sinks.summary import format_duration
from trioexec.sinks.visible import visible_line

__all__ = ["Asked", "ChecksGithubSink", "ChecksJunitSink", "ChecksSink"]

_COLOURS: Final[Mapping[Verdict, str]] = {
    "ok": "32",
    "failed": "31",
    "error": "31",
    "skipped": "33",
}


class Asked(Struct, frozen=True, kw_only=True):
    """What was asked, and what came of it so far."""

    name: str
    """What the report is called."""

    checks: Sequence[Check]
    answers: Mapping[str, Mapping[str, Answer]]
    """By check, then by node; filled while the run goes on."""

    def results(self, report: Report) -> list[CheckResult]:
        """Say what the answers come to."""
        return results_of(self.checks, self.answers, report)


class ChecksSink:
    """Writes the report to stdout: for people, or JSON."""

    def __init__(
        self,
        asked: Asked,
        console: Console,
        *,
        fold: Fold,
        json: bool = False,
        color: bool = False,
        quiet: bool = False,
    ) -> None:
        """Prepare.

        Args:
            asked: What is reported.
            console: Where to.
            fold: Makes one short text of node names.
            json: Whether as an object a line, for programs.
            color: Whether to use colours.
            quiet: Whether without the last line, which counts.
        """
        self._asked = asked
        self._console = console
        self._fold = fold
        self._json = json
        self._color = color
        self._quiet = quiet
        self._tally = Tally()

    def handle(self, event: Event) -> None:
        """Take one event; report with the last."""
        self._tally.handle(event)
        if isinstance(event, RunFinished) and event.stopped != "output closed":
            report = self._tally.report(now_s=event.at_s)
            results = self._asked.results(report)
            lines = json_lines(results) if self._json else self._lines(results, report)
            for line in lines:
                self._console.stdout.write(line.encode() + b"\n")

    async def serve(self) -> None:
        """Nothing takes time here: the console writes."""

    def _lines(self, results: Sequence[CheckResult], report: Report) -> Iterable[str]:
        for status, line in lines_of(results, self._fold):
            shown = visible_line(line).decode()
            if self._color:
                word, space, rest = shown.partition(" ")
                shown = f"\x1b[{_COLOURS[status]}m{word}\x1b[0m{space}{rest}"
            yield shown
        if not self._quiet:
            yield summary_line(results, len(report), format_duration(report.took_s))


class ChecksJunitSink:
    """Writes JUnit XML when the run is over: a test case a check and node."""

    def __init__(self, asked: Asked, path: Path, *, say: Callable[[str], None]) -> None:
        """Prepare; the file is not touched yet.

        Args:
            asked: What is reported.
            path: Replaced whole.
            say: Shows one line to the user, where the file cannot be written.
        """
        self._asked = asked
        self._document = Document(path, say=say)
        self._tally = Tally()

    @property
    def error(self) -> OSError | None:
        """Why there is no file, where it could not be written."""
        return self._document.error

    def handle(self, event: Event) -> None:
        """Take one event; write with the last."""
        self._tally.handle(event)
        if not isinstance(event, RunFinished):
            return
        report = self._tally.report(now_s=event.at_s)
        suite = Suite(
            name=self._asked.name,
            unix_s=report.unix_s,
            took_s=report.took_s,
            hostname=socket.gethostname(),
            properties={
                "trioexec.exit_code": str(event.exit_code),
                "trioexec.stopped": event.stopped or "no",
            },
        )
        text = document(suite, junit_cases(self._asked.results(report)))
        self._document.write(text, event.stopped)

    async def serve(self) -> None:
        """Wait for who reads, where it is no file."""
        await self._document.serve()


class ChecksGithubSink:
    """Tells GitHub what is not right, and lets no node do so: see `sinks.github`."""

    def __init__(
        self,
        asked: Asked,
        *,
        say: Callable[[str], None],
        fold: Fold,
        summary_file: Path | None,
        drained: Callable[[], bool] = lambda: True,
    ) -> None:
        """Prepare.

        Args:
            asked: What is reported.
            say: Shows one line on stderr, from where the runner reads it.
            fold: Makes one short text of node names.
            summary_file: What ``GITHUB_STEP_SUMMARY`` names; it is appended to.
            drained: Whether the runner has all that nodes have said on stdout.
        """
        self._asked = asked
        self._say = say
        self._fold = fold
        self._summary_file = summary_file
        self._silence = Silence(say, drained)
        self._tally = Tally()
        self._took_s = 0.0

    def handle(self, event: Event) -> None:
        """Take one event; speak with the first."""
        self._tally.handle(event)
        match event:
            case RunStarted():
                self._silence.begin()
            case RunFinished():
                self._took_s = event.at_s
                self._silence.end()

    async def serve(self) -> None:
        """Speak when the last event has come, and no node is heard any more."""
        await self._silence.serve(self._conclude)

    def _conclude(self) -> None:
        results = self._asked.results(self._tally.report(now_s=self._took_s))
        for line in check_annotations(results, self._fold):
            self._say(line)
        if self._summary_file is not None:
            text = check_summary(results, self._fold, title=self._asked.name)
            add_summary(self._summary_file, text, self._say)
