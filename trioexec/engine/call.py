"""One call on one node, as the engine sees it: its phase, its limits, its last output.

Implements `transports.base.Call`.  Owns the cancel scope round the transport,
and is the one place where a limit of a single node is set.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from contextlib import AbstractContextManager

import trio

from trioexec.model.command import Limits
from trioexec.model.events import Event, NodeOutput, NodeStarted, Stream
from trioexec.model.flow import Flow
from trioexec.model.goodbyes import Goodbyes
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Cancelled, Phase, Remote, StopReason, TimedOut
from trioexec.transports.base import Reached

__all__ = ["NodeCall"]


class NodeCall:
    """State of one node between its slot and its outcome."""

    __slots__ = (
        "_began_s",
        "_emit",
        "_goodbyes",
        "_lifted",
        "_phase",
        "_remote",
        "_step",
        "_timed_out",
        "_timeout_s",
        "_zero_s",
        "flow",
        "heard_at_s",
        "node",
        "scope",
    )

    def __init__(
        self,
        node: Node,
        *,
        limits: Limits,
        flow: Flow,
        goodbyes: Goodbyes,
        emit: Callable[[Event], None],
        zero_s: float,
    ) -> None:
        self.node: Node = node
        self.flow: Flow = flow
        self._began_s = trio.current_time()
        self.scope: trio.CancelScope = trio.CancelScope(
            deadline=self._began_s + limits.connect_timeout_s
        )
        self.heard_at_s: float = math.inf
        """When the command was started or last said something; for the idle limit."""
        self._timeout_s = limits.timeout_s
        self._goodbyes = goodbyes
        self._emit = emit
        self._zero_s = zero_s
        self._phase: Reached = "connect"
        self._step = ""
        self._timed_out: Phase | None = None
        self._lifted = False
        self._remote: Remote = "never started"

    @property
    def started(self) -> bool:
        """Whether the command was started on the node."""
        return self._phase == "command"

    def reached(self, phase: Reached) -> None:
        """Enter a phase; with "command" the connect limit ends and the command's begins."""
        if phase == self._phase:
            return
        if self.scope.cancel_called and self._timed_out is None:
            self._timed_out = self._phase  # the limit was reached before: it is the reason
        self._phase = phase
        if phase == "command":
            now_s = trio.current_time()
            self.heard_at_s = now_s
            # Until the transport says more, nobody knows how the remote end fares.
            self._remote = "not confirmed"
            self.scope.deadline = now_s + self._timeout_s
            self._emit(NodeStarted(node=self.node.name, at_s=now_s - self._zero_s))

    def awaits(self, step: str) -> None:
        """Keep what a node is waited for that may be too slow to connect."""
        self._step = step

    def limit_connect(self, limit_s: float) -> None:
        """Take a node's own connect limit instead of the run's; none where limits were lifted."""
        if not self.started and not self._lifted:
            self.scope.deadline = self._began_s + limit_s

    def output(self, stream: Stream, data: bytes) -> None:
        """Pass output on."""
        now_s = trio.current_time()
        self.heard_at_s = now_s
        self._emit(
            NodeOutput(node=self.node.name, at_s=now_s - self._zero_s, stream=stream, data=data)
        )

    def note_remote(self, *, ended: bool) -> None:
        """Keep what is known of the remote end."""
        if self.started:
            self._remote = "ended" if ended else "not confirmed"

    def goodbye(self, cut: Callable[[], None]) -> AbstractContextManager[None]:
        """Have a shielded wait cut by the last Ctrl-C."""
        return self._goodbyes.track(cut)

    def expire(self, phase: Phase) -> None:
        """End the call because a limit that is not the scope's own was reached."""
        if not self.scope.cancel_called:
            self._timed_out = phase
            self.scope.cancel(reason=f"{self.node.name}: {phase} limit")

    def excuse_silence(self) -> None:
        """Count a command's silence from now."""
        if math.isfinite(self.heard_at_s):
            self.heard_at_s = trio.current_time()

    def lift_limits(self) -> None:
        """The run is stopped: a limit that would be reached from now on is not the reason."""
        if not self.scope.cancel_called:
            self._lifted = True
            self._timeout_s = math.inf
            self.scope.deadline = math.inf

    def timed_out(self) -> TimedOut:
        """The outcome after this call's own scope was cancelled."""
        phase = self._timed_out or self._phase
        step = self._step if phase == "connect" else ""
        return TimedOut(phase=phase, remote=self._remote, step=step)

    def cancelled(self, why: StopReason) -> Cancelled | TimedOut:
        """The outcome after a scope round this call was cancelled."""
        if why == "deadline":
            return TimedOut(phase="deadline", remote=self._remote)
        return Cancelled(why=why, started=self.started, remote=self._remote)
