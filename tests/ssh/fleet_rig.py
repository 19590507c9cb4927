"""Runs on a fleet in this process, for its tests."""

from __future__ import annotations

from collections.abc import Callable

import trio

from trioexec.engine.jobs import CommandJob
from trioexec.engine.run import Run
from trioexec.model.command import Command, Limits
from trioexec.model.events import Event, NodeOutput
from trioexec.model.flow import Flow
from trioexec.model.outcomes import (
    Outcome,
)
from trioexec.model.report import Report
from trioexec.testing import (
    SshFleet,
)
from trioexec.transports.ssh.transport import SshTransport

HANG_S = 60.0


async def run_on(
    fleet: SshFleet,
    command: str | Command,
    *,
    limits: Limits | None = None,
    on_event: Callable[[Event, Run], None] = lambda event, run: None,  # noqa: ARG005
) -> tuple[Report, dict[tuple[str, str], bytes]]:
    """Run a command on all nodes with the real transport; the report, and what was said."""
    said: dict[tuple[str, str], bytes] = {}

    def emit(event: Event) -> None:
        if isinstance(event, NodeOutput):
            key = event.node, event.stream
            said[key] = said.get(key, b"") + event.data
        on_event(event, run)

    transport = SshTransport(fleet.ssh_options())
    run = Run(
        fleet.nodes,
        CommandJob(command=Command(text=command) if isinstance(command, str) else command),
        transport,
        limits=limits or Limits(),
        flow=Flow(),
        emit=emit,
        decide=lambda report, stopped, stopped_by: 0,  # noqa: ARG005
    )
    with trio.fail_after(HANG_S):
        async with transport.open():
            return await run.execute(), said


def outcomes(report: Report) -> dict[str, Outcome]:
    return {row.node.name: row.outcome for row in report}
