"""``trioexec run``, which is also ``trioexec`` alone: a command on every node."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from msgspec.structs import replace

from trioexec.cli.fanout import Plan, decide_by, execute, nodes_for, show_dry, view_for
from trioexec.cli.mapping import command_of, limits_of, main_rank_of, strategy_of
from trioexec.cli.options import (
    UNSET,
    CommandOptions,
    LimitOptions,
    NodeOptions,
    OutputOptions,
    RecordOptions,
    ResultOptions,
    SshOptions,
    TransportOptions,
)
from trioexec.cli.records import record_sinks
from trioexec.cli.registry import CommandEntry
from trioexec.cli.transport import check_transport, sudo_password, transport_for
from trioexec.model.errors import UsageError

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation
    from trioexec.engine.broadcast import Broadcast

__all__ = ["ENTRY", "main", "plan_for"]

ENTRY = CommandEntry(
    usage="[OPTIONS] COMMAND...",
    groups=(
        NodeOptions,
        LimitOptions,
        CommandOptions,
        ResultOptions,
        SshOptions,
        TransportOptions,
        OutputOptions,
        RecordOptions,
    ),
    words_end=True,
    examples=(
        ("trioexec -H 'web[1-20]' uptime", "twenty nodes, lines as they come"),
        ("trioexec -H ^nodes.txt -g df -h /", "equal answers once, folded"),
        ("trioexec -H 'db[1-3]' -k --timeout 5m ./migrate", "stop all when one fails"),
        ("trioexec -H a,b -S --json systemctl is-active nginx", "for scripts and CI"),
        ("trioexec -H 'web[1-20]' --script setup.sh -- --fast", "a local script, with arguments"),
    ),
)


def main(call: Invocation) -> int:
    """Run the command on the nodes."""
    if call.options(LimitOptions).dry_run:
        return _show(call)
    return execute(plan_for(call))


def plan_for(call: Invocation) -> Plan:
    """Make the run, whole.

    Raises:
        UsageError: Something in the options makes no sense.
    """
    from trioexec.engine.jobs import CommandJob  # noqa: PLC0415 - imports trio

    options = call.options(CommandOptions)
    feed = _stdin_feed(call) if options.stdin else None
    nodes = nodes_for(call)
    limits = call.options(LimitOptions)
    result = call.options(ResultOptions)
    main_rank = main_rank_of(result, nodes, call.env)
    view = view_for(call)
    records = record_sinks(call)
    command = command_of(options, call.words, feed=feed)
    # Secrets are asked for last: nobody types a password only to learn of a typo.
    command = replace(command, sudo_password=sudo_password(call))
    transport, left = transport_for(call, nodes, limits_of(limits, options))
    return Plan(
        nodes=nodes,
        job=CommandJob(command=command),
        transport=transport,
        limits=left,
        decide=decide_by(strategy_of(result), main_rank),
        view=view,
        batch=limits.batch,
        feed=feed,
        records=records,
    )


def _stdin_feed(call: Invocation) -> Broadcast:
    from trioexec.engine.broadcast import Broadcast  # noqa: PLC0415 - imports trio

    if "-" in call.options(NodeOptions).hosts:
        raise UsageError(
            "-H - and --stdin both read stdin.\nPut the nodes into a file, and name it: -H ^FILE"
        )
    return Broadcast(sys.stdin.fileno())


def _show(call: Invocation) -> int:
    """Say what would run where; reads neither stdin nor a password."""
    nodes = nodes_for(call)
    check_transport(call)
    options = call.options(CommandOptions)
    main_rank = main_rank_of(call.options(ResultOptions), nodes, call.env)
    command = command_of(options, call.words)
    limits = limits_of(call.options(LimitOptions), options)
    at_once = min(limits.parallel, len(nodes))
    by = call.options(TransportOptions).transport
    what = f"{command.text} < {options.script}" if options.script else command.text
    notes = [f"{at_once} at once by {by}", f"main rank {main_rank}"]
    if options.sudo_password or options.sudo_password_fd != UNSET:
        notes.append("under sudo")
    if options.substitute:
        notes.append("with each node's own words")
    return show_dry(nodes, what, ", ".join(notes))
