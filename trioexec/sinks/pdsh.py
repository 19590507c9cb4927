"""How pdsh tells that a command has ended badly: a line on stderr, in its words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trioexec.model.events import Event, NodeFinished
from trioexec.model.outcomes import Cancelled, Exited, Killed, Outcome, TimedOut

if TYPE_CHECKING:
    from trioexec.sinks.console import Console

__all__ = ["EXEC_TIMED_OUT", "SSH_FAILED", "PdshSink", "code_of", "lines_for"]

SSH_FAILED = 255
"""What ssh exits with where it is not the command's own code."""

EXEC_TIMED_OUT = 254
"""What pdsh counts a program as that it had to end."""


class PdshSink:
    """Says how nodes end that did not succeed."""

    def __init__(self, console: Console, *, who: str, program: str) -> None:
        """Prepare the sink.

        Args:
            console: Where lines go.
            who: How pdsh's own lines begin: ``pdsh@thishost``.
            program: What has run: ``ssh``, or the program's name.
        """
        self._console = console
        self._who = who
        self._program = program

    def handle(self, event: Event) -> None:
        """Take one event; output is the stream sink's."""
        if isinstance(event, NodeFinished):
            for line in lines_for(event.node, event.outcome, who=self._who, program=self._program):
                self._console.say(line)

    async def serve(self) -> None:
        """Nothing takes time here: the console writes."""


def lines_for(label: str, outcome: Outcome, *, who: str, program: str) -> list[str]:
    """Word an outcome."""
    own = f"{who}: {label}: "
    over_ssh = program == "ssh"
    ended = f"{own}{program} exited with exit code {code_of(outcome, over_ssh=over_ssh)}"
    match outcome:
        case Exited(code=0):
            return []
        case Killed() if not over_ssh:
            return [f"{own}{program} killed by signal {outcome.signal}"]
        case TimedOut(phase="command"):
            return [f"{own}command timeout", ended]
        case Cancelled():
            lost = outcome.remote == "not confirmed"
            return [f"{label}: {outcome.text}"] if lost else []
        case Exited() | Killed():
            return [ended]
        case _:
            return [f"{label}: {program}: {outcome.text}", ended]


def code_of(outcome: Outcome, *, over_ssh: bool) -> int:
    """Say what an outcome counts as for ``-S``."""
    match outcome:
        case Exited():
            return outcome.exit_code
        case Cancelled():
            return 0
        case Killed():
            return SSH_FAILED if over_ssh else outcome.exit_code
        case TimedOut() if not over_ssh:
            return EXEC_TIMED_OUT
        case _:
            return SSH_FAILED
