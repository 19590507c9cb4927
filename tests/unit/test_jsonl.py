from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sink_fakes import FakeConsole, err, finished, out, run_of
from trioexec.model.event_codec import from_json
from trioexec.model.events import Event, NodeOutput
from trioexec.sinks.jsonl import JsonSink


def written(console: FakeConsole) -> list[Event]:
    return [from_json(line) for line in console.stdout.written.splitlines()]


def test_every_event_is_one_line_and_nothing_else_is_on_stdout() -> None:
    console = FakeConsole()
    events = run_of(("a", [out("a", b"x\n"), err("a", b"\xff\xfe")], 0), ("b", [], 3))

    sink = JsonSink(console.as_console)
    for event in events:
        sink.handle(event)

    assert written(console) == events
    assert console.stderr.written == b""


def test_a_character_cut_in_two_stays_text() -> None:
    console = FakeConsole()
    sink = JsonSink(console.as_console)
    raw = "€".encode()

    for event in (out("a", b"1" + raw[:1]), out("a", raw[1:2]), out("b", b"x"), out("a", raw[2:])):
        sink.handle(event)

    assert b"base64" not in console.stdout.written
    assert [(e.node, e.data) for e in written(console) if isinstance(e, NodeOutput)] == [
        ("a", b"1"),
        ("b", b"x"),
        ("a", raw),
    ]


def test_half_a_character_at_a_nodes_end_is_not_lost() -> None:
    console = FakeConsole()
    sink = JsonSink(console.as_console)

    for event in (out("a", b"\xe2\x82"), err("b", b"\xc3"), finished("a"), finished("b")):
        sink.handle(event)

    said = [(e.node, e.data) for e in written(console) if isinstance(e, NodeOutput)]
    assert said == [("a", b"\xe2\x82"), ("b", b"\xc3")]


@given(
    st.binary(min_size=1) | st.text(min_size=1).map(lambda text: text.encode("utf-8", "replace")),
    st.data(),
)
def test_bytes_come_through_however_they_are_cut(data: bytes, draw: st.DataObject) -> None:
    console = FakeConsole()
    sink = JsonSink(console.as_console)
    cuts = sorted(draw.draw(st.sets(st.integers(1, max(1, len(data) - 1)))) | {0, len(data)})

    for start, end in pairwise(cuts):
        sink.handle(out("a", data[start:end]))
    sink.handle(finished("a"))

    assert b"".join(e.data for e in written(console) if isinstance(e, NodeOutput)) == data


async def test_serve_returns_at_once() -> None:
    await JsonSink(FakeConsole().as_console).serve()

    assert True
