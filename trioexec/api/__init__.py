"""What a trio program, our own command line included, builds a run from."""

from __future__ import annotations

from trioexec.api.runner import RunResult, Terminal, run_job

__all__ = ["RunResult", "Terminal", "run_job"]
