"""What a trio program, our own command line included, builds a run from."""

from __future__ import annotations

from trioexec.api.event_stream import EventStream
from trioexec.api.fleet import Fleet, FleetNode, open_fleet
from trioexec.api.process import Process
from trioexec.api.runner import RunResult, Terminal, run_job

__all__ = [
    "EventStream",
    "Fleet",
    "FleetNode",
    "Process",
    "RunResult",
    "Terminal",
    "open_fleet",
    "run_job",
]
