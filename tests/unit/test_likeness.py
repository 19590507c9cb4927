from __future__ import annotations

import pytest

from trioexec.model.likeness import in_common

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
