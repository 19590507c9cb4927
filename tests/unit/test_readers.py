from __future__ import annotations

import contextlib
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioexec.settings.readers import (
    Choice,
    Flag,
    Number,
    Pair,
    Reader,
    Seconds,
    Text,
    UnreadableError,
)

PARALLEL = Number(low=0, high=100_000, zero="no limit")
PORT = Number(low=1, high=65_535)


@pytest.mark.parametrize(
    ("reader", "text", "value"),
    [
        pytest.param(Flag(), "1", True, id="one is yes"),
        pytest.param(Flag(), "Yes", True, id="case does not matter"),
        pytest.param(Flag(), "off", False, id="off is no"),
        pytest.param(Text(metavar="X"), " a ", " a ", id="text is kept as it is"),
        pytest.param(Pair(), "A=b=c", ("A", "b=c"), id="cut at the first equals sign"),
        pytest.param(Pair(), "A=", ("A", ""), id="an empty value is a value"),
        pytest.param(PARALLEL, "0", 0, id="the lowest"),
        pytest.param(PARALLEL, "100000", 100_000, id="the highest"),
        pytest.param(PARALLEL, " 7 ", 7, id="blanks round a number"),
        pytest.param(Seconds(), "30", 30.0, id="seconds"),
        pytest.param(Seconds(), "1.5", 1.5, id="a part of a second"),
        pytest.param(Seconds(), ".5", 0.5, id="a part without a whole"),
        pytest.param(Seconds(), "2m", 120.0, id="minutes"),
        pytest.param(Seconds(), "1H", 3600.0, id="hours"),
        pytest.param(Seconds(), "250ms", 0.25, id="milliseconds"),
        pytest.param(Seconds(), "30d", 30 * 86400.0, id="the longest"),
        pytest.param(Seconds(), "0", math.inf, id="zero is no limit"),
        pytest.param(Choice(("yes", "no")), "NO", "no", id="a choice in any case"),
    ],
)
def test_a_text_becomes_its_value(reader: Reader, text: str, value: object) -> None:
    assert reader.read(text) == value


@pytest.mark.parametrize(
    ("reader", "text", "says"),
    [
        pytest.param(Flag(), "maybe", "'maybe' is neither yes nor no", id="flag"),
        pytest.param(Text(metavar="FILE"), "", "it takes FILE", id="empty text"),
        pytest.param(Pair(), "A", "'A' is not K=V", id="no equals sign"),
        pytest.param(Pair(), "=b", "'=b' is not K=V", id="no name"),
        pytest.param(
            PARALLEL, "x", "'x' is not a number; it takes 0 (no limit) to 100000", id="a word"
        ),
        pytest.param(PORT, "0", "0 is out of range; it takes 1 to 65535", id="too low"),
        pytest.param(PORT, "-1", "-1 is out of range", id="negative"),
        pytest.param(PORT, "65536", "65536 is out of range", id="too high"),
        pytest.param(PORT, "9" * 10_000, "is out of range", id="longer than int() takes"),
        pytest.param(PORT, "1e3", "'1e3' is not a number", id="no exponents"),
        pytest.param(PORT, "٣", "is not a number", id="no foreign digits"),
        pytest.param(PORT, "1_0", "is not a number", id="no underscores"),
        pytest.param(PORT, "", "'' is not a number", id="nothing"),
        pytest.param(Seconds(), "-1", "'-1' is not a number of seconds", id="negative time"),
        pytest.param(Seconds(), "inf", "is not a number of seconds", id="inf"),
        pytest.param(Seconds(), "nan", "is not a number of seconds", id="nan"),
        pytest.param(Seconds(), "1e9", "is not a number of seconds", id="exponent"),
        pytest.param(Seconds(), "2x", "is not a number of seconds", id="unknown unit"),
        pytest.param(Seconds(), "m", "is not a number of seconds", id="a unit alone"),
        pytest.param(Seconds(), "1.2.3", "is not a number of seconds", id="two points"),
        pytest.param(Seconds(), "31d", "'31d' is out of range", id="too long"),
        pytest.param(Choice(("yes", "no")), "si", "it takes yes, no", id="no such choice"),
    ],
)
def test_nonsense_is_refused_with_what_would_do(reader: Reader, text: str, says: str) -> None:
    with pytest.raises(UnreadableError) as caught:
        reader.read(text)

    assert says in str(caught.value)


@given(st.text())
def test_no_text_makes_a_reader_fail_in_another_way(text: str) -> None:
    readers: tuple[Reader, ...] = (Flag(), PARALLEL, PORT, Seconds(), Pair(), Choice(("a",)))
    for reader in readers:
        with contextlib.suppress(UnreadableError):
            reader.read(text)


def test_metavars_name_the_value() -> None:
    assert [reader.metavar for reader in (Flag(), PARALLEL, Seconds(), Choice(("a", "b")))] == [
        "",
        "N",
        "S",
        "a|b",
    ]
