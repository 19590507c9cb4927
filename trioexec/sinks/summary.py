"""The last lines of a run: what became of the nodes, and what the exit code does not say."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

from trioexec.model.events import Event, RunFinished
from trioexec.model.exitcodes import OK, Strategy
from trioexec.model.hostfold import Fold
from trioexec.model.record import DISSENT
from trioexec.model.report import Report
from trioexec.model.tally import Tally
from trioexec.sinks.console import Console

__all__ = ["SummarySink", "format_age", "format_duration", "summarize"]

_MINUTE_S: Final = 60
_HOUR_S: Final = 3600
_TENTHS_BELOW_S: Final = 59.95


class SummarySink:
    """Says the last lines on stderr."""

    def __init__(
        self,
        console: Console,
        *,
        fold: Fold,
        quiet: bool = False,
        dissenters: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """Prepare the sink.

        Args:
            console: Where to say it.
            fold: Makes one short text of node names.
            quiet: Say nothing.
            dissenters: Names, at the end, the nodes that fail for their answer alone.
        """
        self._console = console
        self._fold = fold
        self._quiet = quiet
        self._dissenters = dissenters
        self._tally = Tally()

    def handle(self, event: Event) -> None:
        """Take one event."""
        self._tally.handle(event)
        # `| head` has what it wanted: nobody is to read of nodes that "failed".
        if isinstance(event, RunFinished) and not self._quiet and event.stopped != "output closed":
            report = self._tally.report(now_s=event.at_s)
            lines = summarize(report, exit_code=event.exit_code, fold=self._fold)
            if dissenters := self._dissenters():
                lines.append(f"  {DISSENT} (--fail-on-diff): {self._fold(dissenters)}")
            for line in lines:
                self._console.say(line)

    async def serve(self) -> None:
        """Nothing takes time here."""


def summarize(report: Report, *, exit_code: int, fold: Fold) -> list[str]:
    """Put a run into lines: the counts, then a line for each way to fail."""
    total = len(report)
    failed = len(report.failed)
    counts = f"{total - failed} ok" + (f", {failed} failed" if failed else "")
    lines = [
        f"{total} node{'s' * (total != 1)}: {counts} in {format_duration(report.took_s)}",
        *(
            f"  {text}: {fold(node.name for node in nodes)}"
            for text, nodes in report.by_text().items()
        ),
    ]
    if failed and exit_code == OK:
        lines.append(
            "  exit code 0 all the same: that of the main rank;"
            f" {Strategy.ALL.value} exits 1 when any node fails"
        )
    return lines


def format_duration(seconds_s: float) -> str:
    """Write a duration as people say it: ``0.4 s``, ``2 min 5 s``, ``3 h 20 min``."""
    if seconds_s < _TENTHS_BELOW_S:
        return f"{seconds_s:.1f} s"
    whole_s = round(seconds_s)
    if whole_s < _HOUR_S:
        return f"{whole_s // _MINUTE_S} min {whole_s % _MINUTE_S} s"
    return f"{whole_s // _HOUR_S} h {whole_s % _HOUR_S // _MINUTE_S} min"


def format_age(seconds_s: float) -> str:
    """Write how long something has lasted so far, as clocks do: in seconds that are over."""
    whole_s = int(seconds_s)
    return f"{whole_s} s" if whole_s < _MINUTE_S else format_duration(whole_s)
