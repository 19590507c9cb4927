"""``trioexec ping``: which nodes let us in; no command is run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trioexec.cli.fanout import Plan, execute, nodes_for, show_dry, view_for
from trioexec.cli.mapping import limits_of
from trioexec.cli.options import (
    LimitOptions,
    NodeOptions,
    OutputOptions,
    RecordOptions,
    SshOptions,
    TransportOptions,
)
from trioexec.cli.records import record_sinks
from trioexec.cli.registry import CommandEntry
from trioexec.cli.transport import check_transport, transport_for
from trioexec.model.exitcodes import decide_ping

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation
    from trioexec.model.outcomes import StopReason
    from trioexec.model.report import Report

__all__ = ["ENTRY", "main", "plan_for"]

ENTRY = CommandEntry(
    usage="[OPTIONS] [EXPR]...",
    groups=(NodeOptions, LimitOptions, SshOptions, TransportOptions, OutputOptions, RecordOptions),
    words_end=False,
    examples=(
        ("trioexec ping 'web[1-20]'", "exit 0: all answer, 1: some, 255: none"),
        ("trioexec ping ^nodes.txt --connect-timeout 3", "do not wait long"),
    ),
)


def main(call: Invocation) -> int:
    """Ping the nodes."""
    if call.options(LimitOptions).dry_run:
        nodes = nodes_for(call, call.words)
        check_transport(call)
        return show_dry(nodes, "ping", f"by {call.options(TransportOptions).transport}")
    return execute(plan_for(call))


def plan_for(call: Invocation) -> Plan:
    """Make the run, whole.

    Raises:
        UsageError: Something in the options makes no sense.
    """
    from trioexec.engine.jobs import PingJob  # noqa: PLC0415 - imports trio

    def judge(report: Report, stopped: StopReason | None, _stopped_by: str | None) -> int:
        return decide_ping(report, stopped)

    limits = call.options(LimitOptions)
    nodes = nodes_for(call, call.words)
    view = view_for(call)
    records = record_sinks(call)
    transport, left = transport_for(call, nodes, limits_of(limits))
    return Plan(
        nodes=nodes,
        job=PingJob(),
        view=view,
        transport=transport,
        limits=left,
        decide=judge,
        batch=limits.batch,
        records=records,
    )
