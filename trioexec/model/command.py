"""What is to be run on each node, and within which limits."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field

from trioexec.model.feed import Feed
from trioexec.model.secret import Secret

__all__ = ["DEFAULT_CONNECT_TIMEOUT_S", "DEFAULT_PARALLEL", "STOP_GRACE_S", "Command", "Limits"]

DEFAULT_PARALLEL = 64
"""Nodes at once: what a bastion and a 1,024-descriptor shell both bear."""

DEFAULT_CONNECT_TIMEOUT_S = 10.0

STOP_GRACE_S = 2.0
"""How long a command may take to obey TERM before it gets KILL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command, as the node's login shell is to interpret it."""

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
    """Where there is one, the command runs under sudo, and only sudo's own prompt gets it."""

    wrap: bool = True
    """Whether the remote watchdog guards the command; without it an end cannot be confirmed."""

    stop_grace_s: float = STOP_GRACE_S
    """How many seconds it may take to obey TERM before it gets KILL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many at once, and how long; `math.inf` is no limit."""

    parallel: float = DEFAULT_PARALLEL
    """So many nodes at once."""

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
