from __future__ import annotations

from tests.unit.recorded import events_of, record_of
from trioexec.model.hostlist import fold
from trioexec.model.outcomes import Exited, Unreachable
from trioexec.model.record import RunRecord
from trioexec.sinks.masks import Mask
from trioexec.sinks.rundiff import compare, show_change

FINE = (Exited(code=0), [("stdout", b"one\ntwo\n")])


def run(**nodes: object) -> RunRecord:
    return record_of(events_of(nodes))  # type: ignore[arg-type]


def lines(before: RunRecord, after: RunRecord, *masks: Mask) -> list[str]:
    changes = compare(before, after, masks=masks)
    return [line.decode() for change in changes for line in show_change(change, fold, masks=masks)]


def test_equal_runs_have_no_difference() -> None:
    assert compare(run(a=FINE, b=FINE), run(b=FINE, a=FINE)) == []


def test_nodes_with_the_same_change_fold_and_the_most_come_first() -> None:
    other = (Exited(code=1), [("stdout", b"one\nTWO\n"), ("stderr", b"bad\n")])
    gone = (Unreachable(reason="no route"), [])

    shown = lines(run(w1=FINE, w2=FINE, w3=FINE, x=FINE), run(w1=FINE, w2=other, w3=other, x=gone))

    assert shown == [
        "w[2-3] (2): exit 0 -> exit 1",
        "  @@ -1,2 +1,2 @@",
        "   one",
        "  -two",
        "  +TWO",
        "  stderr @@ -0,0 +1 @@",
        "  stderr +bad",
        "x (1): exit 0 -> unreachable: no route",
        "  @@ -1,2 +0,0 @@",
        "  -one",
        "  -two",
    ]


def test_other_output_alone_is_a_change() -> None:
    shown = lines(run(a=FINE), run(a=(Exited(code=0), [("stdout", b"one\n")])))

    assert shown[0] == "a (1): exit 0, other output"


def test_nodes_of_one_run_only_are_named() -> None:
    assert lines(run(a=FINE, b=FINE), run(b=FINE, c=FINE)) == [
        "a (1): only in the first run",
        "c (1): only in the second run",
    ]


def test_long_outputs_are_counted_only() -> None:
    short = (Exited(code=0), [("stdout", b"y\n" * 2000)])
    long = (Exited(code=0), [("stdout", b"x\n" * 3000)])

    assert lines(run(a=short), run(a=long))[1] == "  stdout: 2000 lines before, 3000 now"


def test_what_is_masked_is_no_change_and_is_shown_as_it_is_beside_one() -> None:
    monday = (Exited(code=0), [("stdout", b"up since 2026-01-05\nload 1\nfine\n")])
    friday = (Exited(code=0), [("stdout", b"up since 2026-01-09\nload 2\nfine\n")])
    broken = (Exited(code=0), [("stdout", b"up since 2026-01-09\nload 2\nbad\n")])

    assert lines(run(a=monday), run(a=friday), "time", "number") == []
    assert lines(run(a=monday), run(a=broken), "time", "number") == [
        "a (1): exit 0, other output",
        "  @@ -1,3 +1,3 @@",
        "   up since 2026-01-09",
        "   load 2",
        "  -fine",
        "  +bad",
    ]


def test_a_change_has_colour_when_asked() -> None:
    (change,) = compare(run(a=FINE), run(a=(Exited(code=0), [("stderr", b"one\n")])))

    text = b"\n".join(show_change(change, fold, color=True)).decode()

    assert text.startswith("\x1b[1ma (1): exit 0, other output\x1b[0m\n")
    assert "\n  \x1b[31m-two\x1b[0m" in text
    assert text.endswith("\n  stderr \x1b[32m+one\x1b[0m")
