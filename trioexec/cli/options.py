"""Every option of every command, grouped into the panels of the help.

The one list: grammar, environment names, help, completion and the README's table
are derived from it, and a test follows each option to its consumer.  An option
whose consumer does not exist yet is not here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

from trioexec.model.command import DEFAULT_PARALLEL

if TYPE_CHECKING:  # `cli.app` reads the annotations, and brings these
    from trioexec.cli.parameters import choice, group_names, number, option, pair, seconds, text

__all__ = [
    "CommandOptions",
    "DemoOptions",
    "GeneralOptions",
    "LimitOptions",
    "ListOptions",
    "NodeOptions",
    "OutputOptions",
    "RecordOptions",
    "RerunOptions",
    "ResultOptions",
    "RunsOptions",
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
MAX_LISTED = 100_000
DEFAULT_CONNECT_TIMEOUT_S = 10.0

UNSET = -1
"""A number that nobody gave: what the configuration says then counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GeneralOptions:
    """What every command understands."""

    help: Annotated[
        bool, option("-h", "--help", panel="General", from_env=False, help="Show this and exit.")
    ] = False
    version: Annotated[
        bool,
        option(
            "-V", "--version", panel="General", from_env=False, help="Show the version and exit."
        ),
    ] = False
    config: Annotated[
        str,
        option(
            "--config",
            panel="General",
            metavar="FILE",
            converter=text,
            help="The one config file to read, instead of the user's and the project's; "
            "none: no file.",
        ),
    ] = ""
    profile: Annotated[
        str,
        option(
            "--profile",
            panel="General",
            metavar="NAME",
            converter=text,
            help="Options that a config file has by name.",
        ),
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeOptions:
    """Which nodes."""

    hosts: Annotated[
        tuple[str, ...],
        option(
            "-H",
            "--hosts",
            "-w",
            panel="Nodes",
            metavar="EXPR",
            converter=text,
            completer=group_names,
            help="Nodes: [user@]host[:port], web[1-20], a,b, ^file, - for stdin, @group. "
            "Repeatable.",
        ),
    ] = ()
    cluster: Annotated[
        str,
        option(
            "-C",
            "--cluster",
            panel="Nodes",
            metavar="NAME",
            converter=text,
            help="The nodes of a cluster of the config file, with the options it has there.",
        ),
    ] = ""
    filter: Annotated[
        tuple[str, ...],
        option(
            "-f",
            "--filter",
            panel="Nodes",
            metavar="EXPR",
            converter=text,
            completer=group_names,
            help="Keep only these: a name, a glob or a node set. Repeatable.",
        ),
    ] = ()
    exclude: Annotated[
        tuple[str, ...],
        option(
            "-x",
            "--exclude",
            panel="Nodes",
            metavar="EXPR",
            converter=text,
            completer=group_names,
            help="Leave these out: a name, a glob or a node set. Repeatable.",
        ),
    ] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitOptions:
    """How a run goes, whatever it does on the nodes."""

    parallel: Annotated[
        int,
        option(
            "--parallel",
            panel="Run",
            metavar="N",
            converter=number(0, MAX_PARALLEL, zero="no limit"),
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
            converter=seconds,
            help="For reaching a node and logging in.",
        ),
    ] = DEFAULT_CONNECT_TIMEOUT_S
    deadline: Annotated[
        float,
        option(
            "--deadline", panel="Run", metavar="S", converter=seconds, help="For the whole run."
        ),
    ] = math.inf
    dry_run: Annotated[
        bool,
        option("--dry-run", panel="Run", help="Say what would run where, and connect to nothing."),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandOptions:
    """What is special to running a command."""

    timeout: Annotated[
        float,
        option(
            "--timeout",
            panel="Run",
            metavar="S",
            converter=seconds,
            help="For the command on each node.",
        ),
    ] = math.inf
    idle_timeout: Annotated[
        float,
        option(
            "--idle-timeout",
            panel="Run",
            metavar="S",
            converter=seconds,
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
            converter=text,
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
            converter=pair,
            n_tokens=1,
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
            converter=number(0, MAX_DESCRIPTOR),
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ResultOptions:
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
            converter=text,
            help="The node whose code counts by default; without it the first one.",
        ),
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SshOptions:
    """How ssh reaches a node; what is not said here comes from ssh_config."""

    user: Annotated[
        str,
        option(
            "-l", "--user", panel="SSH", metavar="USER", converter=text, help="Log in as this user."
        ),
    ] = ""
    port: Annotated[
        int,
        option(
            "-p",
            "--port",
            panel="SSH",
            metavar="PORT",
            converter=number(1, MAX_PORT),
            help="For nodes that name none themselves.",
        ),
    ] = UNSET
    identity: Annotated[
        tuple[str, ...],
        option(
            "-i",
            "--identity",
            panel="SSH",
            metavar="FILE",
            converter=text,
            help="Private key to offer. Repeatable.",
        ),
    ] = ()
    ssh_config: Annotated[
        str,
        option(
            "-F",
            "--ssh-config",
            panel="SSH",
            metavar="FILE",
            converter=text,
            help="Use this file instead of ~/.ssh/config; none: no file.",
        ),
    ] = ""
    jump: Annotated[
        str,
        option(
            "-J",
            "--jump",
            panel="SSH",
            metavar="HOST",
            converter=text,
            help="Go through [user@]host[:port]; several with commas; none: directly.",
        ),
    ] = ""
    ssh_option: Annotated[
        tuple[tuple[str, str], ...],
        option(
            "-o",
            "--ssh-option",
            panel="SSH",
            metavar="K=V",
            converter=pair,
            n_tokens=1,
            help="As after ssh -o. Repeatable.",
        ),
    ] = ()
    ipv4: Annotated[
        bool, option("-4", "--ipv4", panel="SSH", exclusive="family", help="IPv4 addresses only.")
    ] = False
    ipv6: Annotated[
        bool, option("-6", "--ipv6", panel="SSH", exclusive="family", help="IPv6 addresses only.")
    ] = False
    strict_host_key_checking: Annotated[
        Literal["yes", "no", "accept-new"] | None,
        option(
            "--strict-host-key-checking",
            panel="SSH",
            metavar="yes|no|accept-new",
            converter=choice,
            help="Whether unknown host keys are refused, ignored or learned; changed ones are "
            "refused.",
        ),
    ] = None
    password: Annotated[
        bool,
        option(
            "--password",
            panel="SSH",
            from_env=False,
            help="Ask for a login password once, before the first connection.",
        ),
    ] = False
    password_fd: Annotated[
        int,
        option(
            "--password-fd",
            panel="SSH",
            metavar="N",
            converter=number(0, MAX_DESCRIPTOR),
            from_env=False,
            help="Read the login password from this descriptor, one line.",
        ),
    ] = UNSET
    key_passphrase_fd: Annotated[
        int,
        option(
            "--key-passphrase-fd",
            panel="SSH",
            metavar="N",
            converter=number(0, MAX_DESCRIPTOR),
            from_env=False,
            help="Read the passphrase of encrypted keys from this descriptor, one line.",
        ),
    ] = UNSET
    server_alive_interval: Annotated[
        int,
        option(
            "--server-alive-interval",
            panel="SSH",
            metavar="S",
            converter=number(0, MAX_ALIVE_S, zero="never"),
            help="Ask a silent node every so many seconds whether it is there; 0: never.",
        ),
    ] = UNSET
    server_alive_count_max: Annotated[
        int,
        option(
            "--server-alive-count-max",
            panel="SSH",
            metavar="N",
            converter=number(1, MAX_ALIVE_COUNT),
            help="So many answers may be missing before the node counts as lost.",
        ),
    ] = UNSET


@dataclass(frozen=True, slots=True, kw_only=True)
class TransportOptions:
    """The way to the nodes."""

    transport: Annotated[
        Literal["ssh", "local"],
        option(
            "--transport",
            panel="SSH",
            metavar="ssh|local",
            converter=choice,
            help="local runs every node's command on this machine.",
        ),
    ] = "ssh"
    persist: Annotated[
        float,
        option(
            "--persist",
            panel="SSH",
            metavar="S",
            converter=seconds,
            help="Leave connections open for so long after the run; later runs with the same "
            "options use them by themselves. trioexec hold lists them.",
        ),
    ] = 0.0
    no_hold: Annotated[
        bool, option("--no-hold", panel="SSH", help="Connect anew, whatever is held.")
    ] = False
    workers: Annotated[
        int,
        option(
            "--workers",
            panel="SSH",
            metavar="N",
            converter=number(0, MAX_WORKERS, zero="by cores and nodes"),
            help="Connect from so many processes.",
        ),
    ] = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class OutputOptions:
    """How a run is shown."""

    stream: Annotated[
        bool,
        option(
            "--stream",
            panel="Output",
            exclusive="output",
            help="Lines as they come, each after its node's name; the default.",
        ),
    ] = False
    group: Annotated[
        bool,
        option(
            "-g",
            "--group",
            panel="Output",
            exclusive="output",
            help="Equal outputs once, under the nodes that gave them.",
        ),
    ] = False
    diff: Annotated[
        bool, option("--diff", panel="Output", help="With -g: what the minority says differently.")
    ] = False
    mask: Annotated[
        str,
        option(
            "--mask",
            panel="Output",
            metavar="KINDS",
            converter=text,
            help="With -g: host,time,number are no difference between two answers.",
        ),
    ] = ""
    sort: Annotated[
        Literal["size", "node", "code"],
        option(
            "--sort",
            panel="Output",
            metavar="size|node|code",
            converter=choice,
            help="With -g: the biggest group first, or by first node, or by exit code.",
        ),
    ] = "size"
    fail_on_diff: Annotated[
        bool,
        option(
            "--fail-on-diff",
            panel="Output",
            help="With -g: exit 1 where nodes answer differently and the code would be 0.",
        ),
    ] = False
    json: Annotated[
        bool,
        option(
            "--json",
            panel="Output",
            exclusive="output",
            help="Every event of the run as one JSON object a line.",
        ),
    ] = False
    tui: Annotated[
        bool,
        option(
            "--tui",
            panel="Output",
            exclusive="output",
            help="All nodes on the whole terminal: filter, sort, follow, split, compare; ? shows"
            " keys.",
        ),
    ] = False
    output_dir: Annotated[
        str,
        option(
            "--output-dir",
            panel="Output",
            metavar="DIR",
            converter=text,
            help="Files NODE.out, NODE.err and run.json there; with a mode above, that as well.",
        ),
    ] = ""
    no_prefix: Annotated[
        bool, option("-N", "--no-prefix", panel="Output", help="Lines without the node's name.")
    ] = False
    quiet: Annotated[
        bool,
        option(
            "-q",
            "--quiet",
            panel="Output",
            exclusive="loudness",
            help="Neither progress nor summary.",
        ),
    ] = False
    verbose: Annotated[
        bool,
        option(
            "-v",
            "--verbose",
            panel="Output",
            exclusive="loudness",
            help="Say each step of each node.",
        ),
    ] = False
    color: Annotated[
        Literal["auto", "always", "never"],
        option(
            "--color",
            panel="Output",
            metavar="auto|always|never",
            converter=choice,
            help="auto: on a terminal, unless NO_COLOR is set.",
        ),
    ] = "auto"
    progress: Annotated[
        Literal["auto", "always", "never"],
        option(
            "--progress",
            panel="Output",
            metavar="auto|always|never",
            converter=choice,
            help="auto: when stderr is a terminal.",
        ),
    ] = "auto"


@dataclass(frozen=True, slots=True, kw_only=True)
class ListOptions:
    """What `nodes` shows."""

    fold: Annotated[
        bool, option("--fold", panel="List", help="On one line, folded: web[1-20].")
    ] = False
    count: Annotated[bool, option("--count", panel="List", help="Only how many there are.")] = False
    pick: Annotated[
        int,
        option(
            "--pick",
            panel="List",
            metavar="N",
            converter=number(1, MAX_PARTS),
            help="So many of them, at random.",
        ),
    ] = UNSET
    split: Annotated[
        int,
        option(
            "--split",
            panel="List",
            metavar="N",
            converter=number(1, MAX_PARTS),
            help="In so many parts of equal size, a line each.",
        ),
    ] = UNSET
    json: Annotated[
        bool,
        option("--json", panel="List", help="A JSON object a line: with host, port, user, rank."),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoOptions:
    """What `demo` sets up."""

    nodes: Annotated[
        int,
        option(
            "--nodes",
            panel="Demo",
            metavar="N",
            converter=number(1, MAX_DEMO_NODES),
            help="How many SSH servers to start.",
        ),
    ] = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordOptions:
    """What is kept of a run."""

    junit: Annotated[
        str,
        option(
            "--junit",
            panel="Records",
            metavar="FILE",
            converter=text,
            help="JUnit XML there, a test case a node; also when interrupted.",
        ),
    ] = ""
    annotations: Annotated[
        Literal["auto", "github", "none"],
        option(
            "--annotations",
            panel="Records",
            metavar="auto|github|none",
            converter=choice,
            help="For GitHub Actions; auto: where GITHUB_ACTIONS says so.",
        ),
    ] = "auto"
    log_file: Annotated[
        str,
        option(
            "--log-file",
            panel="Records",
            metavar="FILE",
            converter=text,
            help="A log of the run there, a JSON object a line, without output; appended to.",
        ),
    ] = ""
    otel: Annotated[
        bool,
        option(
            "--otel",
            panel="Records",
            help="OpenTelemetry spans of the run, to where the OTEL_* variables say.",
        ),
    ] = False
    no_record: Annotated[
        bool,
        option("--no-record", panel="Records", help="Keep nothing of this run in the journal."),
    ] = False
    no_record_output: Annotated[
        bool,
        option(
            "--no-record-output", panel="Records", help="Keep in the journal all but the output."
        ),
    ] = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RunsOptions:
    """What `runs` lists and writes."""

    last: Annotated[
        int,
        option(
            "-n",
            "--last",
            panel="Journal",
            metavar="N",
            converter=number(1, MAX_LISTED),
            help="List so many runs, the newest first.",
        ),
    ] = 20
    output: Annotated[
        str,
        option(
            "-o",
            "--output",
            panel="Journal",
            metavar="FILE",
            converter=text,
            help="Where report writes the page.",
        ),
    ] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RerunOptions:
    """On which of its nodes; with several of these, on those of any."""

    failed: Annotated[
        bool,
        option(
            "--failed", panel="Which nodes", help="Those that did not succeed, for whatever reason."
        ),
    ] = False
    unreachable: Annotated[
        bool,
        option(
            "--unreachable",
            panel="Which nodes",
            help="Those that could not be reached or did not let us in.",
        ),
    ] = False
    not_started: Annotated[
        bool, option("--not-started", panel="Which nodes", help="Those the run was stopped before.")
    ] = False
