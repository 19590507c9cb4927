from __future__ import annotations

import unicodedata
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioexec.sinks.visible import visible, visible_line, visible_parts


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        pytest.param(b"plain\ttext\n", b"plain\ttext\n", id="tab and newline stay"),
        pytest.param("grüße 漢字 👍\n".encode(), "grüße 漢字 👍\n".encode(), id="utf-8 stays"),
        pytest.param(b"\x1b[31mred\x1b[0m\n", b"\\x1b[31mred\\x1b[0m\n", id="escape"),
        pytest.param(b"\x00\x07\x08\x7f\n", b"\\x00\\x07\\x08\\x7f\n", id="nul, bell, ..."),
        pytest.param(b"a\r\nb\rc\n", b"a\nb\\x0dc\n", id="carriage return"),
        pytest.param("\u009b2J\n".encode(), b"\\u009b2J\n", id="c1 as utf-8"),
        pytest.param(b"\x9b2J\xff\n", b"\\x9b2J\\xff\n", id="c1 and others as bytes"),
        pytest.param("a\u202eb\u2066\n".encode(), b"a\\u202eb\\u2066\n", id="right to left"),
    ],
)
def test_what_could_drive_a_terminal_is_made_visible(raw: bytes, shown: bytes) -> None:
    assert visible(raw) == shown


@given(st.binary() | st.text().map(lambda text: text.encode("utf-8", "replace")), st.data())
def test_nothing_that_comes_out_drives_a_terminal_however_it_is_cut(
    raw: bytes, data: st.DataObject
) -> None:
    cuts = sorted(data.draw(st.sets(st.integers(0, len(raw)))) | {0, len(raw)})

    shown = b"".join(visible_parts(raw[start:end] for start, end in pairwise(cuts)))

    assert shown == visible(raw)
    for character in shown.decode():
        assert character in "\t\n" or unicodedata.category(character) != "Cc"


def test_a_line_stays_one() -> None:
    assert visible_line("a\nb\rc\u2028d") == b"a\\nb\\rc\\u2028d"
