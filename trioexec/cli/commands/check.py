"""``trioexec check``: what a file asks of nodes, a connection each, and what is not right."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import replace

from trioexec.cli.fanout import Plan, execute, nodes_for
from trioexec.cli.mapping import limits_of
from trioexec.cli.options import (
    CheckOptions,
    LimitOptions,
    NodeOptions,
    OutputOptions,
    RecordOptions,
    SshOptions,
    TransportOptions,
)
from trioexec.cli.records import record_sinks
from trioexec.cli.registry import CommandEntry
from trioexec.cli.texts import counted
from trioexec.cli.transport import check_transport, transport_for
from trioexec.cli.view import Streams, progress_sinks, view_of
from trioexec.model.errors import UsageError, why
from trioexec.model.exitcodes import OK, decide_checks
from trioexec.settings.layers import COMMAND_LINE

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation
    from trioexec.cli.records import SinkMaker
    from trioexec.cli.view import View
    from trioexec.engine.checks import ChecksJob
    from trioexec.model.checks import CheckFile
    from trioexec.model.nodes import Node
    from trioexec.model.outcomes import StopReason
    from trioexec.model.report import Report
    from trioexec.sinks.checks import Asked

__all__ = ["ENTRY", "main", "plan_for"]

ENTRY = CommandEntry(
    usage="[OPTIONS] FILE.toml [EXPR]...",
    groups=(
        NodeOptions,
        LimitOptions,
        CheckOptions,
        SshOptions,
        TransportOptions,
        RecordOptions,
    ),
    words_end=False,
    examples=(
        ("trioexec check checks.toml", "on the nodes of the file; exit 0: all is right everywhere"),
        ("trioexec check checks.toml 'web[1-20]'", "on these instead"),
        ("trioexec check checks.toml --junit report.xml", "for CI: a test case a check and node"),
    ),
)

_USE = "Name a file of checks: trioexec check checks.toml"


def main(call: Invocation) -> int:
    """Ask, and report."""
    if call.options(LimitOptions).dry_run:
        return _show(call)
    return execute(plan_for(call))


def plan_for(call: Invocation) -> Plan:
    """Make the run, whole.

    Raises:
        UsageError: Something in the options or in the file makes no sense.
    """
    from trioexec.sinks.checks import Asked  # noqa: PLC0415 - imports trio

    name, file = _file_of(call)
    nodes = _nodes_of(call, file)
    job = _job_for(call, name, file, len(nodes))
    asked = Asked(name=name, checks=file.checks, answers=job.answers)

    def judge(report: Report, stopped: StopReason | None, _stopped_by: str | None) -> int:
        return decide_checks(
            right=all(result.status == "ok" for result in asked.results(report)),
            asked=any(job.answers.values()),
            stopped=stopped,
        )

    limits = call.options(LimitOptions)
    options = call.options(CheckOptions)
    view = _view_for(call, options)
    records = record_sinks(call, asked)
    transport, left = transport_for(call, nodes, limits_of(limits), keep=True)
    return Plan(
        nodes=nodes,
        job=job,
        view=view,
        transport=transport,
        limits=left,
        decide=judge,
        batch=limits.batch,
        records=records,
        shown=_report_sinks(view, asked, as_json=options.json),
    )


def _file_of(call: Invocation) -> tuple[str, CheckFile]:
    from trioexec.settings.check_file import parse_checks  # noqa: PLC0415 - tomllib is slow to import

    if not call.words:
        raise UsageError(f"there is nothing to check.\n{_USE}")
    name = call.words[0]
    try:
        text = Path(name).read_text(encoding="utf-8-sig")  # as of config files
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(f"check {name}: {why(exc)}.\n{_USE}") from exc
    return name, parse_checks(text, name)


def _nodes_of(call: Invocation, file: CheckFile) -> list[Node]:
    """Choose the nodes of the file, where the command line names none."""
    named = call.words[1:]
    on_line = (call.settings["hosts"].source, call.settings["cluster"].source)
    if named or COMMAND_LINE in on_line or not file.nodes:
        return nodes_for(
            call,
            named,
            missing=f"no nodes: {call.words[0]} names none.\n"
            'Write nodes = "web[1-3]" into it, above its checks, or name some after it.',
        )
    # The file knows its nodes better than variables and config files, which are for all.
    configured = replace(call.configured, cluster="")
    return nodes_for(replace(call, configured=configured), file.nodes)


def _job_for(call: Invocation, name: str, file: CheckFile, nodes: int) -> ChecksJob:
    from trioexec.engine.checks import ChecksJob  # noqa: PLC0415 - imports trio
    from trioexec.model.junit import OUTPUT_BYTES, TOTAL_BYTES  # noqa: PLC0415

    options, limits = call.options(CheckOptions), call.options(LimitOptions)
    share = TOTAL_BYTES // (2 * nodes * len(file.checks))
    return ChecksJob(
        file.checks,
        text=f"check {name}",
        env=dict(options.env),
        timeout_s=options.timeout,
        connect_timeout_s=limits.connect_timeout,
        stops=limits.fail_fast,
        keep_bytes=max(_LEAST_BYTES, min(OUTPUT_BYTES, share)),
    )


_LEAST_BYTES = 512
"""Kept of a stream however many nodes there are: what a message shows."""


def _view_for(call: Invocation, options: CheckOptions) -> View:
    return view_of(
        OutputOptions(
            quiet=options.quiet,
            verbose=options.verbose,
            color=options.color,
            progress=options.progress,
        ),
        color_given=call.settings["color"].source == COMMAND_LINE,
        env=call.env,
        streams=Streams.ours(),
    )


def _report_sinks(view: View, asked: Asked, *, as_json: bool) -> SinkMaker:
    from trioexec.sinks.checks import ChecksSink  # noqa: PLC0415 - imports trio

    return lambda console, fold: [
        ChecksSink(
            asked,
            console,
            fold=fold,
            json=as_json,
            color=view.color_stdout,
            quiet=view.quiet,
        ),
        *progress_sinks(view, console),
    ]


def _show(call: Invocation) -> int:
    """Say what would be asked where; connects to nothing."""
    _, file = _file_of(call)
    nodes = _nodes_of(call, file)
    check_transport(call)
    sys.stdout.writelines(
        f"{node.name}: {check.name}: {check.command}\n" for node in nodes for check in file.checks
    )
    sys.stdout.flush()
    sys.stderr.write(
        f"Dry run: {counted(len(nodes), 'node')}, {counted(len(file.checks), 'check')}; "
    )
    sys.stderr.write("nothing was connected to.\n")
    return OK
