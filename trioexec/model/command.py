"""What is to be run on each node, and within which limits."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping

from msgspec import Struct, field

from trioexec.model.errors import UsageError
from trioexec.model.feed import Feed
from trioexec.model.secret import Secret

__all__ = [
    "DEFAULT_CONNECT_TIMEOUT_S",
    "DEFAULT_PARALLEL",
    "STOP_GRACE_S",
    "Command",
    "Limits",
    "TimeLeft",
    "fault_of",
]

DEFAULT_PARALLEL = 64
"""Nodes at once: what a bastion and a 1,024-descriptor shell both bear."""

DEFAULT_CONNECT_TIMEOUT_S = 10.0

STOP_GRACE_S = 2.0
"""How long a command may take to obey TERM before it gets KILL."""


class Command(Struct, frozen=True, kw_only=True):
    """One command, as the node's login shell is to interpret it.

    Raises:
        UsageError: No shell can be given the text, or a variable of that name or value; or
            sudo does not go with the rest.
    """

    text: str
    """For the shell, quoted as that wants it."""

    env: Mapping[str, str] = field(default_factory=dict)
    """Extra environment.  The wrapper sets it, which no server can refuse; without `wrap` the SSH
    protocol asks for it, and what the server refuses is said on the node's stderr."""

    stdin: bytes | Feed | None = None
    """What the command reads; None is /dev/null."""

    substitute: bool = False
    """Whether ``%h`` and the like in the text stand for the node's own words."""

    tty: bool = False
    """Whether the command gets a terminal on the node."""

    sudo_password: Secret | None = None
    """Where there is one, the command runs under sudo, and only sudo's own prompt gets it: the
    wrapper sees to that, and there may be no terminal, which would show it."""

    wrap: bool = True
    """Whether the remote watchdog guards the command; without it an end cannot be confirmed."""

    stop_grace_s: float = STOP_GRACE_S
    """How many seconds it may take to obey TERM before it gets KILL."""

    def __post_init__(self) -> None:
        """Find what would be a puzzle on the node, or the end of its connection."""
        if self.sudo_password is not None and (self.tty or not self.wrap):
            raise UsageError(
                "a sudo password goes with the wrapper, and without a terminal.\n"
                "Leave out tty=True and wrap=False, or write sudo into the command."
            )
        if fault := fault_of(self.text):
            raise UsageError(f"the command {fault}")
        for name, value in self.env.items():
            if not re.fullmatch(_NAME, name):
                raise UsageError(
                    f"{name!r} is no name of a variable.\n"
                    "It takes letters, digits and _, and no digit first."
                )
            if not isinstance(value, str):  # it may be a secret: not shown
                raise TypeError(f"the value of {name} is a text, not {type(value).__name__}")
            if fault := fault_of(value):
                raise UsageError(f"the value of {name} {fault}")


def fault_of(text: str) -> str | None:
    """Say why no command and no variable can be this text, in two lines; None where it can."""
    if "\0" in text:
        return "has a NUL byte in it.\nNo shell can be given one: leave it out."
    try:
        text.encode()
    except UnicodeEncodeError as exc:
        return (
            f"is not UTF-8 (character {exc.start + 1}).\n"
            "Have the node's shell make such bytes: with printf, or as $'\\xe9'."
        )
    return None


_NAME = "[A-Za-z_][A-Za-z0-9_]*"


class TimeLeft(Struct):
    """What is left of a run's deadline, for what is done before the run begins."""

    seconds: float


class Limits(Struct, frozen=True, kw_only=True):
    """How many at once, and how long; `math.inf` is no limit.

    Raises:
        UsageError: A number is none, or too small.
    """

    parallel: float = DEFAULT_PARALLEL
    """So many nodes at once: a whole number from 1."""

    fail_fast: bool = False
    """Whether the first node that fails stops all others."""

    connect_timeout_s: float = DEFAULT_CONNECT_TIMEOUT_S
    """Seconds, as the others are: for name look-up, TCP, key exchange and logging in together."""

    timeout_s: float = math.inf
    """For one command, from its start."""

    idle_timeout_s: float = math.inf
    """For one command without a byte of output."""

    deadline_s: float = math.inf
    """For the whole run, from its start."""

    def __post_init__(self) -> None:
        """Refuse what would fail only when the first node is to run."""
        if not (self.parallel >= 1 and (math.isinf(self.parallel) or self.parallel % 1 == 0)):
            raise UsageError(
                f"parallel: {self.parallel} is no number of nodes.\n"
                "It takes a whole number from 1, or math.inf."
            )
        for name in ("connect_timeout_s", "timeout_s", "idle_timeout_s", "deadline_s"):
            if not getattr(self, name) > 0:  # nor is NaN
                raise UsageError(
                    f"{name}: {getattr(self, name)} is no length of time.\n"
                    "It takes seconds above 0, or math.inf."
                )
