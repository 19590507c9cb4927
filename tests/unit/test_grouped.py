from __future__ import annotations

import os
import random
import re
import tracemalloc
from collections.abc import Iterable

import pytest

from tests.unit.sink_fakes import FakeConsole, ended, err, finished, out, run_of, started
from trioexec.model.events import Event, NodeFinished
from trioexec.model.outcomes import Cancelled, HostKeyRejected, TimedOut, Unreachable
from trioexec.sinks.grouped import GroupSink, Look, Order


def fold(names: Iterable[str]) -> str:
    return "+".join(names)


def make(console: FakeConsole, look: Look | None = None) -> GroupSink:
    return GroupSink(console.as_console, fold=fold, look=look)


def shown(events: Iterable[Event], look: Look | None = None) -> str:
    console = FakeConsole()
    sink = make(console, look)
    for event in events:
        sink.handle(event)
    return console.stdout.written.decode("utf-8", "backslashreplace")


def test_equal_answers_are_shown_once_and_the_biggest_group_first() -> None:
    text = shown(
        run_of(
            ("a", [out("a", b"x\n")], 0),
            ("b", [out("b", b"y"), out("b", b"1\nz")], 0),
            ("c", [out("c", b"y1\n"), out("c", b"z")], 0),
            ("d", [out("d", b"x\n")], 3),
        )
    )

    assert text == ("b+c (2): exit 0\n  y1\n  z\na (1): exit 0\n  x\nd (1): exit 3\n  x\n")


def test_stderr_is_marked_and_part_of_what_is_compared() -> None:
    text = shown(
        run_of(
            ("a", [err("a", b"oops\nagain"), out("a", b"x\n")], 0),
            ("b", [out("b", b"x\n"), err("b", b"oops\n"), err("b", b"again")], 0),
            ("c", [out("c", b"x\noops\nagain")], 0),
        )
    )

    assert text == ("a+b (2): exit 0\n  x\n! oops\n! again\nc (1): exit 0\n  x\n  oops\n  again\n")


def test_failures_without_output_are_shown() -> None:
    text = shown(
        run_of(
            ("a", [], TimedOut(phase="connect")),
            ("b", [], Unreachable(reason="refused\nb (1): exit 0")),
            ("c", [], TimedOut(phase="connect")),
        )
    )

    assert text == "a+c (2): timed out connecting\nb (1): unreachable: refused\\nb (1): exit 0\n"


def test_after_an_interrupt_all_that_had_arrived_is_shown() -> None:
    stopped = Cancelled(why="interrupt", started=True, remote="ended")

    text = shown(
        run_of(
            ("a", [out("a", b"done\n")], 0),
            ("b", [out("b", b"half a li")], stopped),
            ("c", [], Cancelled(why="interrupt", started=False)),
        )
    )

    assert text == (
        "a (1): exit 0\n  done\n"
        "b (1): stopped (interrupt)\n  half a li\n"
        "c (1): not started (interrupt)\n"
    )


def test_no_line_of_a_node_can_pass_for_a_heading() -> None:
    text = shown(run_of(("a", [out("a", b"web9 (1): exit 0\n! x")], 0)))

    assert text == "a (1): exit 0\n  web9 (1): exit 0\n  ! x\n"


def test_bare_lines_are_as_they_were_but_for_the_last_newline() -> None:
    text = shown(run_of(("a", [out("a", b"x\n\ny"), err("a", b"z")], 0)), Look(marked=False))

    assert text == "a (1): exit 0\nx\n\ny\nz\n"


def test_control_characters_are_made_visible_on_a_terminal_only() -> None:
    events = run_of(("a", [out("a", b"\x1b[2J\xff\n")], 0))
    console = FakeConsole(is_terminal=True)
    sink = make(console)

    for event in events:
        sink.handle(event)

    assert console.stdout.written == b"a (1): exit 0\n  \\x1b[2J\\xff\n"
    assert shown(events) == "a (1): exit 0\n  \x1b[2J\\xff\n"


def test_headings_have_color_when_asked() -> None:
    text = shown(run_of(("a", [], 0), ("b", [], 1)), Look(color=True))

    assert text == "\x1b[1ma (1): exit 0\x1b[0m\n\x1b[1;31mb (1): exit 1\x1b[0m\n"


def test_the_signs_of_a_diff_have_color_when_asked() -> None:
    answers = [(name, [out(name, b"a\nb\n")], 0) for name in "xy"]
    events = run_of(*answers, ("z", [out("z", b"a\nc\n")], 0))

    plain = shown(events, Look(diff=True))
    text = shown(events, Look(diff=True, color=True))

    assert "\x1b[31m-  b\x1b[0m\n\x1b[32m+  c\x1b[0m\n" in text
    assert "\x1b[36m@@ -1,2 +1,2 @@\x1b[0m\n   a\n" in text
    assert re.sub(r"\x1b\[[\d;]*m", "", text) == plain


def test_many_reasons_of_one_kind_are_one_group() -> None:
    keys = [HostKeyRejected(reason=f"the key of n{n} has changed") for n in range(6)]
    reasons = [Unreachable(reason=" ".join(["no"] * n)) for n in range(1, 6)]
    silent = [(f"n{n}", [], how) for n, how in enumerate([*keys, *reasons])]

    text = shown(run_of(*silent, ("fine", [out("fine", b"x\n")], 0), ("n11", [], keys[5])))

    assert text == (
        "n0+n1+n2+n3+n4+n5+n11 (7): host key rejected: the key of ... has changed\n"
        "n9+n10 (2): unreachable, in 2 other ways\n"
        "n6 (1): unreachable: no\n"
        "n7 (1): unreachable: no no\n"
        "n8 (1): unreachable: no no no\n"
        "fine (1): exit 0\n  x\n"
    )


@pytest.mark.parametrize(
    ("order", "headings"),
    [
        pytest.param("size", ["b+c", "a", "d"], id="biggest first"),
        pytest.param("node", ["a", "b+c", "d"], id="first node first"),
        pytest.param("code", ["d", "b+c", "a"], id="lowest exit code first"),
    ],
)
def test_groups_are_ordered_as_asked(order: Order, headings: list[str]) -> None:
    text = shown(run_of(("a", [], 9), ("b", [], 3), ("c", [], 3), ("d", [], 0)), Look(order=order))

    assert [line.split()[0] for line in text.splitlines()] == headings


def test_nodes_of_a_group_are_in_rank_order_however_they_finished() -> None:
    console = FakeConsole()
    sink = make(console)
    sink.handle(started("a", "b", "c"))
    for name in "cab":
        sink.handle(finished(name))
    sink.handle(ended())

    assert console.stdout.written == b"a+b+c (3): exit 0\n"


def test_a_masked_difference_is_none_and_the_heading_says_whose_words_are_shown() -> None:
    events = run_of(
        ("web1.x", [out("web1.x", b"WEB1 up 3"), out("web1.x", b" at 2026-01-02 03:04:05\n")], 0),
        ("web2.x", [out("web2.x", b"web2 up  17 at 2026-01-02 03:04:06\n")], 0),
        ("web3.x", [out("web3.x", b"web3 down")], 0),
    )

    assert "(2)" not in shown(events)
    assert shown(events, Look(masks=("host", "time", "number"))) == (
        "web1.x+web2.x (2): exit 0, as web1.x says it\n"
        "  WEB1 up 3 at 2026-01-02 03:04:05\n"
        "web3.x (1): exit 0\n"
        "  web3 down\n"
    )


def test_masked_answers_are_compared_the_same_however_they_are_cut() -> None:
    text = b"".join(b"%d %d\n" % (number**3, number**5) for number in range(300))
    text += b"12 " * 400_000
    console = FakeConsole()
    sink = make(console, Look(masks=("number",)))
    sink.handle(started("a", "b"))

    for name, step in (("a", 4001), ("b", 99_999)):
        for start in range(0, len(text), step):
            sink.handle(out(name, text[start : start + step]))
        sink.handle(finished(name))

    assert sink.distinct == 1
    assert sink.groups[0].alike


def test_outliers_are_those_outside_the_biggest_group() -> None:
    console = FakeConsole()
    sink = make(console, Look(order="code"))
    assert sink.outliers == []

    for event in run_of(("a", [], 1), ("b", [], 2), ("c", [], 2), ("d", [], 0)):
        sink.handle(event)
        if isinstance(event, NodeFinished) and event.node == "a":
            assert sink.outliers == []

    assert [node.name for node in sink.outliers] == ["a", "d"]
    assert sink.distinct == 3


MOST = b"one\ntwo\nthree\nfour\nfive\nsix\n"


def test_a_minority_is_shown_as_its_difference_from_the_majority() -> None:
    text = shown(
        run_of(
            ("a", [out("a", MOST)], 0),
            ("b", [out("b", MOST.replace(b"five", b"FIVE"))], 0),
            ("c", [out("c", MOST)], 0),
            ("d", [out("d", MOST)], 1),
            ("e", [err("e", b"lost\n")], 0),
        ),
        Look(diff=True),
    )

    assert text == (
        "a+c (2): exit 0\n"
        "  one\n  two\n  three\n  four\n  five\n  six\n"
        "b (1): exit 0\n"
        "--- a+c\n+++ b\n"
        "@@ -2,5 +2,5 @@\n   two\n   three\n   four\n-  five\n+  FIVE\n   six\n"
        "d (1): exit 1\n"
        "(says what a+c says)\n"
        "e (1): exit 0\n"
        "--- a+c\n+++ e\n"
        "@@ -1,6 +1 @@\n"
        "-  one\n-  two\n-  three\n-  four\n-  five\n-  six\n+! lost\n"
    )


def test_where_most_do_not_answer_the_majority_is_of_those_that_do() -> None:
    events = run_of(
        ("a", [], Unreachable(reason="refused")),
        ("b", [], Unreachable(reason="refused")),
        ("c", [out("c", b"x\n")], 0),
        ("d", [], 0),
    )
    console = FakeConsole()
    sink = make(console, Look(diff=True))

    for event in events:
        sink.handle(event)

    assert [node.name for node in sink.outliers] == ["a", "b", "d"]
    assert console.stdout.written == (
        b"a+b (2): unreachable: refused\nc (1): exit 0\n  x\nd (1): exit 0\n(says nothing)\n"
    )


def test_what_is_masked_is_in_no_diff() -> None:
    text = shown(
        run_of(
            ("a", [out("a", b"up 1\nok\n")], 0),
            ("b", [out("b", b"up 2\nok\n")], 0),
            ("c", [out("c", b"up 3\nbad\n")], 0),
        ),
        Look(diff=True, masks=("number",)),
    )

    assert text.splitlines()[-4:] == ["@@ -1,2 +1,2 @@", "   up 3", "-  ok", "+  bad"]


def test_an_answer_too_long_for_a_diff_is_shown_whole() -> None:
    long = b"x" * 5_000_000

    text = shown(run_of(("a", [], 0), ("b", [], 0), ("c", [out("c", long)], 0)), Look(diff=True))

    assert text == (
        f"a+b (2): exit 0\nc (1): exit 0\n(too much differs from a+b for a diff)\n  {long.decode()}\n"
    )


def test_a_thousand_equal_answers_cost_no_thousand_copies() -> None:
    names = [f"n{number}" for number in range(1000)]
    console = FakeConsole()
    sink = make(console)
    sink.handle(started(*names))
    text = os.urandom(200_000)

    tracemalloc.start()
    for name in names:
        sink.handle(out(name, text))
        sink.handle(finished(name))
    grown_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert sink.distinct == 1
    assert grown_bytes < 5_000_000


def test_large_answers_go_to_disk_and_nothing_is_lost() -> None:
    console = FakeConsole()
    sink = make(console, Look(marked=False))
    sink.handle(started("a", "b", "c"))
    rng = random.Random(7)  # noqa: S311
    block = rng.randbytes(1_000_000).replace(b"\n", b"")

    tracemalloc.start()
    for number in range(20):
        for name in "abc":
            sink.handle(out(name, name.encode() + b"%d" % number + block))
    grown_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    for name in "abc":
        sink.handle(finished(name))
    sink.handle(ended())

    assert grown_bytes < 20_000_000
    assert console.stdout.written == b"".join(
        name.encode()
        + b" (1): exit 0\n"
        + b"".join(name.encode() + b"%d" % number + block for number in range(20))
        + b"\n"
        for name in "abc"
    )


async def test_serve_returns_at_once_and_a_run_of_nothing_shows_nothing() -> None:
    console = FakeConsole()
    sink = make(console)
    sink.handle(started())
    sink.handle(ended())

    await sink.serve()

    assert console.stdout.written == b""
