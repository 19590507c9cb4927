"""What the texts of options mean: seconds, ranges, pairs, and words in any case."""

from __future__ import annotations

import contextlib
import math
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioexec.cli.texts import Reader, choice, listed, number, pair, seconds, span, text

PARALLEL = number(0, 100_000, zero="no limit")
PORT = number(1, 65_535)
YesNo = Literal["yes", "no"]


@pytest.mark.parametrize(
    ("reader", "given_text", "value"),
    [
        pytest.param(text, " a ", " a ", id="text is kept as it is"),
        pytest.param(listed, " a b ,c , d", "a b,c,d", id="blanks round commas and the whole"),
        pytest.param(pair, "A=b=c", ("A", "b=c"), id="cut at the first equals sign"),
        pytest.param(pair, "A=", ("A", ""), id="an empty value is a value"),
        pytest.param(PARALLEL, "0", 0, id="the lowest"),
        pytest.param(PARALLEL, "100000", 100_000, id="the highest"),
        pytest.param(PARALLEL, " 7 ", 7, id="blanks round a number"),
        pytest.param(seconds, "30", 30.0, id="seconds"),
        pytest.param(seconds, "1.5", 1.5, id="a part of a second"),
        pytest.param(seconds, ".5", 0.5, id="a part without a whole"),
        pytest.param(seconds, "2m", 120.0, id="minutes"),
        pytest.param(seconds, "1H", 3600.0, id="hours"),
        pytest.param(seconds, "250ms", 0.25, id="milliseconds"),
        pytest.param(seconds, "30d", 30 * 86400.0, id="the longest"),
        pytest.param(seconds, "0", math.inf, id="zero is no limit"),
        pytest.param(span, "10m", 600.0, id="a length"),
        pytest.param(span, "0", 0.0, id="no length"),
    ],
)
def test_a_text_becomes_its_value(reader: Reader, given_text: str, value: object) -> None:
    assert reader(given_text, str) == value


@pytest.mark.parametrize("hint", [YesNo, YesNo | None])
def test_a_choice_is_taken_in_any_case(hint: Any) -> None:
    assert choice("NO", hint) == "no"


@pytest.mark.parametrize(
    ("reader", "given_text", "says"),
    [
        pytest.param(text, "", "it is empty", id="empty text"),
        pytest.param(pair, "A", "'A' is not K=V", id="no equals sign"),
        pytest.param(pair, "=b", "'=b' is not K=V", id="no name"),
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
        pytest.param(seconds, "-1", "'-1' is not a number of seconds", id="negative time"),
        pytest.param(seconds, "inf", "is not a number of seconds", id="inf"),
        pytest.param(seconds, "nan", "is not a number of seconds", id="nan"),
        pytest.param(seconds, "1e9", "is not a number of seconds", id="exponent"),
        pytest.param(seconds, "2x", "is not a number of seconds", id="unknown unit"),
        pytest.param(seconds, "m", "is not a number of seconds", id="a unit alone"),
        pytest.param(seconds, "1.2.3", "is not a number of seconds", id="two points"),
        pytest.param(seconds, "31d", "'31d' is out of range", id="too long"),
    ],
)
def test_nonsense_is_refused_with_what_would_do(reader: Reader, given_text: str, says: str) -> None:
    with pytest.raises(ValueError) as caught:
        reader(given_text, str)

    assert says in str(caught.value)


def test_no_such_choice_is_refused_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="it takes yes, no"):
        choice("si", YesNo)


@given(st.text())
def test_no_text_makes_a_reader_fail_in_another_way(odd: str) -> None:
    for reader in (text, PARALLEL, PORT, seconds, pair, choice):
        with contextlib.suppress(ValueError):
            reader(odd, YesNo)
