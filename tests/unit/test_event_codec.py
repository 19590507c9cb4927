from __future__ import annotations

import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioexec.model.event_codec import EVENTS as EVENT_TYPES
from trioexec.model.event_codec import OUTCOMES as OUTCOME_TYPES
from trioexec.model.event_codec import CodecError, from_json, to_json
from trioexec.model.events import (
    Event,
    NodeConnecting,
    NodeFinished,
    NodeOutput,
    NodeQueued,
    NodeStarted,
    RunFinished,
    RunStarted,
)
from trioexec.model.nodes import Node
from trioexec.model.outcomes import (
    Cancelled,
    Denied,
    Exited,
    HostKeyRejected,
    Killed,
    Outcome,
    SudoDenied,
    TimedOut,
    Unreachable,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
SECONDS = st.floats(min_value=0, max_value=1e9)
STOPS = st.sampled_from(
    ["interrupt", "terminate", "hangup", "fail-fast", "deadline", "output closed", "caller"]
)
REMOTES = st.sampled_from(["never started", "ended", "not confirmed"])
OUTCOMES: st.SearchStrategy[Outcome] = st.one_of(
    st.builds(Exited, code=st.integers(0, 255)),
    st.builds(Killed, signal=st.integers(1, 64)),
    st.builds(
        TimedOut,
        phase=st.sampled_from(["connect", "auth", "command", "idle", "deadline"]),
        remote=REMOTES,
    ),
    st.builds(Unreachable, reason=TEXT, remote=REMOTES),
    st.builds(Denied, reason=TEXT),
    st.builds(SudoDenied, reason=TEXT),
    st.builds(HostKeyRejected, reason=TEXT),
    st.builds(Cancelled, why=STOPS, started=st.booleans(), remote=REMOTES),
)
NODES = st.builds(
    Node,
    name=TEXT,
    host=TEXT,
    port=st.none() | st.integers(1, 65535),
    user=st.none() | TEXT,
    rank=st.integers(0, 10**6),
)
EVENTS: st.SearchStrategy[Event] = st.one_of(
    st.builds(
        RunStarted,
        at_s=SECONDS,
        command=TEXT,
        nodes=st.lists(NODES, max_size=3).map(tuple),
        unix_s=SECONDS,
    ),
    st.builds(NodeQueued, node=TEXT, at_s=SECONDS),
    st.builds(NodeConnecting, node=TEXT, at_s=SECONDS),
    st.builds(NodeStarted, node=TEXT, at_s=SECONDS),
    st.builds(
        NodeOutput,
        node=TEXT,
        at_s=SECONDS,
        stream=st.sampled_from(["stdout", "stderr"]),
        data=st.binary(min_size=1) | TEXT.map(str.encode),
    ),
    st.builds(NodeFinished, node=TEXT, at_s=SECONDS, outcome=OUTCOMES),
    st.builds(RunFinished, at_s=SECONDS, exit_code=st.integers(0, 255), stopped=st.none() | STOPS),
)


def test_there_is_no_event_and_no_outcome_without_a_name() -> None:
    assert set(EVENT_TYPES.values()) == set(get_args(Event))
    assert set(OUTCOME_TYPES.values()) == set(get_args(Outcome))


@given(EVENTS)
def test_what_is_written_is_one_line_and_reads_back_the_same(event: Event) -> None:
    line = to_json(event)

    assert b"\n" not in line
    assert from_json(line) == event
    assert json.loads(line)["v"] == 1


def test_names_of_fields_are_those_that_were_promised() -> None:
    texts = [
        to_json(event).decode()
        for event in (
            NodeOutput(node="a", at_s=1.5, stream="stdout", data="ü\n".encode()),
            NodeOutput(node="a", at_s=1.5, stream="stderr", data=b"\xff"),
            NodeFinished(node="a", at_s=2.0, outcome=Killed(signal=9)),
        )
    ]

    assert texts == [
        '{"v":1,"event":"node_output","node":"a","at_s":1.5,"stream":"stdout","text":"ü\\n"}',
        '{"v":1,"event":"node_output","node":"a","at_s":1.5,"stream":"stderr","base64":"/w=="}',
        (
            '{"v":1,"event":"node_finished","node":"a","at_s":2.0,"outcome":'
            '{"kind":"killed","signal":9,"ok":false,"exit_code":137,"text":"killed by SIGKILL"}}'
        ),
    ]


def test_fields_of_a_later_version_of_us_are_ignored() -> None:
    line = b'{"v":1,"event":"node_queued","node":"a","at_s":0,"colour":"red"}'

    assert from_json(line) == NodeQueued(node="a", at_s=0.0)


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"v":2,"event":"node_queued","node":"a","at_s":0}', id="another version"),
        pytest.param(b'{"v":1,"event":"party"}', id="unknown event"),
        pytest.param(b'{"v":1,"event":["x"]}', id="event is no name"),
        pytest.param(b'{"v":1,"event":"node_queued","node":1,"at_s":0}', id="wrong type"),
        pytest.param(
            b'{"v":1,"event":"node_output","node":"a","at_s":0,"stream":"stdout"}', id="no data"
        ),
        pytest.param(
            b'{"v":1,"event":"node_output","node":"a","at_s":0,"stream":"stdout","base64":"?"}',
            id="no base64",
        ),
        pytest.param(
            b'{"v":1,"event":"node_finished","node":"a","at_s":0,"outcome":{"kind":"lost"}}',
            id="unknown outcome",
        ),
        pytest.param(
            b'{"v":1,"event":"node_finished","node":2,"at_s":0,"outcome":{"kind":"exited","code":0}}',
            id="wrong type beside an outcome",
        ),
    ],
)
def test_what_is_no_event_is_refused(line: bytes) -> None:
    with pytest.raises(CodecError):
        from_json(line)
