from __future__ import annotations

import math
import pickle

import pytest

from trioexec.model.failures import NodeError
from trioexec.model.nodes import Node
from trioexec.model.outcomes import (
    Cancelled,
    Denied,
    Exited,
    HostKeyRejected,
    Outcome,
    Unreachable,
)
from trioexec.model.report import NodeResult, Report


def report_of(**outcomes: Outcome) -> Report:
    rows = [
        NodeResult(
            node=Node(name=name, host=name, rank=rank),
            outcome=outcome,
            connecting_s=0,
            started_s=math.nan,
            finished_s=1,
        )
        for rank, (name, outcome) in enumerate(outcomes.items())
    ]
    return Report(command="x", results=tuple(rows), took_s=1, unix_s=0)


MIXED = report_of(
    a=Exited(code=0),
    b=Exited(code=3),
    c=Denied(reason="no"),
    d=Exited(code=3),
    e=Cancelled(why="fail-fast", started=False),
    f=Cancelled(why="fail-fast", started=True),
)


def names(nodes: tuple[Node, ...]) -> str:
    return "".join(node.name for node in nodes)


def test_each_node_is_either_succeeded_or_failed() -> None:
    assert names(MIXED.succeeded) == "a"
    assert names(MIXED.failed) == "bcdef"
    assert not MIXED.ok
    assert [row.ok for row in MIXED] == [True, False, False, False, False, False]
    assert len(MIXED) == 6


def test_not_started_are_those_that_a_stop_kept_from_it() -> None:
    assert names(MIXED.not_started) == "e"


def test_kinds_of_failure_fold_nodes_in_order_of_first_appearance() -> None:
    kinds = {text: names(tuple(nodes)) for text, nodes in MIXED.by_text().items()}

    assert kinds == {
        "exit 3": "bd",
        "denied: no": "c",
        "not started (fail-fast)": "e",
        "stopped (fail-fast)": "f",
    }
    assert list(kinds) == ["exit 3", "denied: no", "not started (fail-fast)", "stopped (fail-fast)"]


def test_what_was_cut_off_comes_after_what_it_was_stopped_for() -> None:
    report = report_of(
        a=Cancelled(why="fail-fast", started=True),
        b=Exited(code=4),
        c=Cancelled(why="fail-fast", started=False),
        d=HostKeyRejected(reason="changed"),
    )

    assert list(report.by_text()) == [
        "exit 4",
        "host key rejected: changed",
        "stopped (fail-fast)",
        "not started (fail-fast)",
    ]


def unknown(name: str, key: str) -> HostKeyRejected:
    return HostKeyRejected(reason=f"the host key of {name} is not known: {key}. Record it")


def test_host_keys_that_are_refused_for_one_reason_are_one_line() -> None:
    report = report_of(
        a=Exited(code=3),
        b=unknown("b", "k1"),
        c=HostKeyRejected(reason="host keys cannot be checked"),
        d=unknown("d", "k2"),
        e=Exited(code=4),
        f=unknown("f", "k3"),
        g=Unreachable(reason="the address of g cannot be reached from here"),
        h=Unreachable(reason="the address of h cannot be reached from here"),
    )

    kinds = {text: names(tuple(nodes)) for text, nodes in report.by_text().items()}

    assert list(kinds.items()) == [
        ("exit 3", "a"),
        ("host key rejected: the host key of ... is not known: ... Record it", "bdf"),
        ("host key rejected: host keys cannot be checked", "c"),
        ("exit 4", "e"),
        ("unreachable: the address of g cannot be reached from here", "g"),
        ("unreachable: the address of h cannot be reached from here", "h"),
    ]


def test_one_host_key_that_is_refused_is_told_with_all_its_details() -> None:
    report = report_of(b=unknown("b", "k1"))

    assert list(report.by_text()) == [report["b"].outcome.text]


def test_a_report_without_nodes_is_ok() -> None:
    assert report_of().ok
    report_of().raise_for_failures()


def test_a_row_is_found_by_name() -> None:
    assert MIXED["c"].outcome == Denied(reason="no")
    with pytest.raises(KeyError):
        MIXED["z"]


def test_failures_are_raised_as_a_group_with_one_error_a_node() -> None:
    with pytest.raises(ExceptionGroup, match="5 of 6 nodes failed") as caught:
        MIXED.raise_for_failures()

    assert len(caught.value.exceptions) == 5


def test_an_error_of_a_node_can_be_sent_to_another_process() -> None:
    with pytest.RaisesGroup(NodeError, NodeError, NodeError, NodeError, NodeError) as raised:
        MIXED.raise_for_failures()
    raised.value.exceptions[0].add_note("said later")

    again = pickle.loads(pickle.dumps(raised.value))  # noqa: S301 - our own

    for one, other in zip(again.exceptions, raised.value.exceptions, strict=True):
        assert (type(one), str(one)) == (type(other), str(other))
        assert (one.node, one.outcome) == (other.node, other.outcome)
    assert again.exceptions[0].__notes__ == ["said later"]
