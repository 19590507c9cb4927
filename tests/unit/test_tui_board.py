from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.sink_fakes import ended, err, finished, out, run_of, started
from trioexec.model.events import NodeConnecting, NodeQueued, NodeStarted
from trioexec.model.outcomes import Cancelled, Unreachable
from trioexec.sinks.tui.board import SORTS, Answer, Board, State
from trioexec.sinks.tui.compare import MOST_BYTES, compare

if TYPE_CHECKING:
    from trioexec.model.events import Event


def board_of(*events: Event) -> Board:
    board = Board()
    for event in events:
        board.handle(event)
    return board


def names(board: Board, sort: str = "typed", terms: str = "", *, backwards: bool = False) -> str:
    return " ".join(row.name for row in board.select(terms=terms, sort=sort, backwards=backwards))


def mixed() -> Board:
    return board_of(
        started("n10", "n2", "bad", "slow", "late", "cut"),
        *(NodeQueued(node=name, at_s=0) for name in ("n10", "n2", "bad", "slow", "late", "cut")),
        *(NodeConnecting(node=name, at_s=at_s) for at_s, name in enumerate(("n10", "n2", "bad"))),
        NodeConnecting(node="slow", at_s=0.5),
        NodeStarted(node="slow", at_s=0.6),
        NodeConnecting(node="cut", at_s=0.7),
        out("n10", b"a\n"),
        out("n2", b"a\n"),
        finished("n10", 0, at_s=9),
        finished("n2", 0, at_s=3),
        finished("bad", 7, at_s=3.5),
        finished("cut", Cancelled(why="interrupt", started=True), at_s=4),
    )


def test_each_node_stands_where_its_events_put_it() -> None:
    board = mixed()

    assert [row.state for row in board.rows] == [
        State.OK,
        State.OK,
        State.FAILED,
        State.RUNNING,
        State.QUEUED,
        State.STOPPED,
    ]
    assert [row.status for row in board.rows] == [
        "ok",
        "ok",
        "exit 7",
        "running",
        "queued",
        "stopped (interrupt)",
    ]


@pytest.mark.parametrize(
    ("sort", "order"),
    [
        pytest.param("typed", "n10 n2 bad slow late cut", id="as typed"),
        pytest.param("name", "bad cut late n2 n10 slow", id="2 before 10"),
        pytest.param("state", "bad slow late cut n10 n2", id="what wants a look first"),
        pytest.param("time", "slow n10 cut n2 bad late", id="who still runs, then the slowest"),
        pytest.param("exit code", "cut bad n10 n2 slow late", id="the largest code first"),
        pytest.param("answer", "bad cut n10 n2 slow late", id="the rarest answer first"),
    ],
)
def test_rows_are_sorted(sort: str, order: str) -> None:
    board = mixed()

    assert names(board, sort) == order
    assert names(board, sort, backwards=True).split() == order.split()[::-1]
    assert sort in SORTS


@pytest.mark.parametrize(
    ("terms", "left"),
    [
        pytest.param("n", "n10 n2", id="part of a name"),
        pytest.param("N1", "n10", id="any case"),
        pytest.param("failed", "bad", id="state"),
        pytest.param("exit 7", "bad", id="both words"),
        pytest.param("!ok !bad", "slow late cut", id="without"),
        pytest.param("!", "", id="a lone mark is a mark"),
    ],
)
def test_a_filter_looks_at_names_and_states(terms: str, left: str) -> None:
    wanted = left.split()

    shown = names(mixed(), terms=terms).split()

    assert [name for name in shown if terms != "n" or name.startswith("n")] == wanted


def test_equal_answers_have_one_letter_and_most_is_the_majority() -> None:
    board = board_of(
        *run_of(
            ("a", [out("a", b"x\n")], 0),
            ("b", [out("b", b"y\n")], 0),
            ("c", [out("c", b"y\n")], 0),
            ("d", [out("d", b"y\n")], 3),
            ("e", [], Unreachable(reason="no route")),
            ("f", [], Unreachable(reason="no route")),
            ("g", [], Unreachable(reason="no route")),
        )
    )

    letters = [row.answer.letter for row in board.rows if row.answer]
    majority = board.majority()

    assert letters == ["", "A", "A", "", "B", "B", "B"], "who is alone uses no letter up"
    assert majority is not None
    assert [row.name for row in majority.rows] == ["b", "c"]


def test_of_two_majorities_that_of_the_first_node_counts() -> None:
    board = board_of(
        started("a", "b"),
        NodeConnecting(node="a", at_s=0),
        NodeConnecting(node="b", at_s=0),
        out("b", b"first\n"),
        finished("b"),
        finished("a"),
    )

    majority = board.majority()

    assert majority is not None
    assert majority.rows[0].name == "a"


def test_before_anyone_has_finished_there_is_no_majority() -> None:
    assert board_of(started("a")).majority() is None


@pytest.mark.parametrize(("number", "letter"), [(0, "A"), (25, "Z"), (26, "AA"), (702, "AAA")])
def test_letters_do_not_run_out(number: int, letter: str) -> None:
    assert Answer(number).letter == letter


def test_the_end_is_known() -> None:
    board = board_of(started("a"), ended(7, stopped="deadline"))

    assert board.over
    assert (board.exit_code, board.stopped, board.ended_s) == (7, "deadline", 1.2)


def test_a_hostile_name_is_made_visible() -> None:
    assert board_of(started("a\x1b")).rows[0].name == "a\\x1b"


def pair(one: bytes, other: bytes, code: int = 0) -> Board:
    return board_of(*run_of(("web1", [out("web1", one)], 0), ("web2", [out("web2", other)], code)))


def test_a_difference_shows_both_streams_and_the_ends() -> None:
    board = board_of(
        *run_of(
            ("a", [out("a", b"same\nold\n")], 0),
            ("b", [out("b", b"same\nnew\n"), err("b", b"\x1boops\n")], 3),
        )
    )

    found = compare(*board.rows)

    assert found.lines == [
        "-(ok)",
        "+(exit 3)",
        "# stdout",
        "@@ -1,2 +1,2 @@",
        " same",
        "-old",
        "+new",
        "# stderr",
        "@@ -0,0 +1 @@",
        "+\\x1boops",
    ]
    assert (found.added, found.removed) == (3, 2)


def test_what_is_masked_is_no_difference() -> None:
    board = pair(b"I am web1\n", b"I am web2\n")

    assert compare(*board.rows).added == 1
    assert compare(*board.rows, ("host",)).lines == ["# no difference"]


def test_too_much_for_a_diff_says_so() -> None:
    lines = b"".join(b"%d\n" % number for number in range(3000))
    board = pair(lines, lines.replace(b"1", b"x").replace(b"2", b"y").replace(b"0", b"z"))
    assert "too much of stdout" in compare(*board.rows).lines[0]

    assert "MiB" in compare(*pair(b"x" * (MOST_BYTES + 1), b"").rows).lines[0]
