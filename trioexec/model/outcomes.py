"""How a command on a node can end: exactly one of these a node, the same in every output mode.

An outcome knows the exit code it counts as, the one line a person reads, and
the kind under which a summary folds it.  It does not know the node.
"""

from __future__ import annotations

import signal as _signal
from typing import Final, Literal

from msgspec import Struct

__all__ = [
    "EXIT_INTERRUPTED",
    "EXIT_NOT_REACHED",
    "EXIT_TIMED_OUT",
    "TOLD_TO_GO",
    "Cancelled",
    "Denied",
    "Exited",
    "HostKeyRejected",
    "Killed",
    "Outcome",
    "Phase",
    "Remote",
    "StopReason",
    "SudoDenied",
    "TimedOut",
    "Unreachable",
    "brief",
]

Phase = Literal["connect", "auth", "command", "idle", "deadline"]
"""What was under way when time ran out; the last two name the limit instead."""

StopReason = Literal[
    "interrupt", "terminate", "hangup", "fail-fast", "deadline", "output closed", "caller"
]
"""Why a run was stopped before its nodes were done."""

TOLD_TO_GO: Final[frozenset[StopReason]] = frozenset({"interrupt", "terminate", "hangup"})
"""Where somebody waits for us to end."""

Remote = Literal["never started", "ended", "not confirmed"]
"""What is known of the command's processes on the node once we have let go of it."""

BRIEF_COLUMNS = 100

EXIT_TIMED_OUT = 124
EXIT_NOT_REACHED = 255
EXIT_CANCELLED = 1
EXIT_LARGEST = 255
EXIT_INTERRUPTED = 130
SIGNAL_BASE = 128

_PHASES: dict[Phase, str] = {
    "connect": "timed out connecting",
    "auth": "timed out authenticating",
    "command": "timed out running",
    "idle": "timed out with no output",
    "deadline": "ran into the deadline",
}


def _signal_name(number: int) -> str:
    try:
        return _signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def _remote_note(remote: Remote) -> str:
    return " (remote end not confirmed)" if remote == "not confirmed" else ""


class _Failure:
    """What every ending is but one."""

    __slots__ = ()

    @property
    def ok(self) -> bool:
        """Whether the node did what was asked."""
        return False


class _NotReached(_Failure):
    """What every ending is before the command."""

    __slots__ = ()

    @property
    def exit_code(self) -> int:
        """255, as ssh has it: the command was not reached."""
        return EXIT_NOT_REACHED


class Exited(Struct, frozen=True, kw_only=True):
    """The command ran and exited by itself."""

    code: int
    """As the node reports it: 0 to 255 from a shell, with 128+n where that saw signal n; SSH
    itself allows more."""

    @property
    def ok(self) -> bool:
        """Whether the node did what was asked."""
        return self.code == 0

    @property
    def exit_code(self) -> int:
        """What the node counts as in an exit code strategy; never a failure that reads as 0."""
        return min(self.code, EXIT_LARGEST)

    @property
    def text(self) -> str:
        """One line for people; nodes with the same text fold together."""
        if SIGNAL_BASE < self.code <= SIGNAL_BASE + 64:
            return f"exit {self.code} ({_signal_name(self.code - SIGNAL_BASE)})"
        return f"exit {self.code}"


class Killed(_Failure, Struct, frozen=True, kw_only=True):
    """The command was ended by a signal that was not ours."""

    signal: int
    """The signal's number on this machine."""

    @property
    def exit_code(self) -> int:
        """128 + the signal's number, as shells count."""
        return SIGNAL_BASE + self.signal

    @property
    def text(self) -> str:
        """One line for people."""
        return f"killed by {_signal_name(self.signal)}"


class TimedOut(_Failure, Struct, frozen=True, kw_only=True):
    """A limit of ours was reached, and we ended what was under way."""

    phase: Phase
    """What took too long: ``"connect"``, ``"auth"`` or ``"command"``; or ``"idle"``, a command that
    said nothing, or ``"deadline"``, the whole run."""

    remote: Remote = "never started"
    """Whether the command is known to be gone: ``"ended"``, ``"not confirmed"``, or
    ``"never started"``."""

    step: str = ""
    """How far a node had come that was too slow to connect, for people: ``"no SSH greeting"``;
    empty where that is not known."""

    @property
    def exit_code(self) -> int:
        """124, as timeout(1) has it."""
        return EXIT_TIMED_OUT

    @property
    def text(self) -> str:
        """One line for people."""
        step = f" ({self.step})" if self.step else ""
        return _PHASES[self.phase] + step + _remote_note(self.remote)


class Unreachable(_NotReached, Struct, frozen=True, kw_only=True):
    """The node could not be talked to, or the connection was lost."""

    reason: str
    """One line for people."""

    remote: Remote = "never started"
    """As `TimedOut.remote`."""

    @property
    def text(self) -> str:
        """One line for people."""
        return f"unreachable: {self.reason}{_remote_note(self.remote)}"


class Denied(_NotReached, Struct, frozen=True, kw_only=True):
    """The node is there and did not let us in."""

    reason: str
    """One line for people."""

    @property
    def text(self) -> str:
        """One line for people."""
        return f"denied: {self.reason}"


class SudoDenied(_NotReached, Struct, frozen=True, kw_only=True):
    """We were let in, and sudo did not run the command: it was not started."""

    reason: str
    """One line for people."""

    @property
    def text(self) -> str:
        """One line for people."""
        return f"sudo denied: {self.reason}"


class HostKeyRejected(_NotReached, Struct, frozen=True, kw_only=True):
    """The node's host key is not the one we know, or is not known and may not be learned."""

    reason: str
    """One line for people."""

    @property
    def text(self) -> str:
        """One line for people."""
        return f"host key rejected: {self.reason}"


class Cancelled(_Failure, Struct, frozen=True, kw_only=True):
    """The run was stopped while the node was queued, connecting or running."""

    why: StopReason
    """What stopped it; ``"caller"`` for a scope or a block of the program's."""

    started: bool
    """Whether the command had been started on the node."""

    remote: Remote = "never started"
    """As `TimedOut.remote`."""

    @property
    def exit_code(self) -> int:
        """130 after an interrupt, else 1."""
        return EXIT_INTERRUPTED if self.why == "interrupt" else EXIT_CANCELLED

    @property
    def text(self) -> str:
        """One line for people."""
        what = "stopped" if self.started else "not started"
        return f"{what} ({self.why}){_remote_note(self.remote)}"


Outcome = (
    Exited | Killed | TimedOut | Unreachable | Denied | SudoDenied | HostKeyRejected | Cancelled
)
"""Exactly one a node; each has `ok`, `exit_code` and `text`."""


def brief(text: str) -> str:
    """Shorten an outcome's line for a place beside the one that has it whole, as the summary has.

    A line of more than `BRIEF_COLUMNS` is cut after the last clause that fits.
    """
    if len(text) <= BRIEF_COLUMNS:
        return text
    ends = [text.rfind(mark, 0, BRIEF_COLUMNS) for mark in (": ", "; ", ", ", ". ", " (")]
    end = max(ends)
    return f"{text[: end if end > 0 else BRIEF_COLUMNS]}..."
