from __future__ import annotations

import pickle

import pytest

from trioexec.model.command import Command
from trioexec.model.secret import Secret


def test_a_secret_shows_itself_nowhere() -> None:
    secret = Secret("hunter2")
    command = Command(text="true", sudo_password=secret)

    shown = f"{secret} {secret!r} {command!r} {[secret]}"

    assert "hunter2" not in shown
    assert secret.reveal() == "hunter2"


def test_a_secret_does_not_pickle() -> None:
    with pytest.raises(TypeError, match="does not travel"):
        pickle.dumps(Secret("hunter2"))


def test_equal_secrets_are_equal() -> None:
    assert Secret("a") == Secret("a")
    assert len({Secret("a"), Secret("a"), Secret("b")}) == 2
