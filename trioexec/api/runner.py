"""One run from start to end: the engine inside, its readers round it, the signals round those.

The nesting is the point.  Signals are obeyed until the last byte is written;
readers outlive the work; the work is what a Ctrl-C cancels.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial
from typing import Protocol

import trio
from msgspec import Struct

from trioexec.engine.broadcast import Broadcast
from trioexec.engine.jobs import Job
from trioexec.engine.run import Run
from trioexec.engine.signals import make_quit, obey_signals
from trioexec.model.command import Limits
from trioexec.model.events import Event
from trioexec.model.exitcodes import FAILED, OK
from trioexec.model.flow import Flow
from trioexec.model.interrupt import Manners
from trioexec.model.nodes import Node
from trioexec.model.outcomes import StopReason
from trioexec.model.report import Report
from trioexec.sinks.base import Sink, patience_s
from trioexec.transports.base import Transport

__all__ = ["Decide", "RunResult", "Terminal", "run_job"]

Decide = Callable[[Report, StopReason | None, str | None], int]
"""Makes the exit code of a report, why the run was stopped, and the node that stopped it."""

LAST_WORDS_S = 0.5
"""After the press that cuts everything short: for the summary, which says what is left behind."""


class Terminal(Protocol):
    """Where sinks write to in the end; `sinks.console.Console` is one."""

    on_closed: Callable[[], None]
    """Called once when the reader of our output has gone away."""

    def say(self, line: str) -> None:
        """Show one line to the user, on stderr; never blocks.

        Args:
            line: Without a newline.
        """

    async def serve(self) -> None:
        """Write what is waiting, until `close` was called and nothing is left.

        When cancelled, what is still waiting is lost.
        """

    def close(self, *, patience_s: float = math.inf) -> None:
        """Take no more; `serve` returns when all is written, or a reader is stuck for so long.

        Args:
            patience_s: Seconds for which a reader that does not read may keep us.
        """


class RunResult(Struct, frozen=True, kw_only=True):
    """What is left of a run."""

    report: Report
    """How each node ended."""

    exit_code: int
    """What `decide` has made of it."""

    stopped: StopReason | None
    """Why the run ended early; None when it did not."""


async def run_job(
    nodes: Sequence[Node],
    job: Job,
    transport: Transport,
    *,
    limits: Limits,
    flow: Flow,
    sinks: Sequence[Sink],
    console: Terminal,
    decide: Decide,
    fold: Callable[[list[str]], str],
    batch: bool = False,
    feed: Broadcast | None = None,
    hand_quit: Callable[[Callable[[], None]], None] | None = None,
    manners: Manners | None = None,
) -> RunResult:
    """Run a job on nodes, show it, obey the signals, and return when all is written.

    Opens and closes the transport.  Returns also when the run was stopped, by a signal or
    a limit; raises only for bugs, and when cancelled: the commands have been ended then.

    Args:
        nodes: In rank order, names distinct.
        job: What to do on each node.
        transport: How to reach them; not open yet.
        limits: How many at once, and how long.
        flow: What `console` and the sinks hold when they are full.
        sinks: Get every event, in this order.
        console: Where they write; closed on return.
        decide: Makes the exit code.
        fold: Makes one short text of node names.
        batch: Whether one Ctrl-C terminates.
        feed: What the commands read, where it has to be read beside them.
        hand_quit: Given, before the run begins, what ends it as a Ctrl-C does of which one
            is enough: for a screen with keys of its own.
        manners: What to say on Ctrl-C instead of our own texts.
    """

    def judge(report: Report, stopped: StopReason | None, stopped_by: str | None) -> int:
        # Commands that lacked a part of their input did not do what was asked for.
        failed = feed is not None and feed.error is not None
        return decide(report, stopped, stopped_by) or (FAILED if failed else OK)

    run = Run(nodes, job, transport, limits=limits, flow=flow, emit=_each(sinks), decide=judge)
    if feed is not None:
        feed.on_error = partial(_stop_unfed, run, feed, console)
    console.on_closed = lambda: run.cancel("output closed")
    reading = trio.CancelScope()
    cut = partial(_cut_soon, reading)
    if hand_quit is not None:
        hand_quit(make_quit(run, cut))
    obey = partial(obey_signals, run, batch=batch, say=console.say, fold=fold, manners=manners)
    async with trio.open_nursery() as signals:
        await signals.start(partial(obey, cut_readers=cut))
        with reading:
            await _work_and_show(run, transport, feed, sinks, console)
        signals.cancel_scope.cancel(reason="the run is over")
    report = run.report()
    code = judge(report, run.stopped, run.stopped_by)
    return RunResult(report=report, exit_code=code, stopped=run.stopped)


def _stop_unfed(run: Run, feed: Broadcast, console: Terminal) -> None:
    reason = feed.error.strerror if feed.error is not None else None
    console.say(f"Our stdin cannot be read: {reason}. Ending all commands...")
    run.cancel("caller")


def _each(sinks: Sequence[Sink]) -> Callable[[Event], None]:
    """Make what gives an event to every sink, in their order."""

    def emit(event: Event) -> None:
        for sink in sinks:
            sink.handle(event)

    return emit


def _cut_soon(reading: trio.CancelScope) -> None:
    """Have readers end that nobody waits for any more."""
    reading.deadline = min(reading.deadline, trio.current_time() + LAST_WORDS_S)


async def _work_and_show(
    run: Run,
    transport: Transport,
    feed: Broadcast | None,
    sinks: Sequence[Sink],
    console: Terminal,
) -> None:
    """Execute with the readers round it; they have written all when this returns."""
    async with trio.open_nursery() as output:
        output.start_soon(console.serve)
        async with trio.open_nursery() as readers:
            for sink in sinks:
                readers.start_soon(sink.serve)
            async with transport.open(), trio.open_nursery() as feeding:
                if feed is not None:
                    feeding.start_soon(feed.serve)
                await run.execute()
                feeding.cancel_scope.cancel(reason="nobody reads any more")
        console.close(patience_s=patience_s(run.stopped))
