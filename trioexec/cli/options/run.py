"""How a run goes, what is special to a command, and what the exit code says."""

import math
from typing import Annotated

from msgspec import Struct

from trioexec.cli.declared import option
from trioexec.cli.options.numbers import MAX_DESCRIPTOR, UNSET
from trioexec.cli.texts import number, pair, seconds, text
from trioexec.model.command import DEFAULT_CONNECT_TIMEOUT_S, DEFAULT_PARALLEL

__all__ = ["CommandOptions", "LimitOptions", "ResultOptions"]

MAX_PARALLEL = 100_000


class LimitOptions(Struct, frozen=True, kw_only=True):
    """How a run goes, whatever it does on the nodes."""

    parallel: Annotated[
        int,
        option(
            "--parallel",
            panel="Run",
            metavar="N",
            read=number(0, MAX_PARALLEL, zero="no limit"),
            help="At most so many nodes at once; 0 is no limit.",
        ),
    ] = DEFAULT_PARALLEL
    fail_fast: Annotated[
        bool,
        option(
            "-k",
            "--fail-fast",
            panel="Run",
            help="Stop everything when one node fails; never exits 0 then.",
        ),
    ] = False
    batch: Annotated[
        bool,
        option(
            "-b",
            "--batch",
            panel="Run",
            help="One Ctrl-C terminates; without it the first one shows the status.",
        ),
    ] = False
    connect_timeout: Annotated[
        float,
        option(
            "--connect-timeout",
            panel="Run",
            metavar="S",
            read=seconds,
            help="For reaching a node and logging in.",
        ),
    ] = DEFAULT_CONNECT_TIMEOUT_S
    deadline: Annotated[
        float,
        option("--deadline", panel="Run", metavar="S", read=seconds, help="For the whole run."),
    ] = math.inf
    dry_run: Annotated[
        bool,
        option("--dry-run", panel="Run", help="Say what would run where, and connect to nothing."),
    ] = False


class CommandOptions(Struct, frozen=True, kw_only=True):
    """What is special to running a command."""

    timeout: Annotated[
        float,
        option(
            "--timeout",
            panel="Run",
            metavar="S",
            read=seconds,
            help="For the command on each node.",
        ),
    ] = math.inf
    idle_timeout: Annotated[
        float,
        option(
            "--idle-timeout",
            panel="Run",
            metavar="S",
            read=seconds,
            help="For the command on each node, without any output.",
        ),
    ] = math.inf
    stdin: Annotated[
        bool,
        option(
            "--stdin",
            panel="Run",
            exclusive="stdin",
            help="Give our stdin to every command, as fast as the slowest takes it.",
        ),
    ] = False
    script: Annotated[
        str,
        option(
            "--script",
            panel="Run",
            metavar="FILE",
            read=text,
            exclusive="stdin",
            help="Run this local script, by the interpreter of its #! line; words are its "
            "arguments.",
        ),
    ] = ""
    tty: Annotated[
        bool, option("--tty", panel="Run", exclusive="stdin", help="Give the command a terminal.")
    ] = False
    env: Annotated[
        tuple[tuple[str, str], ...],
        option(
            "--env",
            panel="Run",
            metavar="K=V",
            read=pair,
            help="Set a variable for the command. Repeatable.",
        ),
    ] = ()
    sudo_password: Annotated[
        bool,
        option(
            "--sudo-password",
            panel="Run",
            from_env=False,
            help="Run the command under sudo; ask for its password once, before the first "
            "connection.",
        ),
    ] = False
    sudo_password_fd: Annotated[
        int,
        option(
            "--sudo-password-fd",
            panel="Run",
            metavar="N",
            read=number(0, MAX_DESCRIPTOR),
            from_env=False,
            help="Run the command under sudo; read its password from this descriptor, one line.",
        ),
    ] = UNSET
    substitute: Annotated[
        bool,
        option(
            "--substitute",
            panel="Run",
            help="Put the node's own words into the command: %h host, %u user, %p port, %n name, "
            "%r rank, %% a percent sign.",
        ),
    ] = False
    no_wrap: Annotated[
        bool,
        option(
            "--no-wrap",
            panel="Run",
            help="Run without the watchdog on the node: its end cannot be confirmed then.",
        ),
    ] = False


class ResultOptions(Struct, frozen=True, kw_only=True):
    """What the exit code says."""

    require_all_success: Annotated[
        bool,
        option(
            "--require-all-success",
            panel="Result",
            exclusive="strategy",
            help="0 if every node succeeded, else 1.",
        ),
    ] = False
    check_all_nodes: Annotated[
        bool,
        option(
            "--check-all-nodes",
            panel="Result",
            exclusive="strategy",
            help="The main rank's code; where that is 0 and another node failed, 1.",
        ),
    ] = False
    any_failure: Annotated[
        bool,
        option(
            "-S",
            "--any-failure",
            panel="Result",
            exclusive="strategy",
            help="The largest code of all nodes.",
        ),
    ] = False
    main_rank: Annotated[
        str,
        option(
            "--main-rank",
            panel="Result",
            metavar="NODE",
            read=text,
            help="The node whose code counts by default; without it the first one.",
        ),
    ] = ""
