from __future__ import annotations

import gzip
import math
from collections.abc import Callable

import pytest
from msgspec.structs import replace

from tests.unit.recorded import EVERY_WAY, UNIX_S, events_of
from trioexec.model.events import Event, NodeConnecting, NodeFinished, NodeOutput, RunFinished
from trioexec.model.journal import (
    TAIL_BYTES,
    DamagedError,
    Encoder,
    Header,
    completed,
    decode,
    peek_header,
    peek_summary,
)
from trioexec.model.outcomes import Cancelled, Exited
from trioexec.model.record import Recorder

HEADER = Header(
    id="k7f3", unix_s=UNIX_S, command="true", nodes=10, words=("true",), options={"timeout": 5.0}
)


def written(events: list[Event], header: Header = HEADER, **limits: int) -> bytes:
    encoder = Encoder(header, **limits)
    return b"".join(encoder.encode(event) for event in events)


def test_what_is_written_is_read_again() -> None:
    events = events_of(EVERY_WAY)

    recorded = decode([written(events)])

    assert recorded.header == HEADER
    assert list(recorded.events) == events
    assert (recorded.complete, recorded.dropped) == (True, {})


def test_it_is_read_in_pieces_of_any_size() -> None:
    events = events_of(EVERY_WAY)
    data = written(events)

    recorded = decode([data[at : at + 7] for at in range(0, len(data), 7)])

    assert list(recorded.events) == events


def test_any_gzip_reads_it() -> None:
    lines = gzip.decompress(written(events_of(EVERY_WAY))).splitlines()

    assert lines[0].startswith(b'{"v": 1, "journal": "trioexec", "id": "k7f3"')
    assert lines[-1].startswith(b'{"summary": {"nodes": 10, "ok": 2, ')


def test_no_limit_is_json_as_others_read_it() -> None:
    header = replace(HEADER, options={"timeout": math.inf, "parallel": 3})
    data = written(events_of(EVERY_WAY), header)

    assert b'"options": {"timeout": null, "parallel": 3}' in gzip.decompress(data)
    assert peek_header(data) == header


def test_the_ends_tell_without_the_middle() -> None:
    big = {"a": (Exited(code=0), [("stdout", bytes(range(256)) * 400)] * 8)}
    data = written(events_of(big, exit_code=0))  # type: ignore[arg-type]

    summary = peek_summary(data[-TAIL_BYTES:])

    assert peek_header(data[:1000]) == HEADER
    assert summary is not None
    assert (summary.nodes, summary.ok, summary.exit_code, summary.stopped) == (1, 1, 0, None)


@pytest.mark.parametrize("share", [0.3, 0.5, 0.8, 0.99])
def test_a_record_cut_off_anywhere_gives_what_was_before(share: float) -> None:
    events = events_of(EVERY_WAY)
    data = written(events)

    recorded = decode([data[: int(len(data) * share)]])

    assert list(recorded.events) == events[: len(recorded.events)]
    assert not recorded.complete or share > 0.9


def test_a_record_cut_off_is_given_an_end() -> None:
    events = events_of(EVERY_WAY)
    running = [event for event in events if not isinstance(event, NodeFinished | RunFinished)]

    encoder = Encoder(HEADER)
    data = b"".join(encoder.encode(event) for event in running) + encoder.flush()

    done = completed(decode([data]))

    ends = {event.node: event.outcome for event in done if isinstance(event, NodeFinished)}
    assert set(ends) == set(EVERY_WAY)
    assert ends["web1"] == Cancelled(why="caller", started=True, remote="not confirmed")
    assert ends["late"] == Cancelled(why="caller", started=False)
    assert isinstance(done[-1], RunFinished)


def test_a_node_that_may_have_begun_is_never_said_not_to_have_started() -> None:
    encoder = Encoder(HEADER)
    begun = [event for event in events_of(EVERY_WAY) if not isinstance(event, NodeFinished)]
    at = next(i for i, event in enumerate(begun) if isinstance(event, NodeConnecting)) + 1

    # What was taken and not given back is lost with us.
    recorded = decode([b"".join(encoder.encode(event) for event in begun[:at])])

    ends = {e.node: e.outcome for e in completed(recorded) if isinstance(e, NodeFinished)}
    node = begun[at - 1].node  # type: ignore[union-attr]
    assert ends.pop(node) == Cancelled(why="caller", started=True, remote="not confirmed")
    assert set(ends.values()) == {Cancelled(why="caller", started=False)}


def test_what_was_flushed_can_be_read_and_nothing_is_flushed_twice() -> None:
    encoder = Encoder(HEADER)
    *events, _ = events_of(EVERY_WAY)
    data = b"".join(map(encoder.encode, events))

    flushed = encoder.flush()

    assert list(decode([data + flushed]).events) == events
    assert encoder.flush() == b""


def test_a_whole_record_is_given_nothing() -> None:
    events = events_of(EVERY_WAY)

    assert completed(decode([written(events)])) == events


def test_one_node_that_babbles_leaves_room_for_the_others() -> None:
    nodes = {
        "loud": (Exited(code=0), [("stdout", b"x" * 1000)] * 100),
        "calm": (Exited(code=0), [("stdout", b"y" * 1000)]),
    }

    recorded = decode([written(events_of(nodes), run_bytes=20_000, node_bytes=10_000)])  # type: ignore[arg-type]

    kept = dict.fromkeys(nodes, 0)
    for event in recorded.events:
        if isinstance(event, NodeOutput):
            kept[event.node] += len(event.data)
    assert kept["calm"] == 1000
    assert 8_000 < kept["loud"] <= 10_000
    assert recorded.dropped == {"loud": 100_000 - kept["loud"]}


def test_all_nodes_together_are_bounded_too() -> None:
    nodes = {f"n{i}": (Exited(code=0), [("stdout", b"x" * 1000)]) for i in range(100)}

    recorded = decode([written(events_of(nodes), run_bytes=20_000)])  # type: ignore[arg-type]

    kept = sum(len(e.data) for e in recorded.events if isinstance(e, NodeOutput))
    assert kept <= 20_000
    assert kept + sum(recorded.dropped.values()) == 100_000


def test_without_output_there_is_none_and_it_is_counted() -> None:
    header = Header(id="k7f3", unix_s=0, command="true", nodes=10, keeps_output=False)

    recorded = decode([written(events_of(EVERY_WAY), header)])

    assert not any(isinstance(event, NodeOutput) for event in recorded.events)
    assert recorded.dropped["web3"] == 20
    assert recorded.header.keeps_output is False


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"not gzip at all", id="no gzip"),
        pytest.param(gzip.compress(b'{"some": "json"}\n'), id="another's"),
        pytest.param(gzip.compress(b'{"v": 99, "journal": "trioexec"}\n'), id="a later version's"),
        pytest.param(gzip.compress(b'{"v": 1, "journal": "trioexec"}\n'), id="too little"),
    ],
)
def test_what_is_no_record_is_said_to_be_none(data: bytes) -> None:
    with pytest.raises(DamagedError):
        decode([data])
    with pytest.raises(DamagedError):
        peek_header(data)
    assert peek_summary(data) is None


def test_a_damaged_line_ends_what_is_read() -> None:
    whole = gzip.decompress(written(events_of(EVERY_WAY))).splitlines(keepends=True)
    whole[5] = b"{}\n"

    recorded = decode([gzip.compress(b"".join(whole))])

    assert len(recorded.events) == 4
    assert not recorded.complete


@pytest.mark.parametrize(
    "damage",
    [
        pytest.param(lambda lines: lines[:1] + lines[2:], id="no start"),
        pytest.param(lambda lines: lines[:2] + lines[1:], id="two starts"),
        pytest.param(
            lambda lines: [line for line in lines if b'"node_connecting"' not in line],
            id="a command without a connection",
        ),
        pytest.param(
            lambda lines: [
                line.replace(b"web2", b"web0") if b'"node_finished"' in line else line
                for line in lines
            ],
            id="a node of another run",
        ),
    ],
)
def test_events_that_are_not_of_one_run_end_what_is_read(
    damage: Callable[[list[bytes]], list[bytes]],
) -> None:
    events = events_of(EVERY_WAY)
    lines = gzip.decompress(written(events)).splitlines(keepends=True)
    recorder = Recorder()

    recorded = decode([gzip.compress(b"".join(damage(lines)))])
    for event in completed(recorded):
        recorder.handle(event)

    assert not recorded.complete
    assert list(recorded.events) == events[: len(recorded.events)]
    assert recorder.record().stopped == ("caller" if recorded.events else None)
