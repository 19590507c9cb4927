"""One live line: how far the run is, how long it may take, and who is slow.

`render` and `estimate` are pure; the sink only ticks.  The line is the writer's
to wipe before other text, and it exists on a terminal only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from itertools import islice
from typing import Final

import trio
from msgspec import Struct

from trioexec.model.events import Event, NodeFinished, RunFinished, RunStarted
from trioexec.model.outcomes import Cancelled
from trioexec.model.tally import Tally
from trioexec.sinks.console import Console
from trioexec.sinks.summary import format_age, format_duration
from trioexec.sinks.visible import visible_line

__all__ = ["Progress", "ProgressSink", "estimate", "render", "roughly"]

TICK_S: Final = 0.25
"""Between two looks: quick enough for the eye, and next to nothing to do."""

QUIET_S: Final = 0.5
"""A run that is over sooner shows no line at all."""

SLOWEST_SHOWN: Final = 3
SLOW_S: Final = 1.0
"""Who runs for less is not slow."""

SAMPLES: Final = 3
"""Nodes that must have finished before there is an estimate."""

BAR_COLUMNS: Final = 10
GAP: Final = "  "
"""Between two parts of the line."""

_MINUTE_S: Final = 60
_TENS_BELOW_S: Final = 10

_RED: Final = "31"
_GREEN: Final = "32"
_DIM: Final = "2"


class Progress(Struct, frozen=True, kw_only=True):
    """What there is to show at one moment."""

    total: int
    succeeded: int
    failed: int
    running: int
    queued: int
    elapsed_s: float
    answers: int = 0
    """How many different ones there are so far; 0 where nobody counts."""

    left_s: float = math.nan
    """NaN where nobody can tell."""

    at_least: bool = False
    """Whether `left_s` is too low for sure: some node takes longer than any before."""

    slowest: tuple[tuple[str, float], ...] = ()
    """Running nodes, and for how long; the slowest first."""


def render(progress: Progress, *, width: int, unicode: bool, color: bool) -> str:
    """Make the line; at most ``width - 1`` columns, what matters least is left out first.

    Args:
        progress: What to show.
        width: Columns of the terminal.
        unicode: Whether the terminal knows more than ASCII.
        color: Whether to use colours.
    """
    pieces = _pieces(progress, unicode=unicode)
    room = max(0, width - 1)
    counts = f"{progress.succeeded + progress.failed}/{progress.total}"
    if room < len(f"{counts} done"):
        return counts[:room]
    shown: set[int] = set()
    for at in sorted(range(len(pieces)), key=lambda at: pieces[at].rank):
        columns = len(pieces[at].text) + (len(pieces[at].glue) if shown else 0)
        # A second name makes no sense without the first.
        if columns <= room and (pieces[at].glue == GAP or at - 1 in shown):
            room -= columns
            shown.add(at)
    line = "".join(pieces[at].glue + pieces[at].colored(color=color) for at in sorted(shown))
    return line.removeprefix(GAP)


def estimate(
    *, ages_s: Iterable[float], queued: int, mean_s: float, longest_s: float
) -> tuple[float, bool]:
    """Guess how long the rest takes, from those that have finished.

    Args:
        ages_s: Of the running nodes.
        queued: How many have not begun.
        mean_s: Of those that have finished.
        longest_s: Of those that have finished.

    Returns:
        Seconds, and whether it is a lower bound only, because somebody takes longer
        than anyone before; NaN where there is nothing to go by.
    """
    ages = list(ages_s)
    beyond = [age_s for age_s in ages if age_s > longest_s]
    if math.isnan(mean_s) or (not queued and len(beyond) == len(ages)):
        return math.nan, False
    work_s = queued * mean_s + sum(max(0.0, mean_s - age_s) for age_s in ages)
    return work_s / max(1, len(ages)), bool(beyond)


class ProgressSink:
    """Keeps the live line up to date."""

    def __init__(
        self,
        console: Console,
        *,
        color: bool = False,
        unicode: bool = False,
        answers: Callable[[], int] = int,
    ) -> None:
        """Prepare the sink.

        Args:
            console: The line is under its stderr, where that is a terminal.
            color: Whether to use colours.
            unicode: Whether the terminal knows more than ASCII.
            answers: Counts the different answers so far; `GroupSink.distinct` does.
        """
        self._answers = answers
        self._writer = console.stderr
        self._color = color
        self._unicode = unicode
        self._tally = Tally()
        self._zero_s = math.nan
        self._done = trio.Event()
        self._samples = 0
        self._sum_s = 0.0
        self._longest_s = 0.0

    def handle(self, event: Event) -> None:
        """Take one event."""
        match event:
            case RunStarted():
                self._zero_s = trio.current_time()
            case NodeFinished() if not isinstance(event.outcome, Cancelled):
                took_s = event.at_s - self._tally.running.get(event.node, event.at_s)
                self._samples += 1
                self._sum_s += took_s
                self._longest_s = max(self._longest_s, took_s)
            case RunFinished():
                self._writer.show_live(b"")
                self._done.set()
        self._tally.handle(event)

    async def serve(self) -> None:
        """Draw until the run has finished; the line is gone then, and when cancelled."""
        if not self._writer.is_terminal:
            return
        try:
            with trio.move_on_after(QUIET_S):
                await self._done.wait()
            while not self._done.is_set():
                self.draw()
                with trio.move_on_after(TICK_S):
                    await self._done.wait()
        finally:
            self._writer.show_live(b"")

    def draw(self) -> None:
        """Draw once."""
        line = render(
            self.look(), width=self._writer.columns, unicode=self._unicode, color=self._color
        )
        self._writer.show_live(line.encode())

    def look(self) -> Progress:
        """Say how far the run is just now."""
        tally = self._tally
        now_s = 0.0 if math.isnan(self._zero_s) else trio.current_time() - self._zero_s
        left_s, at_least = estimate(
            ages_s=(now_s - since_s for since_s in tally.running.values()),
            queued=len(tally.queued),
            mean_s=self._sum_s / self._samples if self._samples >= SAMPLES else math.nan,
            longest_s=self._longest_s,
        )
        # They stand in the order in which they began.
        slowest = islice(tally.running.items(), SLOWEST_SHOWN)
        return Progress(
            total=len(tally.nodes),
            succeeded=tally.succeeded,
            failed=tally.failed,
            running=len(tally.running),
            queued=len(tally.queued),
            elapsed_s=now_s,
            answers=self._answers(),
            left_s=left_s,
            at_least=at_least,
            slowest=tuple(
                (name, now_s - since_s) for name, since_s in slowest if now_s - since_s >= SLOW_S
            ),
        )


class _Piece(Struct, frozen=True):
    """A part of the line."""

    rank: int
    """The higher, the sooner it is left out."""

    text: str
    sgr: str = ""
    glue: str = GAP
    """What stands before it."""

    def colored(self, *, color: bool) -> str:
        return f"\x1b[{self.sgr}m{self.text}\x1b[0m" if color and self.sgr else self.text


def _pieces(progress: Progress, *, unicode: bool) -> list[_Piece]:
    """The line's parts as they stand in it."""
    done = progress.succeeded + progress.failed
    pieces = [
        _Piece(20, _bar(progress, unicode=unicode)),
        _Piece(0, f"{done}/{progress.total} done", _GREEN if progress.succeeded else ""),
    ]
    if progress.failed:
        pieces.append(_Piece(1, f"{progress.failed} failed", _RED))
    pieces.append(_Piece(2, f"{progress.running} running"))
    if progress.queued:
        pieces.append(_Piece(6, f"{progress.queued} queued"))
    pieces.append(_Piece(3, format_age(progress.elapsed_s)))
    if progress.answers:
        pieces.append(_Piece(7, f"{progress.answers} answer{'s' * (progress.answers > 1)}"))
    if not math.isnan(progress.left_s):
        more = "more than" if progress.at_least else "about"
        pieces.append(_Piece(5, f"{more} {roughly(progress.left_s)} left"))
    for place, (name, age_s) in enumerate(progress.slowest):
        text = f"{_plain(name)} {format_age(age_s)}"
        if place == 0:
            pieces.append(_Piece(4, f"slow: {text}", _DIM))
        else:
            pieces.append(_Piece(7 + place, text, _DIM, glue=", "))
    return pieces


def _bar(progress: Progress, *, unicode: bool) -> str:
    done = progress.succeeded + progress.failed
    full = BAR_COLUMNS * done // progress.total if progress.total else 0
    if unicode:
        return "━" * full + "─" * (BAR_COLUMNS - full)
    return "[" + "#" * full + "-" * (BAR_COLUMNS - full) + "]"


def roughly(seconds_s: float) -> str:
    """Write a guess, no finer than it can be."""
    if seconds_s < _TENS_BELOW_S:
        return f"{max(1, round(seconds_s))} s"
    fives_s = round(seconds_s / 5) * 5
    if fives_s < _MINUTE_S:
        return f"{fives_s} s"
    minutes = round(seconds_s / _MINUTE_S)
    return f"{minutes} min" if minutes < _MINUTE_S else format_duration(minutes * _MINUTE_S)


def _plain(name: str) -> str:
    """ASCII alone: a column a character, on every terminal."""
    return visible_line(name).decode().encode("ascii", "backslashreplace").decode()
