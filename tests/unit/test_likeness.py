from __future__ import annotations

import pytest

from trioexec.model.likeness import fold_alike, in_common

ONE = "the key of web1 is new: ssh-ed25519 SHA256:abc, f:3 has none; look"


@pytest.mark.parametrize(
    ("one", "other", "both"),
    [
        pytest.param(ONE, ONE, ONE, id="the same"),
        pytest.param(
            ONE,
            "the key of web2 is new: ssh-rsa SHA256:xyz, f:4 has none; look",
            "the key of ... is new: ... ..., ... has none; look",
            id="names and fingerprints differ",
        ),
        pytest.param(
            "the key of ... is new: ssh-rsa ..., f:4 has none; look",
            ONE,
            "the key of ... is new: ... ..., ... has none; look",
            id="a line that is common already",
        ),
        pytest.param("a b c", "a b", None, id="another length"),
        pytest.param("a b c d", "a x y z", None, id="hardly a word in common"),
    ],
)
def test_what_two_lines_have_in_common(one: str, other: str, both: str | None) -> None:
    assert in_common(one, other) == both


def refused(*names: str) -> dict[str, list[str]]:
    return {f"host key rejected: the key of {name} is not known": [name] for name in names}


def test_two_host_keys_are_one_line_and_two_of_another_kind_are_not() -> None:
    lost = {f"unreachable: the way to {name} is closed": [name] for name in "cd"}

    assert fold_alike(refused("a", "b") | lost) == {
        "host key rejected: the key of ... is not known": ["a", "b"],
        **lost,
    }


def test_of_many_reasons_that_are_not_all_alike_none_loses_the_word_that_matters() -> None:
    reasons = ["connection lost", "connection refused", "no route", "no name", "it is down"]
    ways = {f"unreachable: {reason}": [reason] for reason in reasons}

    assert list(fold_alike(ways)) == [
        "unreachable: connection lost",
        "unreachable: connection refused",
        "unreachable: no route",
        "unreachable, in 2 other ways",
    ]


def test_host_keys_that_are_refused_in_many_ways_are_counted_too() -> None:
    ways = {f"host key rejected: {' '.join('x' * n)}": [n] for n in range(1, 7)}

    assert list(fold_alike(refused("a", "b") | ways))[-1] == "host key rejected, in 4 other ways"
