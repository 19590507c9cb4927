from __future__ import annotations

import pytest

from tests.unit.sink_fakes import FakeConsole, run_of
from trioexec.model.events import Event
from trioexec.model.outcomes import Cancelled, Outcome, TimedOut, Unreachable
from trioexec.sinks.summary import SummarySink, format_age, format_duration


def said(events: list[Event], *, quiet: bool = False) -> str:
    console = FakeConsole()
    sink = SummarySink(console.as_console, fold=" ".join, quiet=quiet)
    for event in events:
        sink.handle(event)
    assert console.stdout.written == b""
    return console.stderr.written.decode()


def run(*outcomes: Outcome | int, exit_code: int) -> list[Event]:
    return run_of(*((f"n{n}", [], how) for n, how in enumerate(outcomes)), exit_code=exit_code)


def test_a_run_without_failure_is_one_line() -> None:
    assert said(run(0, 0, 0, 0, 0, exit_code=0)) == "5 nodes: 5 ok in 1.2 s\n"
    assert said(run(0, exit_code=0)) == "1 node: 1 ok in 1.2 s\n"


def test_each_kind_of_failure_is_one_line_with_its_nodes_folded() -> None:
    text = said(
        run(
            3,
            0,
            TimedOut(phase="connect"),
            3,
            Unreachable(reason="refused\nn9: forged"),
            Cancelled(why="interrupt", started=False),
            exit_code=130,
        )
    )

    assert text == (
        "6 nodes: 1 ok, 5 failed in 1.2 s\n"
        "  exit 3: n0 n3\n"
        "  timed out connecting: n2\n"
        "  unreachable: refused\\nn9: forged: n4\n"
        "  not started (interrupt): n5\n"
    )


def test_many_reasons_of_one_kind_are_one_line_beside_the_commonest() -> None:
    reasons = [Unreachable(reason=" ".join(["no"] * n)) for n in range(1, 8)]

    text = said(run(3, *reasons, reasons[6], exit_code=3))

    assert text.splitlines()[1:] == [
        "  exit 3: n0",
        "  unreachable: no: n1",
        "  unreachable: no no: n2",
        "  unreachable, in 4 other ways: n3 n4 n5 n6",
        "  unreachable: no no no no no no no: n7 n8",
    ]


def test_four_reasons_of_one_kind_take_the_lines_that_they_would_take_folded() -> None:
    reasons = [Unreachable(reason=" ".join(["no"] * n)) for n in range(1, 5)]

    assert "other ways" not in said(run(*reasons, exit_code=255))


def test_an_exit_code_of_0_though_nodes_failed_is_said_with_the_flag_that_would_not() -> None:
    text = said(run(0, 1, exit_code=0))

    assert text.splitlines()[-1] == (
        "  exit code 0 all the same: that of the main rank;"
        " --require-all-success exits 1 when any node fails"
    )


def test_a_reader_that_had_enough_is_told_nothing() -> None:
    events = run_of(
        ("a", [], Cancelled(why="output closed", started=True)),
        exit_code=141,
        stopped="output closed",
    )

    assert said(events) == ""


def test_quiet_says_nothing() -> None:
    assert said(run(0, 1, exit_code=0), quiet=True) == ""


@pytest.mark.parametrize(
    ("seconds_s", "text"),
    [
        pytest.param(0.04, "0.0 s", id="at once"),
        pytest.param(59.94, "59.9 s", id="below a minute"),
        pytest.param(59.96, "1 min 0 s", id="rounds up to a minute"),
        pytest.param(125.4, "2 min 5 s", id="minutes"),
        pytest.param(3599.7, "1 h 0 min", id="rounds up to an hour"),
        pytest.param(12_000, "3 h 20 min", id="hours"),
    ],
)
def test_durations_read_as_people_say_them(seconds_s: float, text: str) -> None:
    assert format_duration(seconds_s) == text


@pytest.mark.parametrize(
    ("seconds_s", "text"),
    [
        pytest.param(0.9, "0 s", id="not a second yet"),
        pytest.param(59.9, "59 s", id="never 60 s"),
        pytest.param(3599.9, "59 min 59 s", id="not an hour yet"),
    ],
)
def test_what_goes_on_is_told_in_seconds_that_are_over(seconds_s: float, text: str) -> None:
    assert format_age(seconds_s) == text


async def test_serve_returns_at_once() -> None:
    await SummarySink(FakeConsole().as_console, fold=" ".join).serve()

    assert True
