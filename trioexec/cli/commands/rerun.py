"""``trioexec rerun``: a run of the journal again, on all its nodes or on those that failed."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Final

from msgspec.structs import replace

from trioexec.cli.commands.run import ENTRY as RUN_ENTRY
from trioexec.cli.commands.run import main as run
from trioexec.cli.commands.runs import title
from trioexec.cli.declared import declared, sets_of
from trioexec.cli.options import CommandOptions, NodeOptions, RerunOptions, SshOptions
from trioexec.cli.records import DESCRIPTORS
from trioexec.cli.registry import CommandEntry
from trioexec.model.errors import UsageError
from trioexec.model.nodes import parse_node
from trioexec.settings.layers import COMMAND_LINE, Setting

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation
    from trioexec.model.journal import Header
    from trioexec.model.nodes import Node
    from trioexec.model.outcomes import Outcome
    from trioexec.settings.journal import Entry

__all__ = ["ENTRY", "main"]


ENTRY = CommandEntry(
    usage="[OPTIONS] [RUN]",
    groups=(RerunOptions, *(group for group in RUN_ENTRY.groups if group is not NodeOptions)),
    words_end=False,
    examples=(
        ("trioexec rerun --failed", "the last run again, where it failed"),
        ("trioexec rerun k7f3 --dry-run", "what that run would do, and where"),
        ("trioexec rerun last-1 --timeout 60", "the one before the last, with more time"),
    ),
)


def main(call: Invocation) -> int:
    """Run it again."""
    from trioexec.settings.journal import Journal, journal_directory  # noqa: PLC0415

    if len(call.words) > 1:
        raise UsageError(
            f"one run at a time, not {len(call.words)}.\n"
            "The command is the run's own: name only the run."
        )
    entry = Journal(journal_directory(call.env)).find(call.words[0] if call.words else "last")
    header = entry.header()
    if header.job != "run" or not (header.words or "script" in header.options):
        raise UsageError(f"run {entry.id} was no command.\n`trioexec runs` lists what each was.")
    _check_secrets(call, entry.id, header)
    chosen = _chosen(entry, call.options(RerunOptions))
    names = tuple(node.name for node in chosen)
    untouched = {name: Setting(value=flag.default) for name, flag in declared(NodeOptions).items()}
    hosts = Setting(value=names, source="journal", where=f"run {entry.id}")
    settings = {**_settled(call, entry.id, header), **untouched, "hosts": hosts}
    if not _own(call, "main_rank") and settings["main_rank"].value not in names:
        settings["main_rank"] = Setting(value="")  # the run had it, these nodes do not
    nodes = tuple(_again(node, rank, call) for rank, node in enumerate(chosen))
    if not (settings["quiet"].value or settings["dry_run"].value):
        sys.stderr.write(f"Again, run {entry.id}: {title(header, 200)}\n")
    return run(replace(call, words=header.words, settings=settings, nodes=nodes))


_WHICH: Final = ("failed", "unreachable", "not_started")


def _chosen(entry: Entry, options: RerunOptions) -> list[Node]:
    """Choose the nodes, in the order of the run.

    Raises:
        UsageError: There is none like that.
    """
    from trioexec.model.events import NodeFinished, RunStarted  # noqa: PLC0415
    from trioexec.model.journal import completed  # noqa: PLC0415

    events = completed(entry.read())
    start = events[0] if events else None
    if not isinstance(start, RunStarted):
        raise UsageError(f"run {entry.id}: its nodes are not in the record.\nRun it anew.")
    ends = {event.node: event.outcome for event in events if isinstance(event, NodeFinished)}
    nodes = [node for node in start.nodes if _is_wanted(ends[node.name], options)]
    if not nodes:
        which = " or ".join(
            f"--{name.replace('_', '-')}" for name in _WHICH if getattr(options, name)
        )
        raise UsageError(
            f"{which}: run {entry.id} has no such node, of {len(start.nodes)} in all.\n"
            f"`trioexec runs show {entry.id}` shows how it went."
        )
    return nodes


def _again(node: Node, rank: int, call: Invocation) -> Node:
    """Take a node as it was; -l and -p of this call replace what a cluster said of it."""
    typed = parse_node(node.name)
    return replace(
        node,
        rank=rank,
        user=typed.user if _own(call, "user") else node.user,
        port=typed.port if _own(call, "port") else node.port,
    )


def _is_wanted(outcome: Outcome, options: RerunOptions) -> bool:
    from trioexec.model.outcomes import (  # noqa: PLC0415
        Cancelled,
        Denied,
        HostKeyRejected,
        TimedOut,
        Unreachable,
    )

    if not (options.failed or options.unreachable or options.not_started):
        return True
    match outcome:
        case Unreachable() | Denied() | HostKeyRejected() | TimedOut(phase="connect" | "auth"):
            return options.failed or options.unreachable
        case Cancelled(started=False):
            return options.failed or options.not_started
        case _:
            return options.failed and not outcome.ok


def _check_secrets(call: Invocation, run_id: str, header: Header) -> None:
    """Ask for what the journal does not keep; half an environment would be another command."""
    given = {f"--env {name}" for name, _ in call.options(CommandOptions).env}
    ssh = call.options(SshOptions).ssh_option
    given |= {"-o SetEnv" for key, _ in ssh if key.lower() == "setenv"}
    for field in DESCRIPTORS:
        # Who asks for the secret instead has one as well.
        ways = {field, field.removesuffix("_fd")} & call.settings.keys()
        if any(map(call.is_given, ways)):
            given.add(f"--{field.replace('_', '-')}")
    missing = [what for what in header.unrecorded if what not in given]
    if missing:
        again = " ".join(f"{what}=..." for what in missing)
        raise UsageError(
            f"run {run_id} had {', '.join(missing)}, whose values the journal does not keep.\n"
            f"Give them again: trioexec rerun {run_id} {again}"
        )


def _settled(call: Invocation, run_id: str, header: Header) -> dict[str, Setting]:
    """The run's options under this call's own; an option excludes its rivals of the record."""
    settings = dict(call.settings)
    known = sets_of(ENTRY.groups)
    claimed = {one for field, sets in known.items() if _own(call, field) for one in sets}
    for field, value in header.options.items():
        if field not in known or _own(call, field) or not claimed.isdisjoint(known[field]):
            continue
        settings[field] = Setting(value=_value(value), source="journal", where=f"run {run_id}")
    return settings


def _own(call: Invocation, field: str) -> bool:
    return call.settings[field].source == COMMAND_LINE


def _value(value: object) -> object:
    """JSON has no tuples; options have no lists."""
    return tuple(_value(one) for one in value) if isinstance(value, list) else value
