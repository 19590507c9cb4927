"""From the output options to the sinks of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from trioexec.cli.options import OutputOptions

if TYPE_CHECKING:
    from trioexec.sinks.base import Sink
    from trioexec.sinks.console import Console

__all__ = ["View", "make_sinks", "view_of"]

Mode = Literal["stream", "group", "json", "files"]


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """How a run is to be shown: every question of terminal and environment answered."""

    mode: Mode
    directory: str
    """Where the files go; empty for none."""

    prefix: bool
    color_stdout: bool
    color_stderr: bool
    progress: bool
    quiet: bool
    verbose: bool


def view_of(
    options: OutputOptions,
    *,
    color_given: bool,
    env: Mapping[str, str],
    stdout_tty: bool,
    stderr_tty: bool,
) -> View:
    """Answer the questions.

    Args:
        options: What was asked for.
        color_given: Whether the command line itself names a colour: only that is stronger
            than NO_COLOR.
        env: Our environment.
        stdout_tty: Whether stdout is a terminal.
        stderr_tty: Whether stderr is one.
    """
    mode: Mode = "stream"
    if options.group:
        mode = "group"
    elif options.json:
        mode = "json"
    elif options.output_dir and not options.stream:
        mode = "files"
    colors = options.color
    if env.get("NO_COLOR") and not color_given:
        colors = "never"
    dumb = env.get("TERM") == "dumb"
    return View(
        mode=mode,
        directory=options.output_dir,
        prefix=not options.no_prefix,
        color_stdout=colors == "always" or (colors == "auto" and stdout_tty and not dumb),
        color_stderr=colors == "always" or (colors == "auto" and stderr_tty and not dumb),
        progress=not options.quiet
        and (
            options.progress == "always" or (options.progress == "auto" and stderr_tty and not dumb)
        ),
        quiet=options.quiet,
        verbose=options.verbose,
    )


def make_sinks(view: View, console: Console) -> list[Sink]:
    """Make the sinks, in the order in which they get events."""
    from trioexec.sinks.stream import StreamSink  # noqa: PLC0415 - imports trio

    sinks: list[Sink] = []
    if view.mode == "stream":
        sinks.append(
            StreamSink(
                console,
                prefix=view.prefix,
                color=view.color_stdout,
                color_stderr=view.color_stderr,
            )
        )
    return sinks
