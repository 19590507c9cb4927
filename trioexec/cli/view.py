"""From the output options to the sinks of a run."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from msgspec import Struct

from trioexec.cli.letters import unicode_allowed
from trioexec.cli.options import OutputOptions
from trioexec.model.errors import UsageError

if TYPE_CHECKING:
    from trioexec.model.hostfold import Fold
    from trioexec.sinks.base import Sink
    from trioexec.sinks.console import Console
    from trioexec.sinks.grouped import GroupSink
    from trioexec.sinks.masks import Mask

__all__ = [
    "Streams",
    "View",
    "colored_on",
    "dissenters_of",
    "group_that_judges",
    "is_pipe",
    "make_sinks",
    "progress_sinks",
    "view_of",
]

Mode = Literal["stream", "group", "json", "files", "tui"]


class Streams(Struct, frozen=True, kw_only=True):
    """What our own stdin, stdout and stderr lead to."""

    stdout_tty: bool = False
    stdout_pipe: bool = False
    """Whether another program reads stdout: what it prints may go to our terminal, at any time."""

    stderr_tty: bool = False
    stdin_typed: bool = False
    """Whether somebody types what the commands read: the line they type is under all output."""

    @classmethod
    def ours(cls, *, reads_stdin: bool = False) -> Streams:
        """Look at those of this process.

        Args:
            reads_stdin: Whether our stdin goes to the commands.
        """
        return cls(
            stdin_typed=reads_stdin and sys.stdin is not None and sys.stdin.isatty(),
            stdout_tty=sys.stdout.isatty(),
            stdout_pipe=is_pipe(1),
            stderr_tty=sys.stderr.isatty(),
        )


def is_pipe(fd: int) -> bool:
    """Say whether a descriptor leads to another program."""
    mode = os.fstat(fd).st_mode
    return stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)


class View(Struct, frozen=True, kw_only=True):
    """How a run is to be shown: every question of terminal and environment answered."""

    mode: Mode
    directory: str
    """Where the files go; empty for none."""

    prefix: bool
    diff: bool
    masks: tuple[Mask, ...]
    color_stdout: bool
    color_stderr: bool
    progress: bool
    unicode: bool
    """Whether a terminal takes more than ASCII."""

    quiet: bool
    verbose: bool
    order: Literal["size", "node", "code"] = "size"
    fail_on_diff: bool = False


def view_of(
    options: OutputOptions,
    *,
    color_given: bool,
    env: Mapping[str, str],
    streams: Streams,
) -> View:
    """Answer the questions.

    Args:
        options: What was asked for.
        color_given: Whether the command line itself names a colour: only that is stronger
            than NO_COLOR.
        env: Our environment.
        streams: What ours lead to.
    """
    mode = _mode(options)
    _check_grouping(options, mode)
    on_screen = env.get("TERM") != "dumb"
    colored = partial(colored_on, options, color_given=color_given, env=env)
    showing = not options.quiet and mode != "tui"
    # Where nobody else writes, and nobody types.
    alone = streams.stderr_tty and not streams.stdout_pipe and not streams.stdin_typed
    return View(
        mode=mode,
        directory=options.output_dir,
        prefix=not options.no_prefix,
        diff=options.diff,
        masks=_masks(options.mask),
        order=options.sort,
        fail_on_diff=options.fail_on_diff,
        color_stdout=colored(tty=streams.stdout_tty),
        color_stderr=colored(tty=streams.stderr_tty),
        progress=showing and _holds(options.progress, alone and on_screen),
        unicode=unicode_allowed(env),
        quiet=options.quiet,
        verbose=options.verbose,
    )


def colored_on(
    options: OutputOptions, *, color_given: bool, env: Mapping[str, str], tty: bool
) -> bool:
    """Say whether a stream has colours; see `view_of`."""
    colors = "never" if env.get("NO_COLOR") and not color_given else options.color
    return _holds(colors, tty and env.get("TERM") != "dumb")


def _mode(options: OutputOptions) -> Mode:
    """Choose the one way in which stdout is written; the options exclude each other."""
    if options.group:
        return "group"
    if options.json:
        return "json"
    if options.tui:
        return "tui"
    return "files" if options.output_dir and not options.stream else "stream"


def _masks(text: str) -> tuple[Mask, ...]:
    if not text:
        return ()
    from trioexec.sinks.masks import parse_masks  # noqa: PLC0415 - few runs have any

    return parse_masks(text)


def _check_grouping(options: OutputOptions, mode: Mode) -> None:
    """Refuse what only groups have.

    Raises:
        UsageError: It was asked for without them.
    """
    needs_groups = (
        (options.diff, "--diff"),
        (options.mask, "--mask"),
        (options.sort != "size", "--sort"),
        (options.fail_on_diff, "--fail-on-diff"),
    )
    for wanted, option in needs_groups:
        if wanted and mode != "group":
            raise UsageError(f"{option} works with --group only.\nAdd -g, or leave {option} out.")


def _holds(said: Literal["auto", "always", "never"], auto: bool) -> bool:  # noqa: FBT001 - a value
    return auto if said == "auto" else said == "always"


def make_sinks(view: View, console: Console, *, fold: Fold) -> list[Sink]:
    """Make the sinks, in the order in which they get events; imports only what is wanted.

    Raises:
        UsageError: The output directory cannot be made or written.
    """
    sinks = _main_sinks(view, console, fold)
    if view.directory:
        from trioexec.sinks.files import FilesSink  # noqa: PLC0415

        sinks.append(FilesSink(Path(view.directory), say=console.say))
    group = _group_of(view, sinks)
    sinks += progress_sinks(view, console, answers=lambda: group.distinct if group else 0)
    if not view.quiet:
        from trioexec.sinks.summary import SummarySink  # noqa: PLC0415

        sinks.append(SummarySink(console, fold=fold, dissenters=dissenters_of(view, sinks)))
    return sinks


def group_that_judges(view: View, sinks: Iterable[Sink]) -> GroupSink | None:
    """Find, among the view's sinks, the groups that have a say in the exit code, if they have."""
    return _group_of(view, sinks) if view.fail_on_diff else None


def _group_of(view: View, sinks: Iterable[Sink]) -> GroupSink | None:
    if view.mode != "group":
        return None
    from trioexec.sinks.grouped import GroupSink  # noqa: PLC0415 - made already

    return next(sink for sink in sinks if isinstance(sink, GroupSink))


def dissenters_of(view: View, sinks: Iterable[Sink]) -> Callable[[], list[str]]:
    """Make what names the nodes that fail for their answer alone."""
    group = group_that_judges(view, sinks)
    return list if group is None else lambda: [node.name for node in group.dissenters]


def progress_sinks(view: View, console: Console, *, answers: Callable[[], int] = int) -> list[Sink]:
    """Make the sinks that say on stderr how far the run is.

    Args:
        view: Whether they are wanted.
        console: Where they say it.
        answers: Counts the different answers so far; 0 where nobody counts.
    """
    sinks: list[Sink] = []
    if view.verbose:
        from trioexec.sinks.narrate import NarrateSink  # noqa: PLC0415

        sinks.append(NarrateSink(console))
    if view.progress:
        from trioexec.sinks.progress import ProgressSink  # noqa: PLC0415

        sinks.append(
            ProgressSink(console, color=view.color_stderr, unicode=view.unicode, answers=answers)
        )
    return sinks


def _main_sinks(view: View, console: Console, fold: Fold) -> list[Sink]:
    """Make what writes to stdout."""
    match view.mode:
        case "group":
            from trioexec.sinks.grouped import GroupSink, Look  # noqa: PLC0415

            look = Look(
                marked=view.prefix,
                color=view.color_stdout,
                diff=view.diff,
                masks=view.masks,
                order=view.order,
                brief=not view.quiet,
            )
            return [GroupSink(console, fold=fold, look=look)]
        case "json":
            from trioexec.sinks.jsonl import JsonSink  # noqa: PLC0415

            return [JsonSink(console)]
        case "stream":
            from trioexec.sinks.stream import StreamSink  # noqa: PLC0415

            return [
                StreamSink(
                    console,
                    prefix=view.prefix,
                    color=view.color_stdout,
                    color_stderr=view.color_stderr,
                )
            ]
        case "tui":
            from trioexec.cli.screen import make_screen_sink  # noqa: PLC0415

            return [make_screen_sink(console)]
        case "files":
            return []
