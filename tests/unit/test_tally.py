from __future__ import annotations

import math

from tests.unit.rig import make_nodes
from trioexec.model.events import (
    NodeConnecting,
    NodeFinished,
    NodeOutput,
    NodeQueued,
    NodeStarted,
    RunFinished,
    RunStarted,
)
from trioexec.model.outcomes import Cancelled, Exited
from trioexec.model.tally import Tally

NODES = tuple(make_nodes(dict.fromkeys("abc")))


def tally_after(*events: NodeConnecting | NodeStarted | NodeFinished | RunFinished) -> Tally:
    tally = Tally()
    tally.handle(RunStarted(at_s=0, command="do", nodes=NODES, unix_s=1e9))
    for node in NODES:
        tally.handle(NodeQueued(node=node.name, at_s=0))
    for event in events:
        tally.handle(event)
    return tally


def test_connecting_counts_as_running() -> None:
    tally = tally_after(NodeConnecting(node="b", at_s=2))

    assert list(tally.queued) == ["a", "c"]
    assert tally.running == {"b": 2}
    assert tally.completed == 0


def test_a_finished_node_is_counted_once_and_nowhere_else() -> None:
    tally = tally_after(
        NodeConnecting(node="a", at_s=1),
        NodeStarted(node="a", at_s=2),
        NodeFinished(node="a", at_s=3, outcome=Exited(code=0)),
        NodeConnecting(node="b", at_s=1),
        NodeFinished(node="b", at_s=3, outcome=Exited(code=1)),
        NodeFinished(node="c", at_s=4, outcome=Cancelled(why="deadline", started=False)),
    )

    assert (tally.succeeded, tally.failed, tally.completed) == (1, 2, 3)
    assert not tally.queued
    assert not tally.running


def test_output_changes_nothing() -> None:
    tally, other = tally_after(), tally_after()

    tally.handle(NodeOutput(node="a", at_s=1, stream="stdout", data=b"x"))

    assert repr(tally) == repr(other)  # NaN is not equal to itself


def test_the_report_has_the_rows_in_node_order_and_those_only_that_have_an_outcome() -> None:
    tally = tally_after(
        NodeFinished(node="c", at_s=4, outcome=Cancelled(why="interrupt", started=False)),
        NodeConnecting(node="a", at_s=1),
        NodeStarted(node="a", at_s=2),
        NodeFinished(node="a", at_s=5, outcome=Exited(code=0)),
    )

    report = tally.report(now_s=9)

    assert [row.node.name for row in report] == ["a", "c"]
    assert (report.command, report.took_s, report.unix_s) == ("do", 9, 1e9)
    first, last = report
    assert (first.connecting_s, first.started_s, first.finished_s) == (1, 2, 5)
    assert math.isnan(last.connecting_s)
    assert math.isnan(last.started_s)


def test_a_run_that_is_over_took_no_longer() -> None:
    tally = tally_after(RunFinished(at_s=7, exit_code=0))

    assert tally.report(now_s=9).took_s == 7
