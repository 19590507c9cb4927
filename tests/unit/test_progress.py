from __future__ import annotations

import math
import re

import pytest
import trio
from msgspec.structs import replace
from trio.testing import MockClock

from tests.unit.sink_fakes import FakeConsole, ended, finished, started
from trioexec.model.events import NodeConnecting, NodeQueued
from trioexec.model.outcomes import Cancelled
from trioexec.sinks.progress import Progress, ProgressSink, estimate, render

SOME = Progress(
    total=40,
    succeeded=10,
    failed=2,
    running=8,
    queued=20,
    elapsed_s=12.4,
    left_s=30.2,
    slowest=(("web3", 11.0), ("web7", 10.0), ("web[9]", 2.0)),
)


def plain(progress: Progress, width: int) -> str:
    return render(progress, width=width, unicode=False, color=False)


def test_a_wide_terminal_shows_all_there_is() -> None:
    assert plain(SOME, 200) == (
        "[###-------]  12/40 done  2 failed  8 running  20 queued  12 s  about 30 s left"
        "  slow: web3 11 s, web7 10 s, web[9] 2 s"
    )


def test_different_answers_are_counted_where_somebody_counts_them() -> None:
    assert "  12 s  3 answers  about" in plain(replace(SOME, answers=3), 200)
    assert "  12 s  1 answer  about" in plain(replace(SOME, answers=1), 200)
    sink = ProgressSink(FakeConsole().as_console, answers=lambda: 7)
    assert sink.look().answers == 7


def test_unicode_only_changes_the_bar() -> None:
    line = render(SOME, width=200, unicode=True, color=False)

    assert line == plain(SOME, 200).replace("[###-------]", "━━━───────")


def test_color_changes_no_text() -> None:
    line = render(SOME, width=200, unicode=False, color=True)

    assert "\x1b[31m2 failed\x1b[0m" in line
    assert re.sub(r"\x1b\[\d*m", "", line) == plain(SOME, 200)


@pytest.mark.parametrize("color", [True, False])
def test_a_line_never_reaches_the_last_column(color: bool) -> None:  # noqa: FBT001
    for width in range(200):
        line = render(SOME, width=width, unicode=False, color=color)

        assert len(re.sub(r"\x1b\[\d*m", "", line)) <= max(0, width - 1)


def test_a_narrow_terminal_keeps_what_matters_most() -> None:
    assert plain(SOME, 100).endswith("left  slow: web3 11 s, web7 10 s")
    assert plain(SOME, 80) == (
        "12/40 done  2 failed  8 running  12 s  about 30 s left  slow: web3 11 s"
    )
    assert plain(SOME, 60) == "12/40 done  2 failed  8 running  12 s  slow: web3 11 s"
    assert plain(SOME, 40) == "12/40 done  2 failed  8 running  12 s"
    assert plain(SOME, 20) == "12/40 done  12 s"
    assert plain(SOME, 8) == "12/40"
    assert plain(SOME, 3) == "12"


@pytest.mark.parametrize(
    ("left_s", "text"),
    [
        (0.2, "1 s"),
        (7.4, "7 s"),
        (33.0, "35 s"),
        (58.0, "1 min"),
        (102.0, "2 min"),
        (3599.0, "1 h 0 min"),
    ],
)
def test_a_guess_is_no_finer_than_it_can_be(left_s: float, text: str) -> None:
    assert f"  about {text} left" in plain(replace(SOME, left_s=left_s), 200)


def test_nothing_is_said_of_what_is_not() -> None:
    idle = replace(SOME, failed=0, queued=0, left_s=math.nan, slowest=(), elapsed_s=125.0)

    assert plain(idle, 200) == "[##--------]  10/40 done  8 running  2 min 5 s"
    assert plain(replace(idle, total=0, succeeded=0), 80).startswith("[----------]  0/0 done")


def test_a_hostile_node_name_cannot_drive_the_terminal() -> None:
    line = plain(replace(SOME, slowest=(("\x1b[2Jü\n", 1.0),)), 200)

    assert "\\x1b[2J\\xfc\\n 1 s" in line
    assert line.isascii()


@pytest.mark.parametrize(
    ("ages_s", "queued", "mean_s", "longest_s", "guess"),
    [
        pytest.param([1, 1], 6, 4.0, 5.0, (15.0, False), id="by the mean, two at a time"),
        pytest.param([9, 1], 6, 4.0, 5.0, (13.5, True), id="one is slower than any: at least"),
        pytest.param([9, 8], 0, 4.0, 5.0, (math.nan, False), id="only stragglers: nobody knows"),
        pytest.param([1, 1], 6, math.nan, 0.0, (math.nan, False), id="none has finished"),
        pytest.param([], 2, 4.0, 5.0, (8.0, False), id="none is running"),
        pytest.param([], 0, 4.0, 5.0, (math.nan, False), id="all is done"),
    ],
)
def test_an_estimate_is_honest(
    ages_s: list[float],
    queued: int,
    mean_s: float,
    longest_s: float,
    guess: tuple[float, bool],
) -> None:
    left_s, at_least = estimate(ages_s=ages_s, queued=queued, mean_s=mean_s, longest_s=longest_s)

    assert (left_s, at_least) == pytest.approx(guess, nan_ok=True)


def sink_on(console: FakeConsole) -> ProgressSink:
    return ProgressSink(console.as_console, color=False, unicode=False)


async def test_the_line_follows_the_run_and_is_gone_at_its_end(autojump_clock: MockClock) -> None:
    console = FakeConsole(is_terminal=True)
    sink = sink_on(console)
    names = ["a", "b", "c", "d", "e"]
    sink.handle(started(*names))
    for name in names:
        sink.handle(NodeQueued(node=name, at_s=0.0))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sink.serve)
        for name in names[:4]:
            sink.handle(NodeConnecting(node=name, at_s=0.0))
        await trio.sleep(0.4)
        assert console.stderr.lives == []
        await trio.sleep(1.8)
        before = console.stderr.live
        for name in names[:3]:
            sink.handle(finished(name, at_s=2.0))
        await trio.sleep(1.1)
        after = console.stderr.live
        sink.handle(ended())
        at_end = console.stderr.live

    assert before == b"[----------]  0/5 done  4 running  1 queued  2 s  slow: a 2 s, b 2 s, c 2 s"
    assert after == b"3/5 done  1 running  1 queued  3 s  more than 2 s left  slow: d 3 s"
    assert at_end == b""
    assert console.stderr.live == b""
    assert console.stderr.written == console.stdout.written == b""


async def test_a_pipe_never_gets_a_line(autojump_clock: MockClock) -> None:
    console = FakeConsole(is_terminal=False)
    sink = sink_on(console)
    sink.handle(started("a"))

    await sink.serve()

    assert console.stderr.lives == []


async def test_the_line_fits_the_terminal_after_it_was_made_smaller(
    autojump_clock: MockClock,
) -> None:
    console = FakeConsole(is_terminal=True)
    sink = sink_on(console)
    sink.handle(started("a", "b"))

    sink.draw()
    console.stderr.columns = 12
    sink.draw()

    assert console.stderr.lives == [b"[----------]  0/2 done  0 running  0 s", b"0/2 done"]


async def test_a_cancelled_display_leaves_no_line(autojump_clock: MockClock) -> None:
    console = FakeConsole(is_terminal=True)
    sink = sink_on(console)
    sink.handle(started("a"))

    with trio.move_on_after(2):
        await sink.serve()

    assert console.stderr.lives[-1] == b""
    assert len(console.stderr.lives) > 1


async def test_cancelled_nodes_are_no_sample(autojump_clock: MockClock) -> None:
    console = FakeConsole(is_terminal=True)
    sink = sink_on(console)
    sink.handle(started("a", "b", "c", "d"))
    for name in "abc":
        sink.handle(finished(name, Cancelled(why="interrupt", started=False)))

    look = sink.look()

    assert math.isnan(look.left_s)
    assert look.failed == 3


async def test_a_node_that_has_just_begun_is_not_slow(autojump_clock: MockClock) -> None:
    sink = sink_on(FakeConsole())
    sink.handle(started("a", "b"))
    sink.handle(NodeConnecting(node="a", at_s=0.0))
    await trio.sleep(1)
    sink.handle(NodeConnecting(node="b", at_s=0.5))

    assert sink.look().slowest == (("a", 1.0),)


def test_before_the_run_there_is_nothing() -> None:
    assert sink_on(FakeConsole()).look().elapsed_s == 0
