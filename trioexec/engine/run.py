"""The run: a nursery under a capacity limiter, one task a node, exactly one outcome each.

Knows nodes only through a `Transport` and readers only through `emit`.  Why a
run was stopped is decided here; what that makes of the exit code is not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence

import trio

from trioexec.engine.call import NodeCall
from trioexec.engine.idle import IdleWatch
from trioexec.engine.jobs import Job
from trioexec.model.command import Limits
from trioexec.model.events import (
    Event,
    NodeConnecting,
    NodeFinished,
    NodeQueued,
    RunFinished,
    RunStarted,
)
from trioexec.model.flow import Flow
from trioexec.model.goodbyes import Goodbyes
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Cancelled, Outcome, StopReason
from trioexec.model.report import Report
from trioexec.model.tally import Tally
from trioexec.transports.base import Transport

__all__ = ["Run"]


class Run:
    """One job on many nodes.

    Make it, hand `cancel` and `goodbyes` to whoever may stop it, then await
    `execute` once.
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        job: Job,
        transport: Transport,
        *,
        limits: Limits,
        flow: Flow,
        emit: Callable[[Event], None],
        decide: Callable[[Report, StopReason | None, str | None], int],
    ) -> None:
        """Prepare a run.

        Args:
            nodes: In rank order, names distinct.
            job: What to do on each.
            transport: Open, and kept open by the caller until `execute` is over.
            limits: How many at once, and how long.
            flow: What the readers hold when they are full.
            emit: Gets every event, in order; must not block.
            decide: Makes the exit code of the final report, the reason the run was
                stopped for, and the node that stopped it.
        """
        self._nodes = tuple(nodes)
        # Before the first event, too: a Ctrl-C may come while the transport is being opened.
        self.tally: Tally = Tally(
            nodes=self._nodes, queued=dict.fromkeys(node.name for node in self._nodes)
        )
        self.goodbyes: Goodbyes = Goodbyes()
        self.stopped: StopReason | None = None
        self.stopped_by: str | None = None
        """The node whose failure stopped a fail-fast run."""
        self.over: bool = False
        """Whether every node has its outcome; output may still be on its way."""
        self._job = job
        self._transport = transport
        self._limits = limits
        self._flow = flow
        self._pass_on = emit
        self._decide = decide
        self._calls: dict[str, NodeCall] = {}
        self._scope = trio.CancelScope()
        self._starting = trio.CancelScope()
        """Round what starts nodes; those that run are not in it."""
        self._zero_s = math.nan

    async def execute(self) -> Report:
        """Run the job on all nodes and return when each has its outcome.

        A run that `cancel`, fail-fast or the deadline stopped returns like any
        other.  Cancelled from outside, it ends the remote commands, emits every
        terminal event and `RunFinished`, and re-raises.
        """
        self._zero_s = trio.current_time()
        self._scope.deadline = self._zero_s + self._limits.deadline_s
        self._emit(
            RunStarted(at_s=0.0, command=self._job.text, nodes=self._nodes, unix_s=time.time())
        )
        for node in self._nodes:
            self._emit(NodeQueued(node=node.name, at_s=0.0))
        if self._starting.cancel_called:
            self._leave_out_queued()
        try:
            with self._scope:
                await self._fan_out()
        finally:
            report = self._conclude()
        return report

    def cancel(self, why: StopReason) -> None:
        """Stop the run; the first reason stays.

        Also when it is over and only its output is still being written: then nothing
        is cancelled, but the reason counts.
        """
        self._settle(why)
        self._scope.cancel(reason=why)

    def cancel_queued(self) -> int:
        """Start no more nodes, and say how many that leaves out; those that run go on."""
        count = len(self.tally.queued)
        self._starting.cancel(reason="no more nodes")
        if not math.isnan(self._zero_s):
            self._leave_out_queued()
        return count

    def _leave_out_queued(self) -> None:
        for name in tuple(self.tally.queued):
            outcome = Cancelled(why="interrupt", started=False)
            self._emit(NodeFinished(node=name, at_s=self._now_s(), outcome=outcome))

    def report(self) -> Report:
        """All outcomes so far."""
        return self.tally.report(now_s=self._now_s())

    async def _fan_out(self) -> None:
        parallel = self._limits.parallel
        # Trio takes 2 and not 2.0.
        limiter = trio.CapacityLimiter(parallel if math.isinf(parallel) else int(parallel))
        async with trio.open_nursery() as watch:
            watch.start_soon(self._note_stop, watch.cancel_scope)
            if math.isfinite(limit_s := self._limits.idle_timeout_s):
                watch.start_soon(IdleWatch(self._calls, self._flow, limit_s=limit_s).watch)
            async with trio.open_nursery() as nursery:
                with self._starting:
                    for node in self._nodes:
                        # Taken here, not in the task: trio shuffles new tasks, and a
                        # task a node would make ten thousand of them wait at once.
                        await limiter.acquire_on_behalf_of(node)
                        nursery.start_soon(self._one, node, limiter, name=node.name)
            watch.cancel_scope.cancel(reason="all nodes are done")

    async def _one(self, node: Node, limiter: trio.CapacityLimiter) -> None:
        # A slot that became free in the tick in which the run was stopped: still queued.
        await trio.lowlevel.checkpoint_if_cancelled()
        if node.name not in self.tally.queued:
            return  # `cancel_queued` came in that tick
        self._emit(NodeConnecting(node=node.name, at_s=self._now_s()))
        call = NodeCall(
            node,
            limits=self._limits,
            flow=self._flow,
            goodbyes=self.goodbyes,
            emit=self._emit,
            zero_s=self._zero_s,
        )
        self._calls[node.name] = call
        outcome: Outcome | None = None
        try:
            with call.scope:
                outcome = await self._job.run(self._transport, node, call)
            if outcome is None:
                outcome = call.timed_out()
        except trio.Cancelled:
            why = self._settle()
            # Where the call's own limit had come first, that stays the outcome.
            outcome = call.timed_out() if call.scope.cancel_called else call.cancelled(why)
            raise
        finally:
            del self._calls[node.name]
            if outcome is None:
                # A bug is on its way out, and the node still gets its last event.
                outcome = call.cancelled(self._settle())
            self._finish(node, outcome)
            limiter.release_on_behalf_of(node)  # last: it starts another

    def _finish(self, node: Node, outcome: Outcome) -> None:
        self._emit(NodeFinished(node=node.name, at_s=self._now_s(), outcome=outcome))
        if self._limits.fail_fast and not outcome.ok and self.stopped is None:
            self.stopped_by = node.name
            self.cancel("fail-fast")

    async def _note_stop(self, done: trio.CancelScope) -> None:
        """Settle why we are stopped as soon as we are; `done` is cancelled when we are not."""
        try:
            await trio.sleep_forever()
        except trio.Cancelled:
            if not done.cancel_called:
                self._settle()
            raise

    def _conclude(self) -> Report:
        if self._scope.cancelled_caught:
            self._settle()
        for name in tuple(self.tally.queued):
            outcome = Cancelled(why=self._settle(), started=False)
            self._emit(NodeFinished(node=name, at_s=self._now_s(), outcome=outcome))
        code = self._decide(self.report(), self.stopped, self.stopped_by)
        self.over = True
        self._emit(RunFinished(at_s=self._now_s(), exit_code=code, stopped=self.stopped))
        return self.report()

    def _settle(self, why: StopReason | None = None) -> StopReason:
        """Say why the run is stopped; said once, it stays."""
        if self.stopped is None:
            self.stopped = why or ("deadline" if self._scope.cancel_called else "caller")
            for call in self._calls.values():
                call.lift_limits()
        return self.stopped

    def _now_s(self) -> float:
        return trio.current_time() - self._zero_s

    def _emit(self, event: Event) -> None:
        self.tally.handle(event)
        self._pass_on(event)
