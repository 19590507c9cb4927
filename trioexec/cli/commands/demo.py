"""``trioexec demo``: the real thing, ssh included, on machines that are pretended.

The servers are those of `trioexec.testing`; everything between them and the exit code
is what `run` uses.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from trioexec.cli.fanout import Plan, decide_by, execute, show_dry, view_for
from trioexec.cli.mapping import command_of, limits_of, main_rank_of, strategy_of
from trioexec.cli.options import (
    UNSET,
    CommandOptions,
    DemoOptions,
    LimitOptions,
    OutputOptions,
    ResultOptions,
)
from trioexec.cli.registry import CommandEntry
from trioexec.model.errors import UsageError
from trioexec.model.nodes import Node

if TYPE_CHECKING:
    from collections.abc import Sequence

    from trioexec.cli.invocation import Invocation
    from trioexec.model.command import Command

__all__ = ["ENTRY", "main"]

ENTRY = CommandEntry(
    usage="[OPTIONS] [COMMAND...]",
    groups=(DemoOptions, LimitOptions, CommandOptions, ResultOptions, OutputOptions),
    words_end=True,
    examples=(
        ("trioexec demo", "eight servers: one is slow, one fails"),
        ("trioexec demo -g uname -a", "a command of your own, on this machine"),
        ("trioexec demo --nodes 50 -k", "the first failure stops all"),
    ),
)


def main(call: Invocation) -> int:
    """Start the servers, run the command on them, and leave nothing behind."""
    options = call.options(CommandOptions)
    if options.stdin or options.sudo_password or options.sudo_password_fd != UNSET:
        raise UsageError("demo has neither --stdin nor --sudo-password.\nTry them on a real node.")
    count = call.options(DemoOptions).nodes
    nodes = [Node(name=f"demo{n}", host=f"demo{n}", rank=n - 1) for n in range(1, count + 1)]
    command = _command(call)
    if call.options(LimitOptions).dry_run:
        return show_dry(nodes, command.text, "by ssh, on servers of our own")
    plan = _plan(call, command, nodes)
    sys.stderr.write(f"Running on {_folded(nodes)}: SSH servers in this process, on loopback.\n")
    sys.stderr.flush()
    return execute(plan)


def _command(call: Invocation) -> Command:
    from trioexec.testing.demo import DEMO_COMMAND  # noqa: PLC0415 - imports asyncssh

    options = call.options(CommandOptions)
    words = call.words or (() if options.script else (DEMO_COMMAND,))
    return command_of(options, words)


def _plan(call: Invocation, command: Command, nodes: Sequence[Node]) -> Plan:
    from trioexec.engine.jobs import CommandJob  # noqa: PLC0415 - imports trio
    from trioexec.testing.demo import DemoTransport  # noqa: PLC0415 - imports asyncssh

    limits = call.options(LimitOptions)
    result = call.options(ResultOptions)
    return Plan(
        nodes=nodes,
        job=CommandJob(command=command),
        transport=DemoTransport(len(nodes)),
        limits=limits_of(limits, call.options(CommandOptions)),
        decide=decide_by(strategy_of(result), main_rank_of(result, nodes, {})),
        view=view_for(call),
        batch=limits.batch,
    )


def _folded(nodes: Sequence[Node]) -> str:
    from trioexec.model.hostlist import fold  # noqa: PLC0415 - node sets are slow to import

    return fold(node.name for node in nodes)
