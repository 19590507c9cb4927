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
    from trioexec.api import RunResult, run_job
    from trioexec.engine.jobs import CommandJob, PingJob
    from trioexec.model.command import Command, Limits
    from trioexec.model.errors import ConfigError, NodeSetError, TrioexecError, UsageError
    from trioexec.model.events import Event
    from trioexec.model.nodes import Node
    from trioexec.model.outcomes import Outcome
    from trioexec.model.report import NodeResult, Report

__all__ = [
    "Command",
    "CommandJob",
    "ConfigError",
    "Event",
    "Limits",
    "Node",
    "NodeResult",
    "NodeSetError",
    "Outcome",
    "PingJob",
    "Report",
    "RunResult",
    "TrioexecError",
    "UsageError",
    "__version__",
    "run_job",
]

__version__ = "0.1.0"

_HOME = {
    "Command": "trioexec.model.command",
    "CommandJob": "trioexec.engine.jobs",
    "ConfigError": "trioexec.model.errors",
    "Event": "trioexec.model.events",
    "Limits": "trioexec.model.command",
    "Node": "trioexec.model.nodes",
    "NodeResult": "trioexec.model.report",
    "NodeSetError": "trioexec.model.errors",
    "Outcome": "trioexec.model.outcomes",
    "PingJob": "trioexec.engine.jobs",
    "Report": "trioexec.model.report",
    "RunResult": "trioexec.api",
    "TrioexecError": "trioexec.model.errors",
    "UsageError": "trioexec.model.errors",
    "run_job": "trioexec.api",
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
