from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.sink_fakes import FakeConsole, ended, err, finished, out, started
from trioexec.sinks.spool import BLOCK_BYTES
from trioexec.sinks.stream import StreamSink


def stream(console: FakeConsole, *, prefix: bool = True, color: bool = False) -> StreamSink:
    return StreamSink(console.as_console, prefix=prefix, color=color)


def test_each_line_gets_its_nodes_name_and_each_stream_its_own_place() -> None:
    console = FakeConsole()
    sink = stream(console)

    for event in (
        started("web1", "web2:2222"),
        out("web1", b"a\nb\n"),
        err("web2:2222", b"oops\n"),
        out("web2:2222", b"\n\nc\n"),
        finished("web1"),
        finished("web2:2222"),
        ended(),
    ):
        sink.handle(event)

    assert console.stdout.written == b"web1: a\nweb1: b\nweb2:2222: \nweb2:2222: \nweb2:2222: c\n"
    assert console.stderr.written == b"web2:2222: oops\n"


def test_a_line_in_pieces_is_one_line_and_not_mixed_with_others() -> None:
    console = FakeConsole()
    sink = stream(console)

    for piece in ("grüße".encode()[:3], "grüße".encode()[3:], b" x"):
        sink.handle(out("a", piece))
        sink.handle(out("b", b"whole\n"))
    sink.handle(out("a", b"\nnext"))

    assert console.stdout.written == b"b: whole\n" * 3 + "a: grüße x\n".encode()


def test_a_last_line_without_newline_is_completed_when_its_node_ends() -> None:
    console = FakeConsole()
    sink = stream(console)

    sink.handle(out("a", b"one\ntwo"))
    sink.handle(err("a", b"bad"))
    sink.handle(finished("a"))
    sink.handle(out("b", b"three\n"))
    sink.handle(finished("b"))
    sink.handle(finished("never heard of"))

    assert console.stdout.written == b"a: one\na: two\nb: three\n"
    assert console.stderr.written == b"a: bad\n"


def test_bytes_are_kept_as_they_are_where_there_is_no_terminal() -> None:
    console = FakeConsole()
    hostile = bytes(n for n in range(256) if n != 10) + b"\n"

    stream(console, prefix=False).handle(out("a", hostile))

    assert console.stdout.written == hostile


def test_control_characters_are_made_visible_on_a_terminal() -> None:
    console = FakeConsole(is_terminal=True)

    stream(console).handle(
        out("a", "tab\t\x1b]0;x\x07 ü \u009b2J\u202e\r\n".encode() + b"\x9b\xff\rweb2: forged\n")
    )

    assert console.stdout.written == (
        "a: tab\t\\x1b]0;x\\x07 ü \\u009b2J\\u202e\n".encode() + b"a: \\x9b\\xff\\x0dweb2: forged\n"
    )


@pytest.mark.parametrize("is_terminal", [False, True])
def test_a_line_far_too_long_for_memory_comes_whole(is_terminal: bool) -> None:  # noqa: FBT001
    console = FakeConsole(is_terminal=is_terminal)
    sink = stream(console)
    long = "ü".encode() * (BLOCK_BYTES * 2) + b"end"

    for start in range(0, len(long), 40_001):
        sink.handle(out("a", long[start : start + 40_001]))
        sink.handle(out("b", b"between\n"))
    count = console.stdout.written.count(b"\n")
    sink.handle(out("a", b"\nnext\n"))
    sink.handle(out("a", long))
    sink.handle(finished("a"))

    assert console.stdout.written == (
        b"b: between\n" * count + b"a: " + long + b"\na: next\na: " + long + b"\n"
    )


def test_without_prefix_lines_are_bare() -> None:
    console = FakeConsole()

    stream(console, prefix=False).handle(out("a", b"x\ny\nz"))

    assert console.stdout.written == b"x\ny\n"


def test_the_prefix_has_its_nodes_color_when_asked() -> None:
    console = FakeConsole()
    sink = StreamSink(console.as_console, prefix=True, color=True, color_stderr=False)

    for event in (started("a", "b"), out("a", b"1\n"), out("b", b"2\n"), err("b", b"3\n")):
        sink.handle(event)

    assert console.stdout.written == b"\x1b[36ma:\x1b[0m 1\n\x1b[33mb:\x1b[0m 2\n"
    assert console.stderr.written == b"b: 3\n"


@given(
    st.lists(st.binary(max_size=40), max_size=8),
    st.lists(st.binary(max_size=40), max_size=8),
    st.randoms(),
)
def test_each_nodes_lines_come_whole_and_complete_however_they_are_cut(
    lines_a: list[bytes], lines_b: list[bytes], rng: random.Random
) -> None:
    console = FakeConsole()
    sink = stream(console)
    said = {
        "a": b"".join(line.replace(b"\n", b"") + b"\n" for line in lines_a),
        "b": b"".join(line.replace(b"\n", b"") + b"\n" for line in lines_b),
    }
    left = dict(said)

    while any(left.values()):
        node = rng.choice([name for name in left if left[name]])
        size = rng.randint(1, len(left[node]))
        sink.handle(out(node, left[node][:size]))
        left[node] = left[node][size:]

    for node, text in said.items():
        mark = f"{node}: ".encode()
        own = [
            line[len(mark) :]
            for line in console.stdout.written.split(b"\n")
            if line.startswith(mark)
        ]
        assert b"".join(line + b"\n" for line in own) == text


async def test_serve_returns_at_once() -> None:
    await stream(FakeConsole()).serve()

    assert True
