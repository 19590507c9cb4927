"""A run that has happened, as events: what the tests of reports start from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

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
from trioexec.model.nodes import Node
from trioexec.model.outcomes import (
    Cancelled,
    Denied,
    Exited,
    HostKeyRejected,
    Killed,
    Outcome,
    TimedOut,
    Unreachable,
)
from trioexec.model.record import Recorder, RunRecord

UNIX_S = 1_800_000_000.0

Said = Sequence[tuple[Stream, bytes]]

EVERY_WAY: dict[str, tuple[Outcome, Said]] = {
    "web1": (Exited(code=0), [("stdout", b"fine\n")]),
    "web2": (Exited(code=0), [("stdout", b"fine\n")]),
    "web3": (Exited(code=3), [("stdout", b"half\n"), ("stderr", b"it broke\nbadly\n")]),
    "web4": (Killed(signal=9), []),
    "slow": (TimedOut(phase="command", remote="ended"), [("stdout", b"so far\n")]),
    "gone": (Unreachable(reason="connection refused"), []),
    "shut": (Denied(reason="no key was accepted"), []),
    "fake": (HostKeyRejected(reason="the key has changed"), []),
    "half": (Cancelled(why="interrupt", started=True, remote="ended"), [("stdout", b"1\n")]),
    "late": (Cancelled(why="interrupt", started=False), []),
}


def events_of(
    nodes: dict[str, tuple[Outcome, Said]],
    *,
    text: str = "systemctl status 'nginx'",
    exit_code: int = 130,
) -> list[Event]:
    """Each node begins a tenth of a second after the one before, and takes one second more."""
    names = [Node(name=name, host=name, rank=rank) for rank, name in enumerate(nodes)]
    events: list[Event] = [
        RunStarted(at_s=0.0, command=text, nodes=tuple(names), unix_s=UNIX_S),
        *(NodeQueued(node=name, at_s=0.0) for name in nodes),
    ]
    now_s = 0.0
    for rank, (name, (outcome, said)) in enumerate(nodes.items()):
        now_s = rank / 10
        if not (isinstance(outcome, Cancelled) and not outcome.started):
            events.append(NodeConnecting(node=name, at_s=now_s))
            if not isinstance(outcome, Unreachable | Denied | HostKeyRejected):
                events.append(NodeStarted(node=name, at_s=now_s + 0.05))
        now_s += 1 + rank
        events += [
            NodeOutput(node=name, at_s=now_s, stream=stream, data=data) for stream, data in said
        ]
        events.append(NodeFinished(node=name, at_s=now_s, outcome=outcome))
    stopped = "interrupt" if exit_code == 130 else None
    events.append(RunFinished(at_s=now_s, exit_code=exit_code, stopped=stopped))
    return events


def record_of(events: Iterable[Event], **limits: int) -> RunRecord:
    recorder = Recorder(**limits)
    for event in events:
        recorder.handle(event)
    return recorder.record()
