"""One command on one node, with its streams in the caller's hands."""

from __future__ import annotations

import trio

from trioexec.api.streams import InputStream, OutputStream
from trioexec.engine.run import Run
from trioexec.model.events import Event, NodeFinished, NodeOutput, NodeStarted
from trioexec.model.flow import Flow
from trioexec.model.outcomes import Outcome

__all__ = ["Process"]


class Process:
    r"""A command that runs on a node; from `FleetNode.open_process`.

    Its streams are trio's: they may be used from several tasks, one task an end.

    Example:
        A conversation::

            async with open_fleet("web1") as fleet:
                async with fleet.node("web1").open_process("sort -n") as process:
                    await process.stdin.send_all(b"10\n9\n")
                    await process.stdin.aclose()
                    assert await process.stdout.receive_some() == b"9\n10\n"
                    outcome = await process.wait()
            assert outcome.ok
    """

    def __init__(self) -> None:
        self.flow: Flow = Flow()
        self.stdin: InputStream = InputStream()
        """A `trio.abc.SendStream`; closing it is the end of the command's input."""
        self.stdout: OutputStream = OutputStream(self.flow, self._output_closed)
        """A `trio.abc.ReceiveStream`."""
        self.stderr: OutputStream = OutputStream(self.flow, self._output_closed)
        """A `trio.abc.ReceiveStream`.  Closing this one and stdout ends the command."""
        self.outcome: Outcome | None = None
        """None while it runs."""
        self.started: bool = False
        """Whether it was started on the node."""
        self._settled = trio.Event()
        self._finished = trio.Event()
        self._run: Run | None = None

    async def wait(self) -> Outcome:
        """Wait for the command's end, however it comes; gives how.

        When cancelled, the command runs on: leaving the block ends it.
        """
        await self._finished.wait()
        assert self.outcome is not None
        return self.outcome

    def terminate(self) -> None:
        """End the command: TERM, a grace, KILL; `wait` tells when it is done."""
        if self._run is not None:
            self._run.cancel("caller")

    def bind(self, run: Run) -> None:
        """Say what runs it."""
        self._run = run

    async def settled(self) -> None:
        """Wait until it has started, or is known not to."""
        await self._settled.wait()

    def handle(self, event: Event) -> None:
        """Take an event from the engine; a sink's method."""
        match event:
            case NodeStarted():
                self.started = True
                self._settled.set()
            case NodeOutput(stream="stdout"):
                self.stdout.put(event.data)
            case NodeOutput():
                self.stderr.put(event.data)
            case NodeFinished():
                self.outcome = event.outcome
                self.stdin.break_()
                self.stdout.end()
                self.stderr.end()
                self._settled.set()
                self._finished.set()

    def let_go(self) -> None:
        """Close all three streams, at once."""
        self.stdin.close()
        self.stdout.close()
        self.stderr.close()

    def _output_closed(self) -> None:
        if self.stdout.closed and self.stderr.closed:
            self.terminate()  # what SIGPIPE would do to it on its next write
