"""What is said of a name that is not there."""

from __future__ import annotations

import pytest

from trioexec.model.hints import did_you_mean, there_are


@pytest.mark.parametrize(
    ("typed", "known", "near"),
    [
        pytest.param("parallle", ["parallel"], "parallel", id="letters that changed places"),
        pytest.param("wbe", ["web"], "web", id="in a short name as well"),
        pytest.param("r9", ["r1", "web"], "r1", id="one of two letters"),
        pytest.param(
            "timeotu", ["tmeout", "timeout"], "timeout or tmeout", id="the likeliest first"
        ),
        pytest.param("out", ["output-dir"], "output-dir", id="a beginning"),
        pytest.param("username", ["user"], "user", id="with more behind it"),
        pytest.param("web", ["web1", "web2", "web3", "web4"], "web4 or web3 or web2", id="three"),
    ],
)
def test_a_name_that_is_near_is_asked_for(typed: str, known: list[str], near: str) -> None:
    assert did_you_mean(typed, known) == f"Did you mean {near}?"


@pytest.mark.parametrize(
    ("typed", "known"),
    [
        pytest.param("no-such", ["no-batch"], id="a common beginning alone"),
        pytest.param("no-color", ["no-record"], id="few letters in common"),
        pytest.param("abc", ["xbz"], id="two of three letters wrong"),
        pytest.param("a", ["b"], id="another letter"),
        pytest.param("u", ["tui"], id="one letter of some"),
        pytest.param("no", ["no-batch"], id="too short for a beginning"),
        pytest.param("", ["a"], id="nothing typed"),
        pytest.param("a", [], id="nothing there"),
    ],
)
def test_nothing_is_asked_for_that_is_not_near(typed: str, known: list[str]) -> None:
    assert not did_you_mean(typed, known)


def test_what_there_is_is_listed_up_to_a_line() -> None:
    assert there_are(["b", "a", "a"], prefix="@") == "There are @a, @b."
    assert there_are("abcdefghi").endswith(" g, h, and more.")
    assert not there_are([])
