"""Fans a job out: options in, exit code out; `run`, `ping` and `demo` differ in the job only.

Everything that can be wrong is found before the run begins: `prepare` is that half,
`execute` the other.
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeVar, TypeVarTuple, Unpack

from msgspec import Struct

from trioexec.cli.early import given_back
from trioexec.cli.invocation import Invocation
from trioexec.cli.options import OutputOptions
from trioexec.cli.selection import nodes_for
from trioexec.cli.view import (
    Streams,
    View,
    dissenters_of,
    group_that_judges,
    make_sinks,
    view_of,
)
from trioexec.model.command import Limits
from trioexec.model.errors import UsageError
from trioexec.model.exitcodes import DIFFERENT, FAILED, OK, Strategy, Verdict, decide
from trioexec.model.nodes import Node
from trioexec.settings.layers import COMMAND_LINE

if TYPE_CHECKING:
    from trioexec.api.runner import Decide
    from trioexec.cli.records import RecordMaker, SinkMaker
    from trioexec.engine.broadcast import Broadcast
    from trioexec.engine.jobs import Job
    from trioexec.model.interrupt import Manners
    from trioexec.model.outcomes import StopReason
    from trioexec.model.report import Report
    from trioexec.sinks.grouped import GroupSink
    from trioexec.transports.base import Transport

__all__ = [
    "Plan",
    "decide_by",
    "execute",
    "nodes_for",
    "raise_descriptor_limit",
    "run_plan",
    "run_trio",
    "show_dry",
    "view_for",
]


FEWEST_DESCRIPTORS: Final = 20
"""A run of one node has 15 or so open."""

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class Plan(Struct, frozen=True, kw_only=True):
    """A run that is about to begin, and can no more be refused."""

    nodes: Sequence[Node]
    job: Job
    transport: Transport
    limits: Limits
    decide: Decide
    view: View
    batch: bool
    feed: Broadcast | None = None
    """Our stdin, where the commands read it."""

    records: RecordMaker | None = None
    """Makes the sinks that keep the run: the journal, JUnit."""

    shown: SinkMaker | None = None
    """Makes what shows the run, where that is not the view's usual sinks."""

    manners: Manners | None = None
    """What to say on Ctrl-C instead of our own texts."""


def view_for(call: Invocation) -> View:
    """Settle how the call is shown."""
    if call.options(OutputOptions).tui:
        from trioexec.cli.screen import require_screen  # noqa: PLC0415

        require_screen(call)
    stdin = call.settings.get("stdin")
    return view_of(
        call.options(OutputOptions),
        color_given=call.settings["color"].source == COMMAND_LINE,
        env=call.env,
        streams=Streams.ours(reads_stdin=bool(stdin and stdin.value)),
    )


def decide_by(strategy: Strategy, main_rank: str) -> Decide:
    """Make the run's judge."""

    def judge(report: Report, stopped: StopReason | None, stopped_by: str | None) -> int:
        return decide(
            report,
            Verdict(strategy=strategy, main_rank=main_rank, stopped=stopped, stopped_by=stopped_by),
        )

    return judge


def show_dry(nodes: Sequence[Node], what: str, note: str) -> int:
    """Say what would be done where, and that it was not."""
    sys.stdout.writelines(f"{node.name}: {what}\n" for node in nodes)
    sys.stdout.flush()
    count = "1 node" if len(nodes) == 1 else f"{len(nodes)} nodes"
    sys.stderr.write(f"Dry run: {count}, {note}; nothing was connected to.\n")
    return OK


def execute(plan: Plan) -> int:
    """Run it; returns the exit code."""
    return run_trio(run_plan, plan)


def run_trio(main: Callable[[Unpack[_Ts]], Awaitable[_T]], *arguments: *_Ts) -> _T:
    """Run trio, as every command that needs it does; returns what `main` does."""
    import trio  # noqa: PLC0415 - a tenth of a second that `--help` and `nodes` do not have

    raise_descriptor_limit()
    with given_back():
        # A Ctrl-C before the run owns the signals must not surface inside asyncio's code.
        return trio.run(main, *arguments, restrict_keyboard_interrupt_to_checkpoints=True)


async def run_plan(plan: Plan) -> int:
    """Run it in a trio that is there already; returns the exit code."""
    from trioexec.api import run_job  # noqa: PLC0415 - imports trio
    from trioexec.cli.screen import make_console  # noqa: PLC0415 - only runs need it
    from trioexec.cli.verbose import telling  # noqa: PLC0415 - logging is slow to import, for trio
    from trioexec.model.flow import Flow  # noqa: PLC0415
    from trioexec.model.hostlist import fold  # noqa: PLC0415 - node sets are slow to import
    from trioexec.sinks.base import failed_file  # noqa: PLC0415 - only runs need sinks

    flow = Flow()
    on_screen = plan.view.mode == "tui"
    console, hand_quit = make_console(flow, on_screen=on_screen)
    with contextlib.ExitStack() as kept:
        kept.enter_context(telling(console.say, verbose=plan.view.verbose))
        shown = (
            plan.shown(console, fold) if plan.shown else make_sinks(plan.view, console, fold=fold)
        )
        dissenters = dissenters_of(plan.view, shown)
        records = plan.records(console, fold, dissenters) if plan.records else ()
        sinks = [*shown, *records]
        result = await run_job(
            plan.nodes,
            plan.job,
            plan.transport,
            limits=plan.limits,
            flow=flow,
            sinks=sinks,
            console=console,
            decide=_failing_on(plan.decide, group_that_judges(plan.view, shown)),
            fold=fold,
            batch=plan.batch or on_screen,
            feed=plan.feed,
            hand_quit=hand_quit,
            manners=plan.manners,
        )
    return FAILED if result.exit_code == OK and failed_file(sinks) else result.exit_code


def _failing_on(decide: Decide, groups: GroupSink | None) -> Decide:
    """Make a judge to whom nodes that differ are no success."""
    if groups is None:
        return decide

    def judge(report: Report, stopped: StopReason | None, stopped_by: str | None) -> int:
        code = decide(report, stopped, stopped_by)
        return DIFFERENT if code == OK and groups.outliers else code

    return judge


def raise_descriptor_limit() -> None:
    """Take as many descriptors as we may: 1,024 are gone at some 500 nodes.

    Raises:
        UsageError: They are too few for any run.
    """
    import resource  # noqa: PLC0415

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    if 0 <= hard < FEWEST_DESCRIPTORS:  # no limit is -1
        raise UsageError(
            f"{hard} open files are too few for this process.\nAllow more of them: ulimit -n 1024"
        )
