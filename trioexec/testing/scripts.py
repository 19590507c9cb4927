"""What a node of the kit says and how it fails: plain values, and the handle that answers get."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from enum import Enum, auto
from typing import Final, Protocol

from msgspec import Struct, field

from trioexec.model.events import Stream

__all__ = ["NOT_SCRIPTED", "Answer", "Answers", "Asked", "Fault", "Reply", "Say", "ScriptedNode"]

NOT_SCRIPTED: Final = 127
"""Exit code for a command that `ScriptedNode.answers` does not know."""


class Fault(Enum):
    """How a node fails, in the order of the phases in which it does."""

    REFUSES = auto()
    """Nothing listens on its port."""

    SILENT = auto()
    """Accepts the connection and says nothing."""

    DRIPS = auto()
    """Accepts, and sends one byte a second that leads nowhere."""

    HANGS_IN_KEY_EXCHANGE = auto()
    """Says its SSH version and nothing more."""

    CHANGED_HOST_KEY = auto()
    """Its host key is not the one in `SshFleet.known_hosts`."""

    HANGS_IN_AUTH = auto()
    """Never answers the request to log in."""

    DENIES = auto()
    """Lets nobody in."""

    HANGS_IN_SESSION = auto()
    """Lets in, and never answers the request to open a session."""

    REFUSES_SESSION = auto()
    """Lets in, and opens no session: too many are open."""

    DROPS_MID_OUTPUT = auto()
    """Closes the connection when half of the output is sent."""

    RESETS_MID_COMMAND = auto()
    """Resets the TCP connection once the command has started."""

    NO_EXIT_STATUS = auto()
    """Closes the session without saying how the command ended."""

    NEVER_EXITS = auto()
    """Sends all output, and no end of it; deaf to being stopped."""

    READS_SLOWLY = auto()
    """Takes its stdin in small bites, with pauses."""

    ENDLESS_OUTPUT = auto()
    """Goes on and on saying `y`, as fast as it is read."""


class Say(Struct, frozen=True, kw_only=True):
    """One piece of output."""

    data: bytes
    """As it is sent: a newline at its end is yours to write."""

    stream: Stream = "stdout"
    """Or ``"stderr"``."""

    after_s: float = 0.0
    """Wait so many seconds before it."""


class Answer(Struct, frozen=True, kw_only=True):
    """How a command goes, told in advance."""

    stdout: bytes = b""
    """Said at once, after `pieces`."""

    stderr: bytes = b""
    """Said after `stdout`."""

    code: int = 0
    """What the command exits with."""

    signal: str | None = None
    """Ends by this signal instead, named as SSH does: ``KILL``, not ``SIGKILL``."""

    pieces: Sequence[Say] = ()
    """Said before `stdout` and `stderr`, each after its delay."""

    takes_s: float = 0.0
    """Seconds between the last of the output and the end; `math.inf` until it is stopped."""

    reads_stdin: bool = False
    """Waits for the end of its stdin first."""

    echoes_stdin: bool = False
    """Says on stdout what it reads, as it reads it."""


class Asked(Protocol):
    """A command that a node was asked to run; answers that are functions get it."""

    node: str
    """The node's name."""

    user: str
    """Who has logged in."""

    command: str
    """As the user typed it."""

    wire: str
    """As it was sent: with the guard round it."""

    env: Mapping[str, str]
    """What the client asked to be set by the SSH protocol."""

    tty: bool
    """Whether the client has asked for a terminal."""

    async def read(self) -> bytes:
        """Give the next piece of stdin; empty at its end.

        When cancelled, as it is when the client goes, nothing of it is lost.
        """

    async def say(self, data: bytes, stream: Stream = "stdout") -> None:
        """Send output; waits while the client does not take it.

        When cancelled, none of it has been sent.

        Args:
            data: As it is sent.
            stream: Which of the two.
        """

    def drop(self) -> None:
        """Close the connection."""

    def reset(self) -> None:
        """Reset the connection, as a machine does that has forgotten it."""


Reply = Answer | str | bytes | int
"""Text is stdout, a number is the exit code."""

Answers = Mapping[str, Reply] | Callable[[Asked], Reply | Awaitable[Reply]] | Reply
"""By command; or a function, plain or on trio; or the same for every command."""


class ScriptedNode(Struct, frozen=True, kw_only=True):
    """One node of `open_ssh_fleet`."""

    name: str
    """Unique in the fleet, and what clients call the node."""

    answers: Answers = field(default_factory=Answer)
    """Where it is a mapping, a command that is not in it exits 127 and says so."""

    fault: Fault | None = None
    """How it fails; None: it does not."""

    runs_commands: bool = False
    """Run commands for real, by /bin/sh on this machine, instead of answering them."""

    env: Mapping[str, str] = field(default_factory=dict)
    """More environment for commands that run for real."""

    auth_s: float = 0.0
    """How many seconds logging in takes."""

    ignores_term: bool = False
    """Answers go on after TERM, until KILL."""

    max_sessions: float = math.inf
    """So many sessions at once on one connection; more are refused."""
