"""Every option of every command, grouped into the panels of the help: a module a panel, or a few.

The one list: grammar, environment names, help, completion and the README's table
are derived from it, and a test follows each option to its consumer.  An option
whose consumer does not exist yet is not here.  A command imports the options that it
has, and no others.  The modules do without ``from __future__ import annotations``, with which a
declaration would be a text that every start compiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from trioexec.cli.options.check import CheckOptions
    from trioexec.cli.options.completion import CompletionOptions
    from trioexec.cli.options.demo import DemoOptions
    from trioexec.cli.options.general import FileOptions, GeneralOptions
    from trioexec.cli.options.nodes import ListOptions, NodeOptions
    from trioexec.cli.options.numbers import UNSET
    from trioexec.cli.options.output import OutputOptions
    from trioexec.cli.options.records import RecordOptions, RerunOptions, RunsOptions
    from trioexec.cli.options.run import CommandOptions, LimitOptions, ResultOptions
    from trioexec.cli.options.ssh import SshOptions, TransportOptions

__all__ = [
    "UNSET",
    "CheckOptions",
    "CommandOptions",
    "CompletionOptions",
    "DemoOptions",
    "FileOptions",
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

_HOME = {
    "UNSET": "numbers",
    "CheckOptions": "check",
    "CommandOptions": "run",
    "CompletionOptions": "completion",
    "DemoOptions": "demo",
    "FileOptions": "general",
    "GeneralOptions": "general",
    "LimitOptions": "run",
    "ListOptions": "nodes",
    "NodeOptions": "nodes",
    "OutputOptions": "output",
    "RecordOptions": "records",
    "RerunOptions": "records",
    "ResultOptions": "run",
    "RunsOptions": "records",
    "SshOptions": "ssh",
    "TransportOptions": "ssh",
}


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Import a group of options when it is first asked for (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value
