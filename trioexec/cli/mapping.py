"""From option groups to the values that engine, transports and sinks take.

Every option is used here once, or in `fanout`; a test follows each of them.
Reads the files and the stdin that options name; connects to nothing.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from trioexec.cli.options import CommandOptions, LimitOptions, ResultOptions
from trioexec.model.command import Command, Limits
from trioexec.model.errors import UsageError, why
from trioexec.model.exitcodes import Strategy, choose_main_rank
from trioexec.model.feed import Feed
from trioexec.model.nodes import Node
from trioexec.model.script import script_command
from trioexec.model.substitute import check_template

__all__ = ["command_of", "limits_of", "main_rank_of", "strategy_of"]


def limits_of(options: LimitOptions, command: CommandOptions | None = None) -> Limits:
    """Make the limits; a job that is no command has none of a command's."""
    return Limits(
        parallel=options.parallel or math.inf,
        fail_fast=options.fail_fast,
        connect_timeout_s=options.connect_timeout,
        deadline_s=options.deadline,
        timeout_s=command.timeout if command else math.inf,
        idle_timeout_s=command.idle_timeout if command else math.inf,
    )


def command_of(
    options: CommandOptions, words: Sequence[str], *, feed: Feed | None = None
) -> Command:
    """Make the command; the words are joined with spaces, for the node's shell, as ssh does.

    Args:
        options: What is asked for.
        words: The command, or the arguments of a script.
        feed: Our stdin, where the commands are to read it.

    Raises:
        UsageError: The script cannot be read, or there is nothing to run.
    """
    stdin: bytes | Feed | None = feed
    if options.script:
        stdin = _script(options.script)
        text = script_command(stdin, words)
    else:
        text = " ".join(words)
        if not text.strip():
            raise UsageError(
                "there is no command to run.\nWrite it after the options: trioexec -H web1 uptime"
            )
    if options.substitute:
        check_template(text)
    return Command(
        text=text,
        substitute=options.substitute,
        env=dict(options.env),
        stdin=stdin,
        tty=options.tty,
        wrap=not options.no_wrap,
    )


def _script(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as exc:
        raise UsageError(f"--script {name}: {why(exc)}.\nName a script on this machine.") from exc


def strategy_of(options: ResultOptions) -> Strategy:
    """Make the exit code strategy; at most one of its flags is set."""
    if options.require_all_success:
        return Strategy.ALL
    if options.check_all_nodes:
        return Strategy.HYBRID
    return Strategy.ANY if options.any_failure else Strategy.MAIN_RANK


def main_rank_of(options: ResultOptions, nodes: Sequence[Node], env: Mapping[str, str]) -> str:
    """Name the main rank.

    Raises:
        UsageError: ``--main-rank`` names none of the nodes.
    """
    return choose_main_rank(nodes, env, options.main_rank or None)
