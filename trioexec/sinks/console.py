"""Our own stdout and stderr, for as long as a run lasts.

Where both are the same terminal, pipe or file, both are one writer: lines keep
their order, and the live progress line is never between others.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable

import trio

from trioexec.model.flow import Flow
from trioexec.sinks.visible import visible_line
from trioexec.sinks.writer import FdWriter

__all__ = ["Console"]


class Console:
    """The two writers of a run, and the one way to say something beside its output."""

    def __init__(
        self,
        flow: Flow,
        on_closed: Callable[[], None],
        *,
        stdout_fd: int = 1,
        stderr_fd: int = 2,
    ) -> None:
        """Take over two descriptors; nobody else may write to them meanwhile.

        Args:
            flow: The run's; held while a reader is slow.
            on_closed: Called once when stdout cannot be written any more.  A stderr
                that went away is no reason to stop.
            stdout_fd: Open.
            stderr_fd: Open.
        """
        self.on_closed = on_closed
        self._patience_s = math.inf
        self.stdout: FdWriter = FdWriter(stdout_fd, flow, self._lose_stdout)
        self.stderr: FdWriter = self.stdout
        if not os.path.sameopenfile(stdout_fd, stderr_fd):
            self.stderr = FdWriter(stderr_fd, flow, lambda: None)

    def say(self, line: str) -> None:
        """Write one line to stderr, above a live line; it stays one, whatever is in it."""
        self.stderr.say(visible_line(line) + b"\n")

    async def serve(self) -> None:
        """Write until `close` was called and all is written; a cancel returns at once."""
        async with trio.open_nursery() as nursery:
            if self.stderr is not self.stdout:
                nursery.start_soon(self.stderr.serve)
            await self.stdout.serve()
            # Not sooner: what went wrong with stdout is said here.
            self.stderr.close(patience_s=self._patience_s)

    def close(self, *, patience_s: float = math.inf) -> None:
        """Let `serve` return when all is written.

        Args:
            patience_s: How long a stuck reader, or a slow terminal, is waited for; what
                it did not take is then lost, and that is said.
        """
        self._patience_s = patience_s
        self.stdout.close(patience_s=patience_s)
        self.stderr.show_live(b"")

    def _lose_stdout(self) -> None:
        if self.stdout.error is not None:
            self.say(f"trioexec: cannot write to stdout: {self.stdout.error.strerror}")
        self.on_closed()
