"""The seam to a node: what the engine asks of a transport, and what a transport tells the engine.

A transport knows one node at a time.  It does not know the run, its limits,
its sinks or its exit code; it never prints and never sets a deadline of its own
on the command.  Node failures are returned as outcomes, never raised.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager
from typing import Literal, Protocol

from trioexec.model.command import Command
from trioexec.model.events import Stream
from trioexec.model.flow import Flow
from trioexec.model.nodes import Node
from trioexec.model.outcomes import (
    Denied,
    Exited,
    HostKeyRejected,
    Killed,
    SudoDenied,
    Unreachable,
)

__all__ = ["Call", "Ended", "Reached", "Transport"]

Ended = Exited | Killed | Unreachable | Denied | SudoDenied | HostKeyRejected
"""How a call can end by itself; time-outs and cancels are the engine's word."""

Reached = Literal["connect", "auth", "command"]


class Call(Protocol):
    """The engine's side of one call on one node.  All of it is synchronous and cheap."""

    flow: Flow
    """Attach the channel to it while there is output to read: that is backpressure."""

    def reached(self, phase: Reached) -> None:
        """Say how far we are; "command" exactly when the command was started."""

    def awaits(self, step: str) -> None:
        """Say in the words of `TimedOut.step` what is waited for while "connect" lasts."""

    def limit_connect(self, limit_s: float) -> None:
        """Say that this node has a connect limit of its own, counted from the call's start."""

    def output(self, stream: Stream, data: bytes) -> None:
        """Hand over what the node sent; not empty. Also after a cancel, until the call returns."""

    def note_remote(self, *, ended: bool) -> None:
        """After a cancel: whether the command's processes are known to be gone."""

    def goodbye(self, cut: Callable[[], None]) -> AbstractContextManager[None]:
        """While inside, a last Ctrl-C calls `cut`, which must end the wait at once.

        Every shielded wait of a transport stands in one of these, and has a deadline too.
        """


class Transport(Protocol):
    """A way to reach nodes.  Open for the length of a run or of a `Fleet`."""

    def open(self) -> AbstractAsyncContextManager[None]:
        """Have what all calls share ready; when it is left, nothing of it remains."""

    async def run(self, node: Node, command: Command, call: Call) -> Ended:
        """Run the command and wait for its end, telling `call` as it goes.

        When cancelled: ends the command on the node (TERM, `Command.stop_grace_s`,
        KILL), goes on delivering output meanwhile, calls `note_remote`, and
        re-raises.  Bounded also where the network is gone.
        """

    async def ping(self, node: Node, call: Call) -> Ended:
        """Connect and authenticate, and say `Exited(code=0)`; no command is run."""
