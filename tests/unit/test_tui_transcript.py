from __future__ import annotations

from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioexec.model.events import Stream
from trioexec.sinks.spool import Spool
from trioexec.sinks.tui.transcript import BLOCK_BYTES, LINE_BYTES, Transcript


def fail(exc: OSError) -> None:
    raise exc


def transcript(
    *pieces: tuple[Stream, bytes], end: bool = True, memory_bytes: int = 0
) -> Transcript:
    said = Transcript(Spool(memory_bytes=memory_bytes, on_error=fail))
    for stream, data in pieces:
        said.append(stream, data)
    if end:
        said.end()
    return said


def texts(said: Transcript) -> list[str]:
    return [line.text for line in said.read(0, len(said))]


def found(steps: Iterable[int | None]) -> int | None:
    return next((number for number in steps if number is not None), None)


def test_lines_stand_in_the_order_in_which_they_came() -> None:
    said = transcript(("stdout", b"one\ntw"), ("stderr", b"oh\n"), ("stdout", b"o\nthree"))

    assert [(line.stream, line.text) for line in said.read(0, 9)] == [
        ("stdout", "one"),
        ("stderr", "oh"),
        ("stdout", "two"),
        ("stdout", "three"),
    ]


def test_a_line_that_has_not_ended_is_there_already_and_counted() -> None:
    said = transcript(("stdout", b"ready\npassw"), ("stderr", b"x"), end=False)

    assert texts(said) == ["ready", "passw", "x"]
    assert [line.text for line in said.read(1, 1)] == ["passw"]
    said.append("stdout", b"ord\n")
    assert texts(said) == ["ready", "password", "x"]


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["stdout", "stderr"]),
            st.binary(max_size=60) | st.sampled_from([b"x" * 9000, b"y\n" * 9000, b"\n"]),
        ),
        max_size=12,
    )
)
def test_every_byte_is_kept_however_it_is_cut(pieces: list[tuple[Stream, bytes]]) -> None:
    said = transcript(*pieces)

    for stream in ("stdout", "stderr"):
        sent = b"".join(data for of, data in pieces if of == stream)
        kept = b""
        for line in said.read(0, len(said)):
            if line.stream == stream:
                kept += (b"" if line.goes_on else b"\n") + line.data
        assert kept[1:] == sent.removesuffix(b"\n")


def test_any_line_of_much_output_can_be_read_without_the_others() -> None:
    count = 20_000
    said = transcript(("stdout", b"".join(b"line %d\n" % i for i in range(count))))

    assert len(said) == count
    assert [line.text for line in said.read(12_345, 2)] == ["line 12345", "line 12346"]
    assert [line.text for line in said.read(count - 1, 5)] == [f"line {count - 1}"]
    assert said.read(count, 5) == []


def test_memory_does_not_grow_with_the_output() -> None:
    spool = Spool(memory_bytes=0, on_error=fail)
    said = Transcript(spool)
    for _ in range(200):
        said.append("stdout", b"some output\n" * 1000)

    held = sum(len(place) for place, _ in said._blocks if isinstance(place, bytes))
    assert held == 0
    assert len(said._hot) < BLOCK_BYTES
    assert said.size_bytes == 200 * 12_000


def test_a_line_without_end_is_kept_in_pieces_that_say_so() -> None:
    said = transcript(("stdout", b"a" * (2 * LINE_BYTES + 5) + b"\nnext\n"))

    lines = said.read(0, 9)
    assert [line.goes_on for line in lines] == [False, True, True, False]
    assert [len(line.data) for line in lines] == [LINE_BYTES, LINE_BYTES, 5, 4]


def test_a_character_is_not_cut_in_half() -> None:
    said = transcript(("stdout", b"x" + "ä".encode() * LINE_BYTES))

    assert "\\x" not in "".join(texts(said))


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        pytest.param(b"\x1b[2Jgone\n", "\\x1b[2Jgone", id="escape sequence"),
        pytest.param(b"\xff\xfe\n", "\\xff\\xfe", id="no UTF-8"),
        pytest.param(b"dos\r\n", "dos", id="carriage return at the end"),
        pytest.param("grün\n".encode(), "grün", id="UTF-8"),
    ],
)
def test_text_cannot_drive_a_terminal(data: bytes, shown: str) -> None:
    assert texts(transcript(("stdout", data))) == [shown]


def test_answers_are_equal_however_their_streams_were_interleaved() -> None:
    one = transcript(("stdout", b"a\nb\n"), ("stderr", b"c\n"))
    other = transcript(("stderr", b"c"), ("stdout", b"a\n"), ("stderr", b"\n"), ("stdout", b"b\n"))

    assert one.digest == other.digest
    assert one.digest != transcript(("stdout", b"a\nb\nc\n")).digest


def test_the_last_line_is_the_last_that_says_something() -> None:
    assert transcript(("stdout", b"one\ntwo\n\n  \n")).last == b"two"
    assert transcript(("stdout", b"one\npart"), end=False).last == b"part"
    assert transcript(("stdout", b"one\n"), ("stdout", b"\n")).last == b"one"


def test_a_search_finds_in_both_directions_and_any_case() -> None:
    data = b"".join(b"line %d\n" % i for i in range(9000))
    said = transcript(("stdout", data + b"Straw\n" + data))

    assert found(said.search("sTRAW", 0)) == 9000
    assert found(said.search("straw", 18_000, backwards=True)) == 9000
    assert found(said.search("straw", 9001)) is None
    assert found(said.search("line 7", 3, backwards=True)) is None


@pytest.mark.parametrize(
    ("data", "needle"),
    [
        pytest.param(b"plain Straw here\n", "straw", id="plain"),
        pytest.param("Stroh für Öfen\n".encode(), "öfen", id="beyond ascii"),
        pytest.param(b"x\x1b[2Jy\n", "\\x1B[2j", id="as it is shown"),
        pytest.param(b"\xff straw\n", "straw", id="beside what is no text"),
    ],
)
def test_a_search_finds_what_is_shown_among_much_else(data: bytes, needle: str) -> None:
    hay = b"hay\n" * 20_000
    said = transcript(("stdout", hay + data + hay))

    assert found(said.search(needle, 0)) == 20_000
    assert found(said.search(needle, 40_000, backwards=True)) == 20_000


def test_a_search_lets_others_work_between_blocks() -> None:
    said = transcript(("stdout", b"nothing here\n" * 20_000))

    assert len(list(said.search("straw", 0))) >= 20_000 * 13 // (2 * BLOCK_BYTES)


def test_a_search_finds_what_has_not_ended_yet() -> None:
    said = transcript(("stdout", b"one\ntwo"), end=False)

    assert found(said.search("two", 0)) == 1
