from __future__ import annotations

import pytest

from trioexec.model.errors import UsageError
from trioexec.model.exitcodes import (
    EXIT_CODES,
    Strategy,
    Verdict,
    choose_main_rank,
    decide,
    decide_ping,
)
from trioexec.model.nodes import Node
from trioexec.model.outcomes import (
    Cancelled,
    Denied,
    Exited,
    HostKeyRejected,
    Killed,
    Outcome,
    StopReason,
    TimedOut,
    Unreachable,
)
from trioexec.model.report import NodeResult, Report

OK = Exited(code=0)
MAIN, ALL, HYBRID, ANY = Strategy.MAIN_RANK, Strategy.ALL, Strategy.HYBRID, Strategy.ANY


def report_of(*outcomes: Outcome) -> Report:
    """Nodes n0, n1...; n0 is the main rank."""
    rows = [
        NodeResult(
            node=Node(name=f"n{i}", host=f"n{i}", rank=i),
            outcome=outcome,
            connecting_s=0,
            started_s=0,
            finished_s=0,
        )
        for i, outcome in enumerate(outcomes)
    ]
    return Report(command="x", results=tuple(rows), took_s=0, unix_s=0)


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        pytest.param(OK, 0, id="success"),
        pytest.param(Exited(code=3), 3, id="its own code"),
        pytest.param(Exited(code=256), 255, id="a code beyond a byte is not taken for 0"),
        pytest.param(Killed(signal=9), 137, id="killed"),
        pytest.param(TimedOut(phase="command"), 124, id="timed out"),
        pytest.param(Unreachable(reason="x"), 255, id="unreachable"),
        pytest.param(Denied(reason="x"), 255, id="denied"),
        pytest.param(HostKeyRejected(reason="x"), 255, id="host key"),
        pytest.param(Cancelled(why="fail-fast", started=True), 1, id="cancelled"),
        pytest.param(Cancelled(why="interrupt", started=True), 130, id="interrupted"),
    ],
)
def test_the_main_ranks_code_is_the_runs(outcome: Outcome, code: int) -> None:
    assert decide(report_of(outcome, OK), Verdict(main_rank="n0")) == code


BOTH_FAIL = (Exited(code=3), Exited(code=9))
OTHER_FAILS = (OK, Killed(signal=9))
MAIN_FAILS = (TimedOut(phase="command"), OK)


@pytest.mark.parametrize(
    ("strategy", "outcomes", "code"),
    [
        pytest.param(MAIN, (OK, OK), 0, id="main: all well"),
        pytest.param(MAIN, OTHER_FAILS, 0, id="main: another failed"),
        pytest.param(MAIN, MAIN_FAILS, 124, id="main: main failed"),
        pytest.param(ALL, (OK, OK), 0, id="all: all well"),
        pytest.param(ALL, OTHER_FAILS, 1, id="all: another failed"),
        pytest.param(ALL, MAIN_FAILS, 1, id="all: main failed"),
        pytest.param(HYBRID, (OK, OK), 0, id="hybrid: all well"),
        pytest.param(HYBRID, OTHER_FAILS, 1, id="hybrid: another failed"),
        pytest.param(HYBRID, MAIN_FAILS, 124, id="hybrid: main failed"),
        pytest.param(HYBRID, BOTH_FAIL, 3, id="hybrid: both failed"),
        pytest.param(ANY, (OK, OK), 0, id="any: all well"),
        pytest.param(ANY, OTHER_FAILS, 137, id="any: another failed"),
        pytest.param(ANY, BOTH_FAIL, 9, id="any: the largest"),
        pytest.param(
            ANY, (Exited(code=3), Unreachable(reason="x"), OK), 255, id="any: not reached"
        ),
    ],
)
def test_strategies(strategy: Strategy, outcomes: tuple[Outcome, ...], code: int) -> None:
    verdict = Verdict(strategy=strategy, main_rank="n0")

    assert decide(report_of(*outcomes), verdict) == code


@pytest.mark.parametrize("strategy", Strategy)
def test_a_main_rank_that_is_not_in_the_report_is_the_first_node(strategy: Strategy) -> None:
    assert decide(report_of(Exited(code=3), OK), Verdict(strategy=strategy, main_rank="gone"))


@pytest.mark.parametrize("strategy", Strategy)
def test_no_nodes_no_failure(strategy: Strategy) -> None:
    assert decide(report_of(), Verdict(strategy=strategy)) == 0


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize(
    ("stopped", "code"),
    [("interrupt", 130), ("terminate", 143), ("hangup", 129), ("output closed", 141)],
)
def test_a_stop_by_signal_outweighs_every_strategy(
    strategy: Strategy, stopped: StopReason, code: int
) -> None:
    verdict = Verdict(strategy=strategy, main_rank="n0", stopped=stopped)

    assert decide(report_of(Exited(code=3), OK), verdict) == code
    assert decide(report_of(OK, OK), verdict) == code


@pytest.mark.parametrize(("strategy", "code"), [(MAIN, 7), (ALL, 1), (HYBRID, 1), (ANY, 7)])
def test_a_run_that_fail_fast_stopped_never_exits_0(strategy: Strategy, code: int) -> None:
    report = report_of(OK, Exited(code=7), Cancelled(why="fail-fast", started=False))
    verdict = Verdict(strategy=strategy, main_rank="n0", stopped="fail-fast", stopped_by="n1")

    assert decide(report, verdict) == code


def test_fail_fast_leaves_a_main_rank_that_failed_its_own_code() -> None:
    report = report_of(Exited(code=3), Exited(code=7))
    verdict = Verdict(main_rank="n0", stopped="fail-fast", stopped_by="n1")

    assert decide(report, verdict) == 3


@pytest.mark.parametrize("stopped", ["deadline", "caller"])
def test_a_deadline_leaves_the_code_to_the_strategy(stopped: StopReason) -> None:
    report = report_of(OK, TimedOut(phase="deadline"))

    assert decide(report, Verdict(main_rank="n0", stopped=stopped)) == 0
    assert decide(report, Verdict(main_rank="n1", stopped=stopped)) == 124


@pytest.mark.parametrize(
    ("outcomes", "stopped", "code"),
    [
        pytest.param((OK, OK), None, 0, id="all"),
        pytest.param((OK, Denied(reason="x")), None, 1, id="some"),
        pytest.param((Denied(reason="x"), TimedOut(phase="connect")), None, 255, id="none"),
        pytest.param((OK, OK), "interrupt", 130, id="interrupted"),
        pytest.param((OK, TimedOut(phase="deadline")), "deadline", 1, id="deadline"),
    ],
)
def test_ping(outcomes: tuple[Outcome, ...], stopped: StopReason | None, code: int) -> None:
    assert decide_ping(report_of(*outcomes), stopped) == code


NODES = [
    Node(name="root@a:23", host="a", port=23),
    Node(name="b", host="b"),
    Node(name="me@b", host="b", rank=2),
    Node(name="c", host="c", rank=3),
]


@pytest.mark.parametrize(
    ("env", "option", "chosen"),
    [
        pytest.param({}, None, "root@a:23", id="the first as typed"),
        pytest.param({}, "c", "c", id="the option"),
        pytest.param({}, "a", "root@a:23", id="the option by host"),
        pytest.param({}, "b", "b", id="a name comes before a host"),
        pytest.param(
            {"BACKENDAI_CLUSTER_ROLE": "main", "BACKENDAI_CLUSTER_HOST": "c"},
            "b",
            "c",
            id="cluster",
        ),
        pytest.param(
            {"BACKENDAI_CLUSTER_ROLE": "MaIn", "BACKENDAI_CLUSTER_HOST": "c"}, None, "c", id="case"
        ),
        pytest.param(
            {"BACKENDAI_CLUSTER_ROLE": "sub", "BACKENDAI_CLUSTER_HOST": "c"},
            "b",
            "b",
            id="not main",
        ),
        pytest.param(
            {"BACKENDAI_CLUSTER_ROLE": "main", "BACKENDAI_CLUSTER_HOST": "z"},
            "b",
            "b",
            id="unknown",
        ),
        pytest.param({"BACKENDAI_CLUSTER_ROLE": "main"}, None, "root@a:23", id="role alone"),
    ],
)
def test_main_rank(env: dict[str, str], option: str | None, chosen: str) -> None:
    assert choose_main_rank(NODES, env, option) == chosen


def test_a_main_rank_that_is_no_node_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--main-rank nope: not one of the nodes"):
        choose_main_rank(NODES, {}, "nope")


def test_every_code_of_ours_is_in_the_table() -> None:
    assert set(EXIT_CODES) == {0, 1, 2, 70, 124, 129, 130, 141, 143, 255}
