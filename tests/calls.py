"""The engine's side of one call on a node, for tests of transports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import trio

from trioexec.model.events import Stream
from trioexec.model.flow import Flow
from trioexec.transports.base import Reached

__all__ = ["HeardCall"]


@dataclass
class HeardCall:
    """`transports.base.Call` that remembers what it is told."""

    flow: Flow = field(default_factory=Flow)
    phases: list[Reached] = field(default_factory=list)
    said: bytes = b""
    """All output, in the order in which it came."""

    stdout: bytes = b""
    stderr: bytes = b""
    heard: trio.Event = field(default_factory=trio.Event)
    """Set with the first output."""

    ended: bool | None = None
    """What `note_remote` said; None before it is called, which is once at most."""

    cuts: list[Callable[[], None]] = field(default_factory=list)
    """Of the goodbyes that go on."""

    leaving: trio.Event = field(default_factory=trio.Event)
    """Set with the first goodbye."""

    def reached(self, phase: Reached) -> None:
        self.phases.append(phase)

    def awaits(self, step: str) -> None:
        """No test is about it."""

    def limit_connect(self, limit_s: float) -> None:
        """No test is about it."""

    def output(self, stream: Stream, data: bytes) -> None:
        assert data
        self.said += data
        if stream == "stdout":
            self.stdout += data
        else:
            self.stderr += data
        self.heard.set()

    def note_remote(self, *, ended: bool) -> None:
        assert self.ended is None
        self.ended = ended

    @contextmanager
    def goodbye(self, cut: Callable[[], None]) -> Iterator[None]:
        self.cuts.append(cut)
        self.leaving.set()
        try:
            yield
        finally:
            self.cuts.remove(cut)
