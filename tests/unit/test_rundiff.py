from __future__ import annotations

from tests.unit.recorded import events_of, record_of
from trioexec.model.hostlist import fold
from trioexec.model.outcomes import Exited, Unreachable
from trioexec.model.record import RunRecord
from trioexec.model.rundiff import compare, diff_lines

FINE = (Exited(code=0), [("stdout", b"one\ntwo\n")])


def run(**nodes: object) -> RunRecord:
    return record_of(events_of(nodes))  # type: ignore[arg-type]


def lines(before: RunRecord, after: RunRecord) -> list[str]:
    return [line for change in compare(before, after) for line in diff_lines(change, fold)]


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
    long = (Exited(code=0), [("stdout", b"x\n" * 3000)])

    assert lines(run(a=FINE), run(a=long))[1] == "  stdout: 2 lines before, 3000 now"
