"""What is kept of a run beside what it shows: the journal, JUnit, GitHub, a log, spans.

From options to sinks, and from a run's options to what its record may say of them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from trioexec.cli.declared import declared
from trioexec.cli.options import (
    CommandOptions,
    LimitOptions,
    RecordOptions,
    ResultOptions,
    SshOptions,
    TransportOptions,
)
from trioexec.model.errors import UsageError
from trioexec.settings.here import here

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation
    from trioexec.model.events import RunStarted
    from trioexec.model.hostfold import Fold
    from trioexec.model.journal import Header
    from trioexec.sinks.base import Sink
    from trioexec.sinks.checks import Asked
    from trioexec.sinks.console import Console
    from trioexec.sinks.journal import JournalSink

__all__ = ["DESCRIPTORS", "REMEMBERED", "RecordMaker", "SinkMaker", "record_sinks"]

SinkMaker = Callable[["Console", "Fold"], "list[Sink]"]
Dissenters = Callable[[], Collection[str]]
"""Names, at the end of a run, the nodes that fail for their answer alone."""

RecordMaker = Callable[["Console", "Fold", Dissenters], "list[Sink]"]

REMEMBERED: Final = (LimitOptions, CommandOptions, ResultOptions, SshOptions, TransportOptions)
"""What shapes a run; how it was shown is for the next time to say."""

_PATHS: Final = frozenset({"script", "identity", "ssh_config"})
"""Files, which another run may be asked for from another folder."""

_NO_COMMAND: Final = frozenset({"ping", "check"})
"""What cannot be run again from the journal: its words are no command."""

_NOT_FILES: Final = frozenset({"", "none", "-"})
_SECRET_SSH_OPTIONS: Final = frozenset({"setenv"})
_NEVER: Final = frozenset({"dry_run", "batch"})
DESCRIPTORS: Final = frozenset({"password_fd", "sudo_password_fd", "key_passphrase_fd"})
"""What was open for one run is not open for the next."""


def record_sinks(call: Invocation, asked: Asked | None = None) -> RecordMaker:
    """Settle what is kept, and return what makes the sinks for it.

    Args:
        call: Its options.
        asked: The checks, where that is what the run is about; else it is its nodes.

    Raises:
        UsageError: A file cannot be written.
    """
    options = call.options(RecordOptions)
    if options.junit:
        from trioexec.sinks.atomic import refusal  # noqa: PLC0415

        if why := refusal(Path(options.junit)):
            raise UsageError(f"--junit {options.junit}: {why}.\nName a file that can be written.")
    telling = _tellers(call, options)

    def make(console: Console, fold: Fold, dissenters: Dissenters) -> list[Sink]:
        sinks: list[Sink] = []
        if not options.no_record:
            sinks.append(_journal_sink(call, console, keeps_output=not options.no_record_output))
        if asked is None:
            sinks += _node_reports(call, options, console, fold, dissenters)
        else:
            sinks += _check_reports(call, options, asked, console, fold)
        return [*sinks, *(tell(console) for tell in telling)]

    return make


def _tellers(call: Invocation, options: RecordOptions) -> list[Callable[[Console], Sink]]:
    """Open what tells other machines of the run.

    Raises:
        UsageError: It cannot be.
    """
    found: list[Callable[[Console], Sink]] = []
    if options.log_file:
        from trioexec.sinks.logfile import LogSink, open_log  # noqa: PLC0415

        log = open_log(options.log_file)
        found.append(lambda console: LogSink(log, options.log_file, say=console.say))
    if options.otel:
        found.append(_span_teller(call))
    return found


def _span_teller(call: Invocation) -> Callable[[Console], Sink]:
    try:
        from trioexec.sinks.otel_export import OtelExportSink, open_exporting  # noqa: PLC0415
    except ImportError as exc:
        raise UsageError(
            "--otel needs OpenTelemetry's SDK, which is not installed.\n"
            "Install it: pip install 'trioexec[otel]'"
        ) from exc
    exporting = open_exporting(call.env)
    return lambda console: OtelExportSink(exporting, say=console.say)


def _node_reports(
    call: Invocation, options: RecordOptions, console: Console, fold: Fold, dissenters: Dissenters
) -> Iterator[Sink]:
    """Make what tells a CI server of nodes."""
    if options.junit:
        from trioexec.sinks.junit import JunitSink  # noqa: PLC0415

        yield JunitSink(Path(options.junit), say=console.say, dissenters=dissenters)
    if _annotates(call, options):
        from trioexec.sinks.github import GithubSink  # noqa: PLC0415

        yield GithubSink(
            say=console.say,
            fold=fold,
            summary_file=_github_file(call),
            drained=console.stdout.is_drained,
            dissenters=dissenters,
        )


def _check_reports(
    call: Invocation, options: RecordOptions, asked: Asked, console: Console, fold: Fold
) -> Iterator[Sink]:
    """Make what tells a CI server of checks."""
    if options.junit:
        from trioexec.sinks.checks import ChecksJunitSink  # noqa: PLC0415

        yield ChecksJunitSink(asked, Path(options.junit), say=console.say)
    if _annotates(call, options):
        from trioexec.sinks.checks import ChecksGithubSink  # noqa: PLC0415

        yield ChecksGithubSink(
            asked,
            say=console.say,
            fold=fold,
            summary_file=_github_file(call),
            drained=console.stdout.is_drained,
        )


def _annotates(call: Invocation, options: RecordOptions) -> bool:
    on_github = call.env.get("GITHUB_ACTIONS") == "true"
    return options.annotations == "github" or (options.annotations == "auto" and on_github)


def _github_file(call: Invocation) -> Path | None:
    file = call.env.get("GITHUB_STEP_SUMMARY", "")
    return Path(file) if file else None


def _journal_sink(call: Invocation, console: Console, *, keeps_output: bool) -> JournalSink:
    from trioexec.settings.journal import Journal, journal_directory  # noqa: PLC0415
    from trioexec.sinks.journal import JournalSink  # noqa: PLC0415

    options, unrecorded = _remembered(call)

    def header(run_id: str, event: RunStarted) -> Header:
        from trioexec.model.journal import Header  # noqa: PLC0415

        return Header(
            id=run_id,
            unix_s=event.unix_s,
            command=event.command,
            nodes=len(event.nodes),
            job=call.name if call.name in _NO_COMMAND else "run",
            words=call.words if call.name not in _NO_COMMAND else (),
            options=options,
            unrecorded=unrecorded,
            keeps_output=keeps_output,
        )

    journal = Journal(journal_directory(call.env))
    return JournalSink(create=journal.create, header=header, say=console.say)


def _remembered(call: Invocation) -> tuple[Mapping[str, Any], tuple[str, ...]]:
    """Take down what was given, but no value that may be secret."""
    kept: dict[str, Any] = {}
    secret: list[str] = []
    for name, flag in (pair for group in REMEMBERED for pair in declared(group).items()):
        setting = call.settings.get(name)
        if setting is None or not call.is_given(name) or name in _NEVER:
            continue
        value: Any = setting.value
        if name in DESCRIPTORS:
            secret.append("--" + name.replace("_", "-"))
            continue
        if name == "env":
            secret += [f"--env {name}" for name, _ in value]
            continue
        if name == "ssh_option":
            secret += ["-o SetEnv" for key, _ in value if key.lower() in _SECRET_SSH_OPTIONS]
            value = [pair for pair in value if pair[0].lower() not in _SECRET_SSH_OPTIONS]
        if name in _PATHS:
            value = [_absolute(path) for path in value] if flag.many else _absolute(value)
        kept[name] = value
    return kept, tuple(secret)


def _absolute(path: str) -> str:
    if path in _NOT_FILES or path.startswith("~"):
        return path
    return os.path.normpath(os.path.join(here(), path))  # noqa: PTH118 - a link stays a link
