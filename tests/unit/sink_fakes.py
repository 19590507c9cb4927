"""What the tests of sinks share: a console that writes to memory, and ways to make events."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, cast

from trioexec.model.events import (
    Event,
    NodeConnecting,
    NodeFinished,
    NodeOutput,
    NodeQueued,
    NodeStarted,
    RunFinished,
    RunStarted,
    Stream,
)
from trioexec.model.nodes import parse_node
from trioexec.model.outcomes import Exited, Outcome
from trioexec.sinks.visible import visible_line

if TYPE_CHECKING:
    from trioexec.model.outcomes import StopReason
    from trioexec.sinks.console import Console

UNIX_S = 1_700_000_000.25


class FakeWriter:
    """Remembers what was written; a lazy text is asked for at once."""

    def __init__(self, *, is_terminal: bool = False) -> None:
        self.is_terminal = is_terminal
        self.columns = 80
        self.written = b""
        self.writes: list[bytes] = []
        self.lazy_bytes = 0
        self.live = b""
        self.lives: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.writes.append(data)
        self.written += data

    def write_lazily(self, parts: Iterator[bytes], size_bytes: int) -> None:
        data = b"".join(parts)
        self.lazy_bytes += size_bytes
        self.write(data)

    def is_drained(self) -> bool:
        return True

    def show_live(self, line: bytes) -> None:
        self.live = line
        self.lives.append(line)


class FakeConsole:
    """Stands for `Console`, with two writers in memory."""

    def __init__(self, *, is_terminal: bool = False) -> None:
        self.stdout = FakeWriter(is_terminal=is_terminal)
        self.stderr = FakeWriter(is_terminal=is_terminal)

    def say(self, line: str) -> None:
        self.stderr.write(visible_line(line) + b"\n")

    @property
    def as_console(self) -> Console:
        return cast("Console", self)


def started(*names: str, command: str = "true") -> RunStarted:
    nodes = tuple(parse_node(name, rank=rank) for rank, name in enumerate(names))
    return RunStarted(at_s=0.0, command=command, nodes=nodes, unix_s=UNIX_S)


def out(node: str, data: bytes, stream: Stream = "stdout", at_s: float = 0.5) -> NodeOutput:
    return NodeOutput(node=node, at_s=at_s, stream=stream, data=data)


def err(node: str, data: bytes) -> NodeOutput:
    return out(node, data, "stderr")


def finished(node: str, outcome: Outcome | int = 0, at_s: float = 1.0) -> NodeFinished:
    if isinstance(outcome, int):
        outcome = Exited(code=outcome)
    return NodeFinished(node=node, at_s=at_s, outcome=outcome)


def ended(exit_code: int = 0, at_s: float = 1.2, stopped: StopReason | None = None) -> RunFinished:
    return RunFinished(at_s=at_s, exit_code=exit_code, stopped=stopped)


def run_of(
    *answers: tuple[str, Sequence[NodeOutput], Outcome | int],
    exit_code: int = 0,
    stopped: StopReason | None = None,
) -> list[Event]:
    """A whole run: each node with what it said and how it ended."""
    names = [name for name, _, _ in answers]
    events: list[Event] = [started(*names)]
    events += [NodeQueued(node=name, at_s=0.0) for name in names]
    for name, said, outcome in answers:
        events.append(NodeConnecting(node=name, at_s=0.1))
        events.append(NodeStarted(node=name, at_s=0.2))
        events += said
        events.append(finished(name, outcome))
    events.append(ended(exit_code, stopped=stopped))
    return events
