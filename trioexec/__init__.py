"""Run a command on many machines over SSH; leave nothing running when the run has ended.

What is named here is the promise; it is imported when it is first used, so that
importing trioexec costs nothing.
"""

# The layers.  Imports point downwards only; tests/unit/test_layers.py holds it.
#
#     cli        command line -> api -> exit code; the only one who exits
#     testing    an SSH fleet in the process, and fakes
#     api        builds a run: the engine inside, its readers round it, the signals round those
#     engine     nursery + capacity limiter + fail-fast; knows the two seams only by their base
#     settings   options and their layers |  transports  the seam to a node |  sinks  to a reader
#     model      values and decisions: no trio, no files, no terminal

from __future__ import annotations

TYPE_CHECKING = False  # type checkers know it; `typing` costs 15 ms

if TYPE_CHECKING:
    from trioexec.api import (
        EventStream,
        Fleet,
        FleetNode,
        Process,
        RunResult,
        open_fleet,
        run_job,
    )
    from trioexec.engine.jobs import CommandJob, PingJob
    from trioexec.model.command import Command, Limits
    from trioexec.model.errors import (
        ConfigError,
        NodeSetError,
        TrioexecError,
        UsageError,
    )
    from trioexec.model.events import (
        Event,
        NodeConnecting,
        NodeFinished,
        NodeOutput,
        NodeQueued,
        NodeStarted,
        RunFinished,
        RunStarted,
    )
    from trioexec.model.failures import (
        CommandFailedError,
        HostKeyRejectedError,
        NodeCancelledError,
        NodeDeniedError,
        NodeError,
        NodeTimedOutError,
        NodeUnreachableError,
    )
    from trioexec.model.nodes import Node
    from trioexec.model.outcomes import (
        Cancelled,
        Denied,
        Exited,
        HostKeyRejected,
        Killed,
        Outcome,
        SudoDenied,
        TimedOut,
        Unreachable,
    )
    from trioexec.model.report import NodeResult, Report
    from trioexec.model.secret import Secret
    from trioexec.transports.ssh.options import SshOptions

__all__ = [
    "Cancelled",
    "Command",
    "CommandFailedError",
    "CommandJob",
    "ConfigError",
    "Denied",
    "Event",
    "EventStream",
    "Exited",
    "Fleet",
    "FleetNode",
    "HostKeyRejected",
    "HostKeyRejectedError",
    "Killed",
    "Limits",
    "Node",
    "NodeCancelledError",
    "NodeConnecting",
    "NodeDeniedError",
    "NodeError",
    "NodeFinished",
    "NodeOutput",
    "NodeQueued",
    "NodeResult",
    "NodeSetError",
    "NodeStarted",
    "NodeTimedOutError",
    "NodeUnreachableError",
    "Outcome",
    "PingJob",
    "Process",
    "Report",
    "RunFinished",
    "RunResult",
    "RunStarted",
    "Secret",
    "SshOptions",
    "SudoDenied",
    "TimedOut",
    "TrioexecError",
    "Unreachable",
    "UsageError",
    "__version__",
    "open_fleet",
    "run_job",
]

__version__ = "0.1.0"

_HOME = {
    name: module
    for module, names in {
        "trioexec.api": (
            "EventStream",
            "Fleet",
            "FleetNode",
            "Process",
            "RunResult",
            "open_fleet",
            "run_job",
        ),
        "trioexec.engine.jobs": ("CommandJob", "PingJob"),
        "trioexec.model.command": ("Command", "Limits"),
        "trioexec.model.errors": ("ConfigError", "NodeSetError", "TrioexecError", "UsageError"),
        "trioexec.model.events": (
            "Event",
            "NodeConnecting",
            "NodeFinished",
            "NodeOutput",
            "NodeQueued",
            "NodeStarted",
            "RunFinished",
            "RunStarted",
        ),
        "trioexec.model.failures": (
            "CommandFailedError",
            "HostKeyRejectedError",
            "NodeCancelledError",
            "NodeDeniedError",
            "NodeError",
            "NodeTimedOutError",
            "NodeUnreachableError",
        ),
        "trioexec.model.nodes": ("Node",),
        "trioexec.model.outcomes": (
            "Cancelled",
            "Denied",
            "Exited",
            "HostKeyRejected",
            "Killed",
            "Outcome",
            "SudoDenied",
            "TimedOut",
            "Unreachable",
        ),
        "trioexec.model.report": ("NodeResult", "Report"),
        "trioexec.model.secret": ("Secret",),
        "trioexec.transports.ssh.options": ("SshOptions",),
    }.items()
    for name in names
}


if not TYPE_CHECKING:  # else every name would be there

    def __getattr__(name: str) -> object:
        """Import a public name when it is first asked for (PEP 562)."""
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        import importlib  # noqa: PLC0415 - importing trioexec is free

        value = getattr(importlib.import_module(_HOME[name]), name)
        globals()[name] = value
        return value


def __dir__() -> list[str]:
    """List the public names too, imported or not."""
    return sorted({*globals(), *__all__})
