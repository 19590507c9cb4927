"""Every option of every command, grouped into the panels of the help.

The one list: grammar, environment names, help, completion and the README's table
are derived from it, and a test follows each option to its consumer.  An option
whose consumer does not exist yet is not here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from trioexec.model.command import DEFAULT_PARALLEL
from trioexec.settings.option import option
from trioexec.settings.readers import Choice, Flag, Number, Pair, Seconds, Text

__all__ = [
    "CommandOptions",
    "DemoOptions",
    "GeneralOptions",
    "LimitOptions",
    "ListOptions",
    "NodeOptions",
    "OutputOptions",
    "ResultOptions",
    "SshOptions",
    "TransportOptions",
]

MAX_PARALLEL = 100_000
MAX_DEMO_NODES = 500
MAX_PORT = 65_535
DEFAULT_CONNECT_TIMEOUT_S = 10.0

_WHEN = Choice(("auto", "always", "never"))
_EXPR = Text(metavar="EXPR")


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralOptions:
    """What every command understands."""

    PANEL: ClassVar[str] = "General"

    help: bool = option(
        False, "-h", "--help", reader=Flag(), from_env=False, help="Show this and exit."
    )
    version: bool = option(
        False, "-V", "--version", reader=Flag(), from_env=False, help="Show the version and exit."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOptions:
    """Which nodes."""

    PANEL: ClassVar[str] = "Nodes"

    hosts: tuple[str, ...] = option(
        (),
        "-H",
        "--hosts",
        "-w",
        reader=_EXPR,
        help="Nodes: [user@]host[:port], web[1-20], a,b, ^file, - for stdin, @group. Repeatable.",
    )
    filter: tuple[str, ...] = option(
        (),
        "-f",
        "--filter",
        reader=_EXPR,
        help="Keep only these: a name, a glob or a node set. Repeatable.",
    )
    exclude: tuple[str, ...] = option(
        (),
        "-x",
        "--exclude",
        reader=_EXPR,
        help="Leave these out: a name, a glob or a node set. Repeatable.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOptions:
    """How a run goes, whatever it does on the nodes."""

    PANEL: ClassVar[str] = "Run"

    parallel: int = option(
        DEFAULT_PARALLEL,
        "--parallel",
        reader=Number(low=0, high=MAX_PARALLEL, zero="no limit"),
        help="At most so many nodes at once; 0 is no limit.",
    )
    fail_fast: bool = option(
        False,
        "-k",
        "--fail-fast",
        reader=Flag(),
        help="Stop everything when one node fails; never exits 0 then.",
    )
    batch: bool = option(
        False,
        "-b",
        "--batch",
        reader=Flag(),
        help="One Ctrl-C terminates; without it the first one shows the status.",
    )
    connect_timeout: float = option(
        DEFAULT_CONNECT_TIMEOUT_S,
        "--connect-timeout",
        reader=Seconds(),
        help="For reaching a node and logging in.",
    )
    deadline: float = option(math.inf, "--deadline", reader=Seconds(), help="For the whole run.")
    dry_run: bool = option(
        False, "--dry-run", reader=Flag(), help="Say what would run where, and connect to nothing."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOptions:
    """What is special to running a command."""

    PANEL: ClassVar[str] = "Run"

    timeout: float = option(
        math.inf, "--timeout", reader=Seconds(), help="For the command on each node."
    )
    idle_timeout: float = option(
        math.inf,
        "--idle-timeout",
        reader=Seconds(),
        help="For the command on each node, without any output.",
    )
    stdin: bool = option(
        False,
        "--stdin",
        reader=Flag(),
        exclusive="stdin",
        help="Read our stdin to its end first and give it to every command.",
    )
    script: str = option(
        "",
        "--script",
        reader=Text(metavar="FILE"),
        exclusive="stdin",
        help="Run this local script, by the interpreter of its #! line; words are its arguments.",
    )
    tty: bool = option(
        False, "--tty", reader=Flag(), exclusive="stdin", help="Give the command a terminal."
    )
    env: tuple[tuple[str, str], ...] = option(
        (), "--env", reader=Pair(), help="Set a variable for the command. Repeatable."
    )
    no_wrap: bool = option(
        False,
        "--no-wrap",
        reader=Flag(),
        help="Run without the watchdog on the node: its end cannot be confirmed then.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOptions:
    """What the exit code says."""

    PANEL: ClassVar[str] = "Result"

    require_all_success: bool = option(
        False,
        "--require-all-success",
        reader=Flag(),
        exclusive="strategy",
        help="0 if every node succeeded, else 1.",
    )
    check_all_nodes: bool = option(
        False,
        "--check-all-nodes",
        reader=Flag(),
        exclusive="strategy",
        help="The main rank's code; where that is 0 and another node failed, 1.",
    )
    any_failure: bool = option(
        False,
        "-S",
        "--any-failure",
        reader=Flag(),
        exclusive="strategy",
        help="The largest code of all nodes.",
    )
    main_rank: str = option(
        "",
        "--main-rank",
        reader=Text(metavar="NODE"),
        help="The node whose code counts by default; without it the first one.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class SshOptions:
    """How ssh reaches a node; what is not said here comes from ssh_config."""

    PANEL: ClassVar[str] = "SSH"

    user: str = option("", "-l", "--user", reader=Text(metavar="USER"), help="Log in as this user.")
    port: int = option(
        0,
        "-p",
        "--port",
        reader=Number(low=1, high=MAX_PORT, metavar="PORT"),
        help="For nodes that name none themselves.",
    )
    identity: tuple[str, ...] = option(
        (),
        "-i",
        "--identity",
        reader=Text(metavar="FILE"),
        help="Private key to offer. Repeatable.",
    )
    ssh_config: str = option(
        "",
        "-F",
        "--ssh-config",
        reader=Text(metavar="FILE"),
        help="Use this file instead of ~/.ssh/config; none: no file.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportOptions:
    """The way to the nodes."""

    PANEL: ClassVar[str] = "SSH"

    transport: str = option(
        "ssh",
        "--transport",
        reader=Choice(("ssh", "local")),
        help="local runs every node's command on this machine.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """How a run is shown."""

    PANEL: ClassVar[str] = "Output"

    stream: bool = option(
        False,
        "--stream",
        reader=Flag(),
        exclusive="output",
        help="Lines as they come, each after its node's name; the default.",
    )
    group: bool = option(
        False,
        "-g",
        "--group",
        reader=Flag(),
        exclusive="output",
        help="Equal outputs once, under the nodes that gave them.",
    )
    json: bool = option(
        False,
        "--json",
        reader=Flag(),
        exclusive="output",
        help="Every event of the run as one JSON object a line.",
    )
    output_dir: str = option(
        "",
        "--output-dir",
        reader=Text(metavar="DIR"),
        help="Files NODE.out, NODE.err and run.json there; with a mode above, that as well.",
    )
    no_prefix: bool = option(
        False, "-N", "--no-prefix", reader=Flag(), help="Lines without the node's name."
    )
    quiet: bool = option(
        False,
        "-q",
        "--quiet",
        reader=Flag(),
        exclusive="loudness",
        help="No progress, and a summary only when something failed.",
    )
    verbose: bool = option(
        False,
        "-v",
        "--verbose",
        reader=Flag(),
        exclusive="loudness",
        help="A line for every node in the summary.",
    )
    color: str = option(
        "auto", "--color", reader=_WHEN, help="auto: on a terminal, unless NO_COLOR is set."
    )
    progress: str = option(
        "auto", "--progress", reader=_WHEN, help="auto: when stderr is a terminal."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """What `nodes` shows."""

    PANEL: ClassVar[str] = "List"

    fold: bool = option(
        False,
        "--fold",
        reader=Flag(),
        exclusive="list",
        help="On one line, folded: web[1-20].",
    )
    count: bool = option(
        False, "--count", reader=Flag(), exclusive="list", help="Only how many there are."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What `demo` sets up."""

    PANEL: ClassVar[str] = "Demo"

    nodes: int = option(
        8,
        "--nodes",
        reader=Number(low=1, high=MAX_DEMO_NODES),
        help="How many SSH servers to start.",
    )
