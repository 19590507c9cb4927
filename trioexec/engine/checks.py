"""Several commands on each node as one job, their answers kept: `trioexec check`."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager

import trio
from msgspec.structs import replace

from trioexec.model.checks import ANSWER_BYTES, Answer, Check, judge_alone
from trioexec.model.command import Command
from trioexec.model.events import Stream
from trioexec.model.nodes import Node
from trioexec.model.outcomes import (
    Cancelled,
    Exited,
    Killed,
    Outcome,
    Remote,
    TimedOut,
    Unreachable,
)
from trioexec.transports.base import Call, Ended, Reached, Transport

__all__ = ["ChecksJob"]


class ChecksJob:
    """Runs the checks one after the other on each node; an `engine.jobs.Job`.

    A node that cannot be talked to ends with that outcome.  One that was asked ends with
    exit 0 where every answer is right by itself, else with exit 1: so a run can fail fast.
    What only the other nodes' answers make wrong is not known here.
    """

    def __init__(
        self,
        checks: Sequence[Check],
        *,
        text: str = "check",
        env: Mapping[str, str] | None = None,
        timeout_s: float = math.inf,
        connect_timeout_s: float = math.inf,
        stops: bool = False,
        keep_bytes: int = ANSWER_BYTES,
    ) -> None:
        """Prepare.

        Args:
            checks: In the order in which each node is asked.
            text: What reports call the job.
            env: For every command.
            timeout_s: For checks that have no limit of their own.
            connect_timeout_s: For a connection that is lost between two checks; the first
                one's limit is the run's.
            stops: Whether a node is asked no more after a wrong answer.
            keep_bytes: Of each stream of each answer, once it is judged.
        """
        self.text = text
        self.answers: dict[str, dict[str, Answer]] = {check.name: {} for check in checks}
        """Check name, then node name; a node that was not asked has none."""
        self._checks = tuple(checks)
        self._env = dict(env or {})
        self._timeout_s = timeout_s
        self._connect_timeout_s = connect_timeout_s
        self._stops = stops
        self._keep_bytes = keep_bytes

    async def run(self, transport: Transport, node: Node, call: Call) -> Ended:
        """Ask one node everything."""
        code = 0
        for number, check in enumerate(self._checks):
            heard = _Heard(call, first=number == 0, digests=check.same_on_all_nodes)
            ended = await self._ask(transport, node, check, heard)
            if isinstance(ended, TimedOut) and not heard.started:
                return Unreachable(reason="no connection any more")
            if not isinstance(ended, Exited | Killed | TimedOut):
                return ended
            finding = self.answers[check.name][node.name].finding
            assert finding is not None
            if finding.verdict != "ok":
                code = 1
                if self._stops:
                    break
        return Exited(code=code)

    async def _ask(
        self, transport: Transport, node: Node, check: Check, heard: _Heard
    ) -> Ended | TimedOut:
        """Run one check's command; its answer is kept however that ends."""
        limit_s = check.timeout_s if math.isfinite(check.timeout_s) else self._timeout_s
        began_s = trio.current_time()
        ended: Outcome = Cancelled(why="caller", started=True)
        command = Command(text=check.command, env=self._env)
        try:
            with trio.CancelScope() as limit:
                if not heard.first:
                    limit.deadline = began_s + self._connect_timeout_s
                heard.limit(limit, limit_s)
                ended = await transport.run(node, command, heard)
            if limit.cancelled_caught:
                ended = TimedOut(phase="command", remote=heard.remote)
        finally:
            if heard.started or isinstance(ended, Exited | Killed):
                answer = heard.answer(ended, took_s=trio.current_time() - began_s)
                self.answers[check.name][node.name] = self._shortened(check, answer)
        assert not isinstance(ended, Cancelled)
        return ended

    def _shortened(self, check: Check, answer: Answer) -> Answer:
        return replace(
            answer,
            finding=judge_alone(check, answer),
            stdout=answer.stdout[: self._keep_bytes],
            stderr=answer.stderr[: self._keep_bytes],
        )


class _Heard:
    """One command's `Call`: the beginning of its output is kept instead of shown."""

    def __init__(self, outer: Call, *, first: bool, digests: bool) -> None:
        """Only the first command is news to the engine: after it, the node has started."""
        self.flow = outer.flow
        self.first = first
        self.started = False
        self.remote: Remote = "not confirmed"
        self._kept = {"stdout": bytearray(), "stderr": bytearray()}
        self._sizes = {"stdout": 0, "stderr": 0}
        self._hash = hashlib.sha256() if digests else None
        self._limit: tuple[trio.CancelScope, float] | None = None
        self._outer = outer

    def limit(self, scope: trio.CancelScope, limit_s: float) -> None:
        """Have a scope end so long after the command has started."""
        self._limit = (scope, limit_s)

    def answer(self, outcome: Outcome, *, took_s: float) -> Answer:
        """Say what was heard."""
        return Answer(
            outcome=outcome,
            stdout=bytes(self._kept["stdout"]),
            stderr=bytes(self._kept["stderr"]),
            stdout_bytes=self._sizes["stdout"],
            stderr_bytes=self._sizes["stderr"],
            digest=self._hash.digest() if self._hash else b"",
            took_s=took_s,
        )

    def reached(self, phase: Reached) -> None:
        if phase == "command" and not self.started:
            self.started = True
            if self._limit is not None:
                scope, limit_s = self._limit
                scope.deadline = trio.current_time() + limit_s
        if self.first:
            self._outer.reached(phase)

    def awaits(self, step: str) -> None:
        if self.first:
            self._outer.awaits(step)

    def limit_connect(self, limit_s: float) -> None:
        if self.first:
            self._outer.limit_connect(limit_s)

    def output(self, stream: Stream, data: bytes) -> None:
        kept = self._kept[stream]
        kept += data[: max(0, ANSWER_BYTES - len(kept))]
        self._sizes[stream] += len(data)
        if stream == "stdout" and self._hash is not None:
            self._hash.update(data)

    def note_remote(self, *, ended: bool) -> None:
        self.remote = "ended" if ended else "not confirmed"
        self._outer.note_remote(ended=ended)

    def goodbye(self, cut: Callable[[], None]) -> AbstractContextManager[None]:
        return self._outer.goodbye(cut)
