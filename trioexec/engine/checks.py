"""Several commands on each node as one job, their answers kept: `trioexec check`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import trio

from trioexec.model.checks import Answer, Check
from trioexec.model.command import Command
from trioexec.model.events import Stream
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Cancelled, Exited, Outcome, Remote, TimedOut
from trioexec.transports.base import Call, Ended, Reached, Transport

__all__ = ["ChecksJob"]


class ChecksJob:
    """Runs the checks one after the other on each node; an `engine.jobs.Job`.

    A node that cannot be talked to ends with that outcome; one that answered all
    ends with exit 0, whatever it answered: what is right is not decided here.
    """

    text = "check"

    def __init__(self, checks: Sequence[Check]) -> None:
        self._checks = tuple(checks)
        self.answers: dict[str, dict[str, Answer]] = {check.name: {} for check in checks}
        """Check name, then node name; a node that was not reached has none."""

    async def run(self, transport: Transport, node: Node, call: Call) -> Ended:
        """Ask one node everything."""
        for number, check in enumerate(self._checks):
            heard = _Heard(call, first=number == 0)
            began_s = trio.current_time()
            ended: Outcome = Cancelled(why="caller", started=True)
            try:
                with trio.move_on_after(check.timeout_s) as limit:
                    ended = await transport.run(node, Command(text=check.command), heard)
                if limit.cancelled_caught:
                    ended = TimedOut(phase="command", remote=heard.remote)
            finally:
                if heard.started:
                    self.answers[check.name][node.name] = Answer(
                        outcome=ended,
                        stdout=bytes(heard.stdout),
                        stderr=bytes(heard.stderr),
                        took_s=trio.current_time() - began_s,
                    )
            if not isinstance(ended, Exited | TimedOut):
                assert not isinstance(ended, Cancelled)
                return ended
        return Exited(code=0)


class _Heard:
    """One command's `Call`: its output is kept instead of shown."""

    def __init__(self, outer: Call, *, first: bool) -> None:
        """Only the first command is news to the engine: after it, the node has started."""
        self.flow = outer.flow
        self.started = False
        self.remote: Remote = "not confirmed"
        self.stdout = bytearray()
        self.stderr = bytearray()
        self._outer = outer
        self._first = first

    def reached(self, phase: Reached) -> None:
        self.started = self.started or phase == "command"
        if self._first:
            self._outer.reached(phase)

    def limit_connect(self, limit_s: float) -> None:
        if self._first:
            self._outer.limit_connect(limit_s)

    def output(self, stream: Stream, data: bytes) -> None:
        kept = self.stdout if stream == "stdout" else self.stderr
        kept += data

    def note_remote(self, *, ended: bool) -> None:
        self.remote = "ended" if ended else "not confirmed"
        self._outer.note_remote(ended=ended)

    def goodbye(self, cut: Callable[[], None]) -> AbstractContextManager[None]:
        return self._outer.goodbye(cut)
