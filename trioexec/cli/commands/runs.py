"""``trioexec runs``: lists the journal's runs, shows one again, compares two, makes a page."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from msgspec.structs import asdict, replace

from trioexec.cli.fanout import run_trio, view_for
from trioexec.cli.options import OutputOptions, RunsOptions
from trioexec.cli.registry import CommandEntry
from trioexec.cli.view import colored_on, group_that_judges, make_sinks
from trioexec.model.errors import UsageError
from trioexec.model.exitcodes import DIFFERENT, FAILED, OK, OUTPUT_CLOSED
from trioexec.settings.layers import COMMAND_LINE

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation
    from trioexec.cli.view import View
    from trioexec.model.journal import Header, Recorded
    from trioexec.model.record import RunRecord
    from trioexec.settings.journal import Entry, Journal

__all__ = ["ENTRY", "main", "title"]

VERSION = 1
"""Of the objects of ``runs --json``."""

_OF_SHOW = (
    *("stream", "group", "diff", "mask", "sort", "fail_on_diff", "json", "tui", "output_dir"),
    *("no_prefix", "verbose"),
)
"""How a run is shown: nothing for a list, a comparison or a page."""


ENTRY = CommandEntry(
    usage="[OPTIONS] [show RUN | diff RUN RUN | report RUN]",
    groups=(RunsOptions, OutputOptions),
    words_end=False,
    examples=(
        ("trioexec runs", "the last runs; RUN below is an ID of these, last, or last-1"),
        ("trioexec runs show last -g", "the last run's output again, equal answers once"),
        ("trioexec runs diff last-1 last", "what changed on which nodes; exit 1 if anything did"),
        ("trioexec runs diff k7f3 last --mask time,number", "but for what always differs"),
        ("trioexec runs report k7f3 -o run.html", "one page to look at, or to mail"),
    ),
)

_USE = (
    "Write show RUN, diff RUN RUN or report RUN; RUN is an ID that `trioexec runs` lists, or last."
)


def main(call: Invocation) -> int:
    """Do what the first word says."""
    from trioexec.settings.journal import Journal, journal_directory  # noqa: PLC0415

    journal = Journal(journal_directory(call.env))
    if call.words[:1] != ("show",):
        _refuse_modes(call)
    match call.words:
        case () | ("list",):
            most = call.options(RunsOptions).last
            return _list(journal, most, as_json=call.options(OutputOptions).json)
        case ("show",):
            return _show(journal.find("last"), view_for(call))
        case ("show", run):
            return _show(journal.find(run), view_for(call))
        case ("diff", before, after):
            return _diff(journal.find(before), journal.find(after), call)
        case ("report",):
            return _report(journal.find("last"), call.options(RunsOptions).output)
        case ("report", run):
            return _report(journal.find(run), call.options(RunsOptions).output)
        case _:
            raise UsageError(f"runs {' '.join(call.words)}: that is none of its ways.\n{_USE}")


def _refuse_modes(call: Invocation) -> None:
    """See that nobody asks for a mode where there is one way to show it; a list has two.

    Raises:
        UsageError: Somebody does, on the command line: elsewhere it is meant for runs.
    """
    what = "".join(call.words[:1])
    knows = {"": "json", "list": "json", "diff": "mask"}.get(what)
    for name in _OF_SHOW:
        if call.settings[name].source == COMMAND_LINE and name != knows:
            option = f"--{name.replace('_', '-')}"
            asked = f"runs {what}".rstrip()
            raise UsageError(
                f"{asked} does not know {option}.\nLeave it out; runs show RUN has it."
            )


def _list(journal: Journal, most: int, *, as_json: bool) -> int:
    entries = journal.entries()[:most]
    if not entries:
        sys.stderr.write(f"No run has been kept yet; they will be in {journal.directory}.\n")
        return OK
    if as_json:
        sys.stdout.writelines(f"{_json_of(entry)}\n" for entry in entries)
        return OK
    rows = [("RUN", "WHEN", "TOOK", "NODES", "FAILED", "EXIT", "COMMAND"), *map(_row, entries)]
    widths = [max(len(row[column]) for row in rows) for column in range(6)]
    for row in rows:
        shown = [
            text.rjust(width) if 2 <= column <= 5 else text.ljust(width)  # noqa: PLR2004 - numbers
            for column, (text, width) in enumerate(zip(row, widths, strict=False))
        ]
        sys.stdout.write("  ".join([*shown, row[6]]).rstrip() + "\n")
    return OK


def _json_of(entry: Entry) -> str:
    """One run for programs; what is not known is left out."""
    import json  # noqa: PLC0415 - hardly ever wanted

    from trioexec.model.journal import DamagedError  # noqa: PLC0415

    found: dict[str, object] = {"v": VERSION, "id": entry.id}
    try:
        header, summary = entry.header(), entry.summary()
        found |= {"job": header.job, "command": header.command, "unix_s": header.unix_s}
        found["nodes"] = header.nodes
        if summary is not None:
            found |= {"state": "finished"} | asdict(summary)
        else:
            found["state"] = "running" if entry.is_running() else "cut"
    except DamagedError:
        found["state"] = "damaged"
    return json.dumps(found)


def _row(entry: Entry) -> tuple[str, str, str, str, str, str, str]:
    from trioexec.model.journal import DamagedError  # noqa: PLC0415

    try:
        header, summary = entry.header(), entry.summary()
        running = summary is None and entry.is_running()
    except DamagedError:
        return (entry.id, "?", "?", "?", "?", "?", "(damaged)")
    when = time.strftime("%Y-%m-%d %H:%M", time.localtime(header.unix_s))
    command = title(header) or "(ping)"
    if summary is None:
        state = "runs" if running else "cut"
        return (entry.id, when, "-", str(header.nodes), "-", state, command)
    failed = summary.nodes - summary.ok
    took = f"{summary.took_s:.1f} s"
    return (entry.id, when, took, str(summary.nodes), str(failed), str(summary.exit_code), command)


def title(header: Header, columns: int = 60) -> str:
    """Write what was run in one line, and no more than a list has room for."""
    from trioexec.model.record import plain_text  # noqa: PLC0415

    text = header.command
    if script := header.options.get("script"):  # the command is but its interpreter
        text = " ".join(["--script", os.path.basename(script), *header.words])  # noqa: PTH119 - a text
    line = " ".join(plain_text(text.encode("utf-8", "backslashreplace")).split())
    return line if len(line) <= columns else f"{line[: columns - 3]}..."


def _show(entry: Entry, view: View) -> int:
    recorded = entry.read()
    for line in _gaps(entry, recorded):
        sys.stderr.write(f"trioexec: {line}\n")
    sys.stderr.flush()
    return run_trio(_replay, recorded, view)


def _gaps(entry: Entry, recorded: Recorded) -> Iterator[str]:
    """Say what the record does not hold."""
    if not recorded.complete:
        end = "has no end (trioexec was killed, or the disk was full)"
        how = "still runs" if entry.is_running() else end
        yield f"run {entry.id} {how}: nodes that have not finished count as stopped."
    if not recorded.header.keeps_output:
        yield f"run {entry.id} was recorded without its output."
    elif recorded.dropped:
        names, missing = list(recorded.dropped), sum(recorded.dropped.values())
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004
        yield f"{missing:,} bytes were too much to keep, of {', '.join(names[:3])}{more}."


async def _replay(recorded: Recorded, view: View) -> int:
    from trioexec.api.replay import replay  # noqa: PLC0415 - imports trio
    from trioexec.cli.screen import make_console  # noqa: PLC0415
    from trioexec.model.flow import Flow  # noqa: PLC0415
    from trioexec.model.hostlist import fold  # noqa: PLC0415
    from trioexec.model.journal import completed  # noqa: PLC0415
    from trioexec.sinks.base import failed_file  # noqa: PLC0415

    flow = Flow()
    console, _ = make_console(flow, on_screen=view.mode == "tui")
    # Nothing is in progress any more.
    sinks = make_sinks(replace(view, progress=False), console, fold=fold)
    if not await replay(completed(recorded), flow=flow, sinks=sinks, console=console):
        return OUTPUT_CLOSED
    if (groups := group_that_judges(view, sinks)) and groups.outliers:
        return DIFFERENT
    return FAILED if failed_file(sinks) else OK


def _diff(before: Entry, after: Entry, call: Invocation) -> int:
    from trioexec.model.hostlist import fold  # noqa: PLC0415
    from trioexec.sinks.masks import parse_masks  # noqa: PLC0415
    from trioexec.sinks.rundiff import compare, show_change  # noqa: PLC0415

    options = call.options(OutputOptions)
    masks = parse_masks(options.mask)
    color_given = call.settings["color"].source == COMMAND_LINE
    color = colored_on(options, color_given=color_given, env=call.env, tty=sys.stdout.isatty())
    old, new = _record(before), _record(after)
    changes = compare(old, new, masks=masks)
    for change in changes:
        lines = show_change(change, fold, masks=masks, color=color)
        sys.stdout.buffer.writelines(line + b"\n" for line in lines)
    sys.stdout.flush()
    changed = sum(len(change.nodes) for change in changes)
    both = len({node.node.name for node in (*old.nodes, *new.nodes)})
    sys.stderr.write(f"{before.id} -> {after.id}: {changed} of {both} nodes changed.\n")
    return DIFFERENT if changes else OK


def _record(entry: Entry) -> RunRecord:
    from trioexec.model.journal import completed  # noqa: PLC0415
    from trioexec.model.record import Recorder  # noqa: PLC0415

    recorder = Recorder()
    for event in completed(entry.read()):
        recorder.handle(event)
    return recorder.record()


def _report(entry: Entry, output: str) -> int:
    from trioexec.model.hostlist import fold  # noqa: PLC0415
    from trioexec.sinks.atomic import refusal, write_whole  # noqa: PLC0415
    from trioexec.sinks.page import page  # noqa: PLC0415

    path = Path(output or f"trioexec-{entry.id}.html")
    if output != "-" and (why := refusal(path)):
        raise UsageError(f"-o {path}: {why}.\nName a file that can be written.")
    recorded = entry.read()
    notes = list(_gaps(entry, recorded))
    text = page(_record(entry), run_id=entry.id, notes=notes, fold=fold)
    document = text.encode("utf-8", "replace")
    if output == "-":
        sys.stdout.buffer.write(document)
        return OK
    try:
        write_whole(path, document)
    except OSError as exc:
        raise UsageError(f"-o {path}: {exc.strerror}.\nName a file that can be written.") from exc
    sys.stderr.write(f"{path} is written.\n")
    return OK
