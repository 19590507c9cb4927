from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioexec.model.interrupt import Interrupt, Stage, status_line, text_for

ORDER = [Stage.RUNNING, Stage.WARNED, Stage.STOPPING, Stage.CUTTING]


@pytest.mark.parametrize(
    ("presses_at_s", "stage"),
    [
        pytest.param([], Stage.RUNNING, id="none"),
        pytest.param([5.0], Stage.WARNED, id="one only warns"),
        pytest.param([0.0], Stage.WARNED, id="one at the clock's zero only warns"),
        pytest.param([5.0, 5.9], Stage.STOPPING, id="two within a second stop"),
        pytest.param([5.0, 6.0], Stage.STOPPING, id="a second is within a second"),
        pytest.param([5.0, 6.1], Stage.WARNED, id="two far apart warn again"),
        pytest.param([5.0, 6.1, 7.0], Stage.STOPPING, id="the last two count"),
        pytest.param([5.0, 5.5, 60.0], Stage.CUTTING, id="a third cuts, however late"),
        pytest.param([5.0, 5.5, 5.6], Stage.CUTTING, id="a third cuts, however soon"),
        pytest.param([5.0, 5.5, 6.0, 6.1, 99.0], Stage.CUTTING, id="more change nothing"),
    ],
)
def test_presses_lead_to_stage(presses_at_s: list[float], stage: Stage) -> None:
    state = Interrupt()

    for now_s in presses_at_s:
        state = state.press(now_s)

    assert state.stage is stage


@pytest.mark.parametrize(
    ("presses_at_s", "stage"),
    [
        pytest.param([5.0], Stage.STOPPING, id="one stops"),
        pytest.param([5.0, 99.0], Stage.CUTTING, id="the next cuts"),
    ],
)
def test_presses_in_batch_mode(presses_at_s: list[float], stage: Stage) -> None:
    state = Interrupt(batch=True)

    for now_s in presses_at_s:
        state = state.press(now_s)

    assert state.stage is stage


def test_terminate_stops_and_then_cuts() -> None:
    stopping = Interrupt().press(1.0).terminate()

    assert stopping.stage is Stage.STOPPING
    assert stopping.terminate().stage is Stage.CUTTING
    assert stopping.press(50.0).stage is Stage.CUTTING


@given(
    batch=st.booleans(),
    steps=st.lists(st.tuples(st.floats(0, 3), st.booleans()), max_size=8),
)
def test_no_sequence_of_signals_leads_back(batch: bool, steps: list[tuple[float, bool]]) -> None:  # noqa: FBT001
    state, now_s = Interrupt(batch=batch), 0.0

    for pause_s, terminate in steps:
        now_s += pause_s
        after = state.terminate() if terminate else state.press(now_s)
        assert ORDER.index(after.stage) >= ORDER.index(state.stage)
        state = after


@pytest.mark.parametrize(
    ("state", "text"),
    [
        pytest.param(Interrupt(), "", id="no press"),
        pytest.param(
            Interrupt(stage=Stage.WARNED),
            "Received Ctrl+C. Press Ctrl+C again within 1 second to terminate.",
            id="first",
        ),
        pytest.param(
            Interrupt(stage=Stage.STOPPING),
            "Received second Ctrl+C. Terminating all jobs...",
            id="second",
        ),
        pytest.param(
            Interrupt(stage=Stage.STOPPING, batch=True),
            "Received Ctrl+C (batch mode). Terminating all jobs...",
            id="batch",
        ),
        pytest.param(Interrupt(stage=Stage.CUTTING), "", id="third"),
    ],
)
def test_the_texts_to_the_letter(state: Interrupt, text: str) -> None:
    assert text_for(state) == text


def test_the_status_mentions_the_queue_only_where_there_is_one() -> None:
    assert status_line(running=2, completed=3, queued=0) == "Status: 2 running, 3 completed"
    assert status_line(running=0, completed=0, queued=4) == (
        "Status: 0 running, 0 completed, 4 queued"
    )
