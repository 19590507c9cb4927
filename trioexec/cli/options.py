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
MAX_PARTS = 1_000_000
MAX_DESCRIPTOR = 1_000_000
MAX_ALIVE_S = 86_400
MAX_ALIVE_COUNT = 1000
MAX_WORKERS = 256
DEFAULT_CONNECT_TIMEOUT_S = 10.0

UNSET = -1
"""A number that nobody gave: what the configuration says then counts."""

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
    config: str = option(
        "",
        "--config",
        reader=Text(metavar="FILE"),
        help="The one config file to read, instead of the user's and the project's; none: no file.",
    )
    profile: str = option(
        "", "--profile", reader=Text(metavar="NAME"), help="Options that a config file has by name."
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
    cluster: str = option(
        "",
        "-C",
        "--cluster",
        reader=Text(metavar="NAME"),
        help="The nodes of a cluster of the config file, with the options it has there.",
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
        help="Give our stdin to every command, as fast as the slowest takes it.",
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
    sudo_password: bool = option(
        False,
        "--sudo-password",
        reader=Flag(),
        from_env=False,
        help="Run the command under sudo; ask for its password once, before the first connection.",
    )
    sudo_password_fd: int = option(
        UNSET,
        "--sudo-password-fd",
        reader=Number(low=0, high=MAX_DESCRIPTOR),
        from_env=False,
        help="Run the command under sudo; read its password from this descriptor, one line.",
    )
    substitute: bool = option(
        False,
        "--substitute",
        reader=Flag(),
        help="Put the node's own words into the command: %h host, %u user, %p port, %n name,"
        " %r rank, %% a percent sign.",
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
        UNSET,
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
    jump: str = option(
        "",
        "-J",
        "--jump",
        reader=Text(metavar="HOST"),
        help="Go through [user@]host[:port]; several with commas; none: directly.",
    )
    ssh_option: tuple[tuple[str, str], ...] = option(
        (), "-o", "--ssh-option", reader=Pair(), help="As after ssh -o. Repeatable."
    )
    ipv4: bool = option(
        False, "-4", "--ipv4", reader=Flag(), exclusive="family", help="IPv4 addresses only."
    )
    ipv6: bool = option(
        False, "-6", "--ipv6", reader=Flag(), exclusive="family", help="IPv6 addresses only."
    )
    strict_host_key_checking: str = option(
        "",
        "--strict-host-key-checking",
        reader=Choice(("yes", "no", "accept-new")),
        help="Whether unknown host keys are refused, ignored or learned; changed ones are refused.",
    )
    password: bool = option(
        False,
        "--password",
        reader=Flag(),
        from_env=False,
        help="Ask for a login password once, before the first connection.",
    )
    password_fd: int = option(
        UNSET,
        "--password-fd",
        reader=Number(low=0, high=MAX_DESCRIPTOR),
        from_env=False,
        help="Read the login password from this descriptor, one line.",
    )
    key_passphrase_fd: int = option(
        UNSET,
        "--key-passphrase-fd",
        reader=Number(low=0, high=MAX_DESCRIPTOR),
        from_env=False,
        help="Read the passphrase of encrypted keys from this descriptor, one line.",
    )
    server_alive_interval: int = option(
        UNSET,
        "--server-alive-interval",
        reader=Number(low=0, high=MAX_ALIVE_S, zero="never", metavar="S"),
        help="Ask a silent node every so many seconds whether it is there; 0: never.",
    )
    server_alive_count_max: int = option(
        UNSET,
        "--server-alive-count-max",
        reader=Number(low=1, high=MAX_ALIVE_COUNT),
        help="So many answers may be missing before the node counts as lost.",
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
    persist: float = option(
        0.0,
        "--persist",
        reader=Seconds(),
        help="Leave connections open for so long after the run; later runs with the same "
        "options use them by themselves. trioexec hold lists them.",
    )
    no_hold: bool = option(
        False, "--no-hold", reader=Flag(), help="Connect anew, whatever is held."
    )
    workers: int = option(
        0,
        "--workers",
        reader=Number(low=0, high=MAX_WORKERS, zero="by cores and nodes"),
        help="Connect from so many processes.",
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
    diff: bool = option(
        False, "--diff", reader=Flag(), help="With -g: what the minority says differently."
    )
    mask: str = option(
        "",
        "--mask",
        reader=Text(metavar="KINDS"),
        help="With -g: host,time,number are no difference between two answers.",
    )
    json: bool = option(
        False,
        "--json",
        reader=Flag(),
        exclusive="output",
        help="Every event of the run as one JSON object a line.",
    )
    tui: bool = option(
        False,
        "--tui",
        reader=Flag(),
        exclusive="output",
        help="All nodes on the whole terminal: filter, sort, follow, split, compare; ? shows keys.",
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
        help="Neither progress nor summary.",
    )
    verbose: bool = option(
        False,
        "-v",
        "--verbose",
        reader=Flag(),
        exclusive="loudness",
        help="Say each step of each node.",
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
        help="On one line, folded: web[1-20].",
    )
    count: bool = option(False, "--count", reader=Flag(), help="Only how many there are.")
    pick: int = option(
        UNSET, "--pick", reader=Number(low=1, high=MAX_PARTS), help="So many of them, at random."
    )
    split: int = option(
        UNSET,
        "--split",
        reader=Number(low=1, high=MAX_PARTS),
        help="In so many parts of equal size, a line each.",
    )
    json: bool = option(
        False, "--json", reader=Flag(), help="A JSON object a line: with host, port, user, rank."
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
