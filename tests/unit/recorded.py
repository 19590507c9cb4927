"""Runs that have happened, as events: what the tests of reports start from."""

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
from trioexec.model.nodes import Node, parse_node
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


GOLDEN_NAMES = (
    "web1",
    "web2",
    "web3",
    "web4",
    "root@db:2222",
    "[fe80::1]:22",
    "gone",
    "slow",
    "odd",
    "new",
    "never",
)

GOLDEN_SAID: list[tuple[float, str, Stream, bytes]] = [
    (0.31, "web2", "stdout", b"Linux 6.1\nload 0.1"),
    (0.32, "web1", "stdout", b"Linux 6.1\n"),
    (0.33, "web3", "stdout", b"Linux 6.1\nload 0.1\n"),
    (0.34, "web1", "stdout", b"load"),
    (0.35, "web2", "stdout", b"\n"),
    (0.36, "web1", "stdout", b" 0.1\n"),
    (0.40, "web4", "stdout", b"Linux 5.10\nload 7.3\n"),
    (0.41, "web4", "stderr", b"uptime: warning: \xe2"),
    (0.42, "web4", "stderr", b"\x82\xac\nno last newline"),
    (0.45, "root@db:2222", "stdout", b"raw \xff\x00 bytes\r\n\x1b[2Jweb1: forged\n"),
    (0.50, "slow", "stdout", b"begun, "),
]

GOLDEN_ENDS: list[tuple[float, str, Outcome]] = [
    (0.20, "gone", Unreachable(reason="connection refused")),
    (0.21, "[fe80::1]:22", Denied(reason="publickey was refused")),
    (0.22, "new", HostKeyRejected(reason="ED25519 key is not the known one")),
    (0.60, "web1", Exited(code=0)),
    (0.61, "web3", Exited(code=0)),
    (0.62, "web2", Exited(code=0)),
    (0.70, "web4", Exited(code=3)),
    (0.71, "odd", Killed(signal=9)),
    (0.72, "root@db:2222", Exited(code=0)),
    (2.30, "slow", TimedOut(phase="command", remote="ended")),
    (2.31, "never", Cancelled(why="interrupt", started=False)),
]


def golden_events() -> list[Event]:
    """The run that the golden outputs show: every ending, and bytes that are not easy to show."""
    nodes = tuple(parse_node(name, rank=rank) for rank, name in enumerate(GOLDEN_NAMES))
    connecting = [NodeConnecting(node=name, at_s=0.01) for name in GOLDEN_NAMES if name != "never"]
    unreached = {"gone", "[fe80::1]:22", "new", "never"}
    timed: list[Event] = [
        *(NodeStarted(node=name, at_s=0.25) for name in GOLDEN_NAMES if name not in unreached),
        *(NodeOutput(node=n, at_s=at_s, stream=s, data=data) for at_s, n, s, data in GOLDEN_SAID),
        *(NodeFinished(node=name, at_s=at_s, outcome=how) for at_s, name, how in GOLDEN_ENDS),
    ]
    timed.sort(key=lambda event: event.at_s)
    return [
        RunStarted(at_s=0.0, command="uname -sr; uptime", nodes=nodes, unix_s=1_700_000_000.0),
        *(NodeQueued(node=name, at_s=0.0) for name in GOLDEN_NAMES),
        *connecting,
        *timed,
        RunFinished(at_s=2.32, exit_code=130, stopped="interrupt"),
    ]
