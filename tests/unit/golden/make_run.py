"""Makes run.jsonl, the recorded run that the golden outputs show: run it by hand to change it."""

from __future__ import annotations

import sys
from pathlib import Path

from trioexec.model.event_codec import to_json
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

NAMES = (
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

SAID: list[tuple[float, str, Stream, bytes]] = [
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

ENDS: list[tuple[float, str, Outcome]] = [
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


def events() -> list[Event]:
    nodes = tuple(parse_node(name, rank=rank) for rank, name in enumerate(NAMES))
    connecting = [NodeConnecting(node=name, at_s=0.01) for name in NAMES if name != "never"]
    unreached = {"gone", "[fe80::1]:22", "new", "never"}
    timed: list[Event] = [
        *(NodeStarted(node=name, at_s=0.25) for name in NAMES if name not in unreached),
        *(NodeOutput(node=n, at_s=at_s, stream=s, data=data) for at_s, n, s, data in SAID),
        *(NodeFinished(node=name, at_s=at_s, outcome=how) for at_s, name, how in ENDS),
    ]
    timed.sort(key=lambda event: event.at_s)
    return [
        RunStarted(at_s=0.0, command="uname -sr; uptime", nodes=nodes, unix_s=1_700_000_000.0),
        *(NodeQueued(node=name, at_s=0.0) for name in NAMES),
        *connecting,
        *timed,
        RunFinished(at_s=2.32, exit_code=130, stopped="interrupt"),
    ]


if __name__ == "__main__":
    target = Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).with_name("run.jsonl")
    target.write_bytes(b"".join(to_json(event) + b"\n" for event in events()))
