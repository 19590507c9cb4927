"""``trioexec pdsh``, also under the name ``pdsh``: its options, output and codes on our engine."""

from __future__ import annotations

import getpass
import math
import os
import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from msgspec.structs import replace

from trioexec.cli.configured import known_options
from trioexec.cli.fanout import Plan, execute
from trioexec.cli.registry import CommandEntry
from trioexec.cli.view import View
from trioexec.model.command import Command, Limits
from trioexec.model.errors import UsageError
from trioexec.model.exitcodes import OK, Verdict, decide
from trioexec.model.nodes import Node, parse_node
from trioexec.settings.here import here
from trioexec.settings.pdsh import (
    USAGE,
    PdshError,
    PdshOptions,
    SshArgs,
    Target,
    choose,
    command_for,
    fold,
    labels,
    parse,
    read_ssh_args,
)

if TYPE_CHECKING:
    from trioexec.api.runner import Decide
    from trioexec.cli.invocation import Invocation
    from trioexec.cli.records import RecordMaker
    from trioexec.model.outcomes import StopReason
    from trioexec.model.report import Report
    from trioexec.transports.base import Transport

__all__ = ["ENTRY", "main"]

ENTRY = CommandEntry(
    usage="[PDSH OPTIONS] COMMAND...",
    groups=(),
    words_end=True,
    raw=True,
    examples=(
        ("trioexec pdsh -w 'web[1-20]' -S uptime", "as pdsh has it"),
        ("ln -s $(which trioexec) ~/bin/pdsh", "then also under its own name"),
    ),
    notes=(
        f"{USAGE.partition(chr(10))[2]}\n"
        "Options end at the first word of COMMAND, as with pdsh.\n"
        "Exit code: 0 whatever the commands gave; the largest of them with -S; 1 for a wrong "
        "command line and after Ctrl-C.\n"
        "Options also come from pdsh's own environment: WCOLL, FANOUT, PDSH_SSH_ARGS and others."
    ),
)

FAILED = 1
"""What pdsh exits with for a usage error, and after a Ctrl-C."""

_RCMDS = ("ssh", "exec")


def main(call: Invocation) -> int:
    """Do what pdsh would."""
    who = f"pdsh@{os.uname().nodename.partition('.')[0]}"
    try:
        return _main(call, who)
    except PdshError as exc:
        sys.stderr.write(f"{exc}\n{USAGE}" if exc.usage else f"{who}: {exc}\n")
    except UsageError as exc:
        sys.stderr.write("".join(f"{who}: {line}\n" for line in str(exc).splitlines()))
    return FAILED


def _main(call: Invocation, who: str) -> int:
    options = parse(call.words, call.env)
    if options.ask == "usage":
        sys.stderr.write(USAGE)
        return FAILED
    if options.ask in ("version", "modules"):
        from trioexec import __version__  # noqa: PLC0415

        sys.stdout.write(f"trioexec {__version__}, in pdsh's ways\nrcmd modules: ssh,exec\n")
        return OK
    if options.rcmd not in _RCMDS:
        raise PdshError(f'No such rcmd module "{options.rcmd}"; there are ssh and exec')
    targets = _targets(call, options)
    if not targets:
        raise PdshError("no remote hosts specified")
    if options.ask == "settings":
        _show(call, options, targets)
        return OK
    if options.words:
        return _run(call, options, targets, who)
    return _converse(call, options, targets, who)


def _targets(call: Invocation, options: PdshOptions) -> list[Target]:
    from trioexec.model.hostlist import expand  # noqa: PLC0415 - node sets are slow
    from trioexec.settings.config import load_config  # noqa: PLC0415
    from trioexec.settings.sources import open_sources  # noqa: PLC0415

    config = load_config(known_options, call.env, folder=here())
    sources = open_sources(
        groups=config.node_groups(),
        commands=config.commands,
        ansible_inventory=config.ansible_inventory,
    )

    def names(expression: str) -> Iterable[str]:
        return (node.name for node in expand([expression], sources=sources))

    return choose(
        options.selectors,
        expand=names,
        rcmd=options.rcmd,
        wcoll=call.env.get("WCOLL"),
        read_stdin=sys.stdin.readlines,
    )


def _converse(call: Invocation, options: PdshOptions, targets: Sequence[Target], who: str) -> int:
    """Read commands from stdin, one a line, until it ends; ``!`` runs one here."""
    import subprocess  # noqa: PLC0415

    while True:
        sys.stdout.write("pdsh> ")
        sys.stdout.flush()
        line = sys.stdin.readline()
        words = tuple(line.split())
        if not line or words in (("quit",), ("exit",)):
            return OK
        if line.startswith("!"):
            subprocess.run(["/bin/sh", "-c", line[1:]], check=False)
        elif words:
            _run(call, replace(options, words=words), targets, who)


def _run(call: Invocation, options: PdshOptions, targets: Sequence[Target], who: str) -> int:
    from trioexec.engine.jobs import CommandsJob  # noqa: PLC0415 - imports trio
    from trioexec.model.pdsh_interrupt import PdshManners  # noqa: PLC0415

    args = read_ssh_args(call.env) if options.rcmd == "ssh" else SshArgs()
    nodes = _nodes(options, targets)
    commands = {
        node.name: Command(
            text=command_for(
                options.words,
                {"h": target.host, "u": _user(options, target), "n": str(node.rank)},
                rcmd=options.rcmd,
                path=call.env.get("DSHPATH", ""),
            )
        )
        for node, target in zip(nodes, targets, strict=True)
    }
    program = "ssh" if options.rcmd == "ssh" else options.words[0]
    return execute(
        Plan(
            nodes=nodes,
            job=CommandsJob(text=" ".join(options.words), commands=commands),
            transport=_transport(options, args, nodes),
            limits=Limits(
                parallel=options.fanout if options.fanout > 0 else math.inf,
                fail_fast=options.fail_fast,
                connect_timeout_s=options.connect_timeout_s or math.inf,
                timeout_s=options.command_timeout_s or math.inf,
            ),
            decide=_judge(options),
            view=_view(options),
            batch=options.batch,
            records=_sinks(who, program),
            manners=PdshManners(
                who=who, labels={node.name: node.name for node in nodes}, debug=options.debug
            ),
        )
    )


def _nodes(options: PdshOptions, targets: Sequence[Target]) -> list[Node]:
    called = labels([target.host for target in targets])
    nodes = []
    for rank, target in enumerate(targets):
        node = parse_node(target.host, rank=rank)
        user = node.user or target.user or options.user or None
        nodes.append(replace(node, name=called[target.host], user=user))
    return nodes


def _user(options: PdshOptions, target: Target) -> str:
    return target.user or (getpass.getuser() if options.user is None else options.user)


def _transport(options: PdshOptions, args: SshArgs, nodes: Sequence[Node]) -> Transport:
    if options.rcmd == "exec":
        from trioexec.transports.local import LocalTransport  # noqa: PLC0415 - imports trio

        return LocalTransport()
    from trioexec.transports.ssh.options import SshOptions  # noqa: PLC0415 - imports asyncssh
    from trioexec.transports.ssh.transport import SshTransport  # noqa: PLC0415

    transport = SshTransport(
        SshOptions(
            user=args.user,
            port=args.port,
            identities=tuple(args.identities),
            config_file=args.config_file,
            settings=tuple(args.settings),
            jump=args.jump,
            address_family=args.address_family,
            connect_timeout_s=options.connect_timeout_s or math.inf,
            parallel=options.fanout if options.fanout > 0 else math.inf,
        )
    )
    transport.prepare(nodes, lambda _: None)
    return transport


def _judge(options: PdshOptions) -> Decide:
    def judge(report: Report, stopped: StopReason | None, stopped_by: str | None) -> int:
        from trioexec.sinks.pdsh import code_of  # noqa: PLC0415

        if stopped == "interrupt":
            return FAILED
        if stopped is not None and stopped != "fail-fast":
            return decide(report, Verdict(stopped=stopped, stopped_by=stopped_by))
        if not (options.largest_code or stopped):
            return OK
        over_ssh = options.rcmd == "ssh"
        return max((code_of(row.outcome, over_ssh=over_ssh) for row in report), default=OK)

    return judge


def _view(options: PdshOptions) -> View:
    return View(
        mode="stream",
        directory="",
        prefix=options.labels,
        diff=False,
        masks=(),
        color_stdout=False,
        color_stderr=False,
        progress=False,
        unicode=False,
        quiet=True,
        verbose=False,
    )


def _sinks(who: str, program: str) -> RecordMaker:
    from trioexec.sinks.pdsh import PdshSink  # noqa: PLC0415

    return lambda console, _fold, _dissenters: [PdshSink(console, who=who, program=program)]


def _show(call: Invocation, options: PdshOptions, targets: Sequence[Target]) -> None:
    """Show the settings, as ``-q`` does."""
    ours = os.path.realpath(sys.argv[0])
    rows = {
        "-- DSH-specific options --": {
            "Separate stderr/stdout\t": "Yes",
            "Path prepended to cmd\t": call.env.get("DSHPATH") or "none",
            "Appended to cmd         ": "none",
            "Command:\t\t": " ".join(options.words) or "none",
            "Full program pathname\t": ours,
            "Remote program path\t": ours,
        },
        "-- Generic options --": {
            "Local username\t\t": getpass.getuser(),
            "Local uid     \t\t": str(os.getuid()),
            "Remote username\t\t": options.user or getpass.getuser(),
            "Rcmd type\t\t": options.rcmd,
            "one ^C will kill pdsh   ": _yes(said=options.batch),
            "Connect timeout (secs)\t": str(options.connect_timeout_s),
            "Command timeout (secs)\t": str(options.command_timeout_s),
            "Fanout\t\t\t": str(options.fanout),
            "Display hostname labels\t": _yes(said=options.labels),
            "Debugging       \t": _yes(said=options.debug),
        },
    }
    for heading, settings in rows.items():
        sys.stdout.write(f"{heading}\n")
        sys.stdout.writelines(f"{name}{value}\n" for name, value in settings.items())
        sys.stdout.write("\n")
    sys.stdout.write(f"-- Target nodes --\n{fold(target.host for target in targets)}\n")


def _yes(*, said: bool) -> str:
    return "Yes" if said else "No"
