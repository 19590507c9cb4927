"""What the pictures of the docs show: two invented runs, the same ones every time."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec.structs import replace

from tests.unit.recorded import record_of
from tests.unit.tui_rig import Rig, play
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
from trioexec.model.hostlist import fold
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Exited, Outcome, TimedOut, Unreachable
from trioexec.sinks.page import page

SHOWN: Final = Path(__file__).parents[2] / "docs" / "images" / "shown.txt"
"""What the screens of the pictures say."""

NOW_S: Final = 23.0
AT_ONCE: Final = 24
UNIX_S: Final = 1_795_460_000.0

DISK: Final = (
    b"Filesystem      Size  Used Avail Use%% Mounted on\n/dev/vda1        40G   %dG   %dG  %d%% /\n"
)
BROKEN: Final = b"nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n"

Said = Sequence[tuple[Stream, bytes]]


def _answer(number: int) -> tuple[Outcome, float, Said]:
    """How a node of the screens ends, after how long, and what it says."""
    if number in (8, 49, 90, 131):
        return Unreachable(reason="no route to host"), 3.0, []
    used = 31 if number % 40 == 17 else 16
    disk = DISK % (used, 40 - used, used * 100 // 40)
    if number in (6, 66, 126):
        return Exited(code=3), 1.4, [("stdout", disk + b"inactive\n"), ("stderr", BROKEN)]
    return Exited(code=0), 2.0 + number % 7 / 2, [("stdout", disk + b"active\n")]


def checking() -> Iterator[Event]:
    """200 nodes as they are after a while."""
    rng = random.Random(7)  # noqa: S311 - a picture
    nodes = [Node(name=f"web{i + 1}", host=f"web{i + 1}", rank=i) for i in range(200)]
    command = "df -h / && systemctl is-active nginx"
    yield RunStarted(at_s=0.0, command=command, nodes=tuple(nodes), unix_s=UNIX_S)
    yield from (NodeQueued(node=node.name, at_s=0.0) for node in nodes)
    slots = [0.0] * AT_ONCE
    for number, node in enumerate(nodes, 1):
        begun_s = min(slots)
        if begun_s > NOW_S:
            return
        outcome, took_s, said = _answer(number)
        end_s = begun_s + took_s + rng.random()
        slots[slots.index(begun_s)] = end_s
        yield NodeConnecting(node=node.name, at_s=begun_s)
        started_s = begun_s + 0.4
        if isinstance(outcome, Exited) and started_s < NOW_S:
            yield NodeStarted(node=node.name, at_s=started_s)
            for stream, data in said if begun_s + 1 < NOW_S else ():
                yield NodeOutput(node=node.name, at_s=begun_s + 1, stream=stream, data=data)
        if end_s < NOW_S:
            yield NodeFinished(node=node.name, at_s=end_s, outcome=outcome)


SCREENS: Final = {
    "tui": ("o",),
    "tui-diff": ("o", "d"),
    "tui-split": ("o", "space", "down", "space", *["down"] * 4, "space", "space", "s"),
}
"""Keys that lead to each."""


async def screen_of(name: str) -> tuple[str, str]:
    """Give what a screen says, and how it looks as SVG."""
    drawn: list[str] = []

    def stop_clock(rig: Rig) -> None:
        looked = rig.sink.look()
        frozen = replace(looked, elapsed_s=NOW_S, left_s=10.0, at_least=False, slowest=())
        rig.app.source = replace(rig.app.source, now_s=lambda: NOW_S, look=lambda: frozen)

    async def scene(rig: Rig) -> None:
        shown = await rig.shows()
        for key in SCREENS[name]:
            shown = await rig.press(key)
        # The last line is textual's.
        drawn.append(shown.rpartition("\n")[0])
        drawn.append(rig.app.export_screenshot(title="trioexec"))

    await play(scene, checking(), width=130, height=30, prepare=stop_clock)
    return f"{name}\n{drawn[0]}\n", drawn[1]


def upgrading() -> Iterator[Event]:
    """60 nodes that are through: some slow, some that failed, some out of reach."""
    rng = random.Random(3)  # noqa: S311 - a picture
    names = [f"web{i:03}" for i in range(1, 43)] + [f"db{i:02}" for i in range(1, 19)]
    nodes = [Node(name=name, host=name, rank=rank) for rank, name in enumerate(names)]
    command = "apt-get -s upgrade | tail -n 3 && systemctl is-active nginx"
    yield RunStarted(at_s=0.0, command=command, nodes=tuple(nodes), unix_s=UNIX_S)
    slots = [0.0] * 16
    for number, node in enumerate(nodes, 1):
        begun_s = min(slots)
        took_s = 0.4 + rng.random() * (3 if number % 11 == 4 else 1)
        outcome: Outcome = Exited(code=0)
        said: list[tuple[Stream, bytes]] = [
            ("stdout", b"0 upgraded, 0 newly installed, 0 to remove\nactive\n")
        ]
        if number in (1, 7, 14, 54):
            outcome = Exited(code=3)
            said = [
                ("stdout", b"inactive\n"),
                ("stderr", b"Unit nginx.service could not be found.\n"),
            ]
        elif number in (21, 29, 58):
            outcome, took_s, said = Unreachable(reason="connection refused"), 0.1, []
        elif number == 30:
            outcome, took_s, said = TimedOut(phase="connect"), 6.0, []
        elif number % 13 == 6:
            said = [("stdout", b"12 upgraded, 1 newly installed, 0 to remove\nactive\n")]
        end_s = slots[slots.index(begun_s)] = begun_s + took_s
        yield NodeConnecting(node=node.name, at_s=begun_s)
        if isinstance(outcome, Exited):
            yield NodeStarted(node=node.name, at_s=begun_s + 0.05 + rng.random() / 5)
        yield from (
            NodeOutput(node=node.name, at_s=end_s, stream=stream, data=data)
            for stream, data in said
        )
        yield NodeFinished(node=node.name, at_s=end_s, outcome=outcome)
    yield RunFinished(at_s=max(slots), exit_code=3)


def page_document() -> str:
    """Give the page of a run."""
    return page(record_of(upgrading()), run_id="k7f3", notes=[], fold=fold)


def page_mark() -> str:
    """Give what is kept of the page: a hash of all of it."""
    return f"report\n{hashlib.sha256(page_document().encode()).hexdigest()}\n"
