from __future__ import annotations

import pytest

from trioexec.model.errors import UsageError
from trioexec.model.nodes import parse_node
from trioexec.sinks.masks import Mask, make_masker, parse_masks


@pytest.mark.parametrize(
    ("mask", "line", "masked"),
    [
        pytest.param("host", b"I am web1.example.com.", b"I am <host>.", id="full name"),
        pytest.param("host", b"Web1$ web1:", b"<host>$ <host>:", id="short name, any case"),
        pytest.param("host", b"root@web1.example.com:22 x", b"<host> x", id="name as typed"),
        pytest.param("host", b"web10 myweb1 web1-a", b"web10 myweb1 web1-a", id="others' names"),
        pytest.param("time", b"at 2026-01-02T03:04:05.678Z x", b"at <time> x", id="iso"),
        pytest.param("time", b"2026-01-02 03:04:05 +0100 x", b"<time> x", id="iso with blanks"),
        pytest.param("time", b"Mon Nov 23 19:13:21 UTC 2026", b"<time>", id="date(1)"),
        pytest.param("time", b"-rw 1 Nov  3 19:13 f", b"-rw 1 <time> f", id="ls(1)"),
        pytest.param("time", b"-rw 1 Nov  3  2024 f", b"-rw 1 <time>  2024 f", id="ls(1), old"),
        pytest.param("time", b" 19:13:21 up 3 days", b" <time> up 3 days", id="clock"),
        pytest.param("time", b"version 1.2.3", b"version 1.2.3", id="no time"),
        pytest.param("number", b"used   1,024.5 of -3 0xdeadBEEF", b"used <number> of <number> <number>", id="numbers"),
        pytest.param("number", b"x\n\ty", b"x\n y", id="blanks between lines stay lines"),
    ],
)  # fmt: skip
def test_a_mask_makes_equal_what_always_differs(mask: Mask, line: bytes, masked: bytes) -> None:
    masker = make_masker([mask], parse_node("root@web1.example.com:22"))

    assert masker(line) == masked


def test_a_host_that_is_an_address_masks_the_address_alone() -> None:
    masker = make_masker(["host"], parse_node("10.0.0.1"))

    assert masker(b"10.0.0.1 has 10 cores") == b"<host> has 10 cores"


def test_no_mask_changes_nothing() -> None:
    assert make_masker([], parse_node("a"))(b"a 1 12:00\n") == b"a 1 12:00\n"


def test_times_are_masked_before_numbers() -> None:
    masker = make_masker(["number", "time"], parse_node("a"))

    assert masker(b"12:00 12") == b"<time> <number>"


def test_masks_are_read_from_a_list() -> None:
    assert parse_masks("number,host") == ("host", "number")
    assert parse_masks("") == ()


def test_an_unknown_mask_is_a_usage_error_that_names_the_masks() -> None:
    with pytest.raises(UsageError, match=r"(?s)'hosts'.*host, time, number"):
        parse_masks("time,hosts")
