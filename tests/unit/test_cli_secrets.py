from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from trioexec.cli.secrets import (
    KEY_PASSPHRASE,
    hide_variables,
    passphrase_asker,
    read_line,
    secret_for,
)
from trioexec.model.errors import UsageError
from trioexec.model.secret import Secret


@contextmanager
def pipe_with(data: bytes) -> Iterator[int]:
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    yield reading
    os.close(reading)


def typed(prompt: str) -> Secret:
    return Secret("typed")


def nobody(prompt: str) -> None:
    return None


def test_two_secrets_can_come_from_one_descriptor_a_line_each() -> None:
    with pipe_with(b"first\r\nsecond\nrest") as reading:
        secrets = [read_line(reading, "--x-fd"), read_line(reading, "--x-fd")]
        rest = os.read(reading, 100)

    assert secrets == [Secret("first"), Secret("second")]
    assert rest == b"rest"


@pytest.mark.parametrize("variable", ["p\udcff", "two\nlines", "\n"])
def test_a_variable_that_is_no_line_of_text_is_refused_without_being_shown(variable: str) -> None:
    with pytest.raises(UsageError, match="no line of UTF-8") as caught:
        secret_for("--x", "", wanted=False, descriptor=None, variable=variable)

    assert "two" not in str(caught.value)


def test_the_newline_after_a_secret_is_not_part_of_it() -> None:
    secret = secret_for("--x", "", wanted=False, descriptor=None, variable="hush\r\n")

    assert secret == Secret("hush")


@pytest.mark.parametrize(
    ("data", "says"),
    [
        pytest.param(b"", "empty", id="nothing"),
        pytest.param(b"\n", "empty", id="an empty line"),
        pytest.param(b"x" * 5000, "too long", id="no end"),
        pytest.param(b"\xff\n", "not UTF-8", id="no text"),
    ],
)
def test_what_is_no_secret_is_refused_without_being_shown(data: bytes, says: str) -> None:
    with pipe_with(data) as reading, pytest.raises(UsageError, match=says) as caught:
        read_line(reading, "--x-fd")

    assert "xxx" not in str(caught.value)


def test_a_descriptor_that_is_not_open_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--password-fd 999999: bad file descriptor"):
        read_line(999_999, "--password-fd")


def test_a_descriptor_is_stronger_than_a_variable_and_that_than_the_terminal() -> None:
    def ask(*, descriptor: int | None, variable: str | None) -> Secret | None:
        return secret_for(
            "--x", "?", wanted=True, descriptor=descriptor, variable=variable, ask=typed
        )

    with pipe_with(b"piped\n") as reading:
        assert ask(descriptor=reading, variable="env") == Secret("piped")
    assert ask(descriptor=None, variable="env") == Secret("env")
    assert ask(descriptor=None, variable="") == Secret("typed")


def test_a_secret_that_nobody_wants_is_not_asked_for() -> None:
    assert secret_for("--x", "?", wanted=False, descriptor=None, variable=None, ask=typed) is None


def test_a_secret_that_is_wanted_and_nowhere_to_be_had_is_a_usage_error() -> None:
    with pytest.raises(UsageError, match="--x: there is no terminal"):
        secret_for("--x", "?", wanted=True, descriptor=None, variable=None, ask=nobody)


def test_a_given_passphrase_is_tried_once_a_key_before_anybody_is_asked() -> None:
    ask = passphrase_asker({KEY_PASSPHRASE: "given"}, None, ask=typed)

    answers = [ask("key a"), ask("key a"), ask("key b")]

    assert answers == [Secret("given"), Secret("typed"), Secret("given")]


def test_without_a_given_passphrase_people_are_asked() -> None:
    assert passphrase_asker({}, None, ask=typed)("key") == Secret("typed")


def test_secret_variables_are_not_left_for_processes_of_ours() -> None:
    env = {"TRIOEXEC_PASSWORD": "a", "TRIOEXEC_SUDO_PASSWORD": "b", KEY_PASSPHRASE: "c", "X": "1"}

    hide_variables(env)

    assert env == {"X": "1"}
