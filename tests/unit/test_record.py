from __future__ import annotations

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.recorded import EVERY_WAY, events_of, record_of
from trioexec.model.events import NodeOutput, RunStarted
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Exited, TimedOut
from trioexec.model.record import Recorder, plain_text, verdict_of

WANTED = {
    "web1": "ok",
    "web2": "ok",
    "web3": "failed",
    "web4": "failed",
    "slow": "failed",
    "gone": "error",
    "shut": "error",
    "fake": "error",
    "half": "error",
    "late": "skipped",
}


def test_every_outcome_is_in_one_drawer() -> None:
    assert {name: verdict_of(outcome) for name, (outcome, _) in EVERY_WAY.items()} == WANTED


def test_a_node_that_timed_out_connecting_is_an_error() -> None:
    assert verdict_of(TimedOut(phase="connect")) == "error"


def test_a_record_holds_what_each_node_said_and_how_long_it_took() -> None:
    record = record_of(events_of(EVERY_WAY))

    nodes = {node.node.name: node for node in record.nodes}
    assert (nodes["web3"].stdout, nodes["web3"].stderr) == ("half\n", "it broke\nbadly\n")
    assert nodes["web3"].busy_s == pytest.approx(3)
    assert nodes["late"].busy_s == 0
    assert [record.count(v) for v in ("ok", "failed", "error", "skipped")] == [2, 3, 4, 1]
    assert (record.exit_code, record.stopped) == (130, "interrupt")


def test_equal_nodes_fold_and_what_failed_comes_first() -> None:
    groups = record_of(events_of(EVERY_WAY)).groups()

    assert [group.verdict for group in groups] == ["failed"] * 3 + ["error"] * 4 + ["skipped", "ok"]
    assert [node.name for node in groups[-1].nodes] == ["web1", "web2"]


@given(st.lists(st.binary(min_size=1, max_size=400), max_size=30))
def test_kept_output_is_bounded_and_says_what_is_missing(chunks: list[bytes]) -> None:
    chunks = [bytes(65 + byte % 26 for byte in chunk) for chunk in chunks]
    nodes = {"n": (Exited(code=0), [("stdout", chunk) for chunk in chunks])}
    whole = b"".join(chunks).decode()

    text = record_of(events_of(nodes), node_bytes=1000).nodes[0].stdout  # type: ignore[arg-type]

    if len(whole) <= 1000:
        assert text == whole
    else:
        head, _, rest = text.partition("\n[... ")
        missing, _, tail = rest.partition(" bytes left out here ...]\n")
        assert (head, tail) == (whole[:500], whole[-500:])
        assert int(missing.replace(",", "")) == len(whole) - 1000


def test_what_comes_byte_by_byte_takes_no_more_memory_than_it_has() -> None:
    recorder = Recorder(node_bytes=64 * 1024)
    node = Node(name="a", host="a")
    recorder.handle(RunStarted(at_s=0.0, command="x", nodes=(node,), unix_s=0.0))

    tracemalloc.start()
    try:
        for at in range(200_000):
            data = bytes((65 + at % 26, 10))  # no object that is there anyway
            recorder.handle(NodeOutput(node="a", at_s=0.0, stream="stdout", data=data))
        kept_bytes, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert kept_bytes < 4 * 64 * 1024


def test_many_nodes_share_the_room() -> None:
    big = {f"n{i}": (Exited(code=0), [("stdout", b"x" * 100_000)]) for i in range(100)}

    record = record_of(events_of(big), total_bytes=1_000_000)  # type: ignore[arg-type]

    assert sum(len(node.stdout) for node in record.nodes) < 600_000


def test_a_record_of_nothing_is_empty() -> None:
    record = Recorder().record()

    assert (len(record.nodes), record.exit_code) == (0, 0)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        pytest.param(b"\x1b[1;31mred\x1b[0m", "red", id="colours go"),
        pytest.param(b"\x1b]0;title\x07", "\\x1b]0;title\\x07", id="other sequences show"),
        pytest.param(b"a\r\nb\tc", "a\nb\tc", id="lines and tabs stay"),
        pytest.param(b"\xff\x00", "\\xff\\x00", id="no UTF-8"),
        pytest.param("\u202eevil \ufffe".encode(), "\\u202eevil \\ufffe", id="overrides"),
        pytest.param("żółw \U0001f422".encode(), "żółw \U0001f422", id="text"),
    ],
)
def test_plain_text_is_fit_for_a_document(data: bytes, text: str) -> None:
    assert plain_text(data) == text
