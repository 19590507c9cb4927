from __future__ import annotations

import pytest

from trioexec.model.secret import Secret
from trioexec.transports.ssh.sudo import SAID_BYTES, Sudo


def test_only_our_own_prompt_gets_the_password() -> None:
    sudo = Sudo(Secret("hunter2"))

    passed = sudo.feed(b"[sudo] password for root: Password:\n")

    assert sudo.answer is None
    assert passed == b"[sudo] password for root: Password:\n"


@pytest.mark.parametrize("size", [1, 2, 7, 100])
def test_the_prompt_is_found_in_whatever_pieces_it_comes(size: int) -> None:
    sudo = Sudo(Secret("hunter2"))
    text = b"lecture\n" + sudo.prompt.encode() + b"rest"

    passed = b"".join(sudo.feed(text[at : at + size]) for at in range(0, len(text), size))

    assert sudo.answer == b"hunter2\n"
    assert passed == b"lecture\nrest"
    assert not sudo.refused


def test_a_second_prompt_means_that_the_password_was_wrong() -> None:
    sudo = Sudo(Secret("hunter2"))

    sudo.feed(sudo.prompt.encode())
    sudo.answer = None
    sudo.feed(b"Sorry, try again.\n" + sudo.prompt.encode())

    assert sudo.refused
    assert sudo.answer is None
    assert sudo.reason == "wrong password"


def test_prompts_differ() -> None:
    assert Sudo(Secret("x")).prompt != Sudo(Secret("x")).prompt


@pytest.mark.parametrize(
    ("said", "reason"),
    [
        pytest.param([b"sudo: no such thing\n"], "no such thing", id="its last line"),
        pytest.param([b"a lecture\nsudo: no ", b"tty\n"], "no tty", id="its last line, in pieces"),
        pytest.param([], "sudo ended without running it", id="nothing"),
        pytest.param(
            [b"Sorry, you may not run '" + b"x" * 5000 + b"' as root on h.\n"],
            f"Sorry, you may not run '{'x' * 76} ... {'x' * 85}' as root on h.",
            id="with our wrapper in it",
        ),
    ],
)
def test_the_reason_is_sudos_own(said: list[bytes], reason: str) -> None:
    sudo = Sudo(Secret("x"))
    for piece in said:
        sudo.hear(piece)

    assert sudo.reason == reason


def test_who_writes_for_ever_in_sudos_place_fills_no_memory() -> None:
    sudo = Sudo(Secret("x"))

    for _ in range(100):
        sudo.hear(b"x" * SAID_BYTES)

    assert len(sudo._said) == SAID_BYTES


def test_a_question_in_other_words_is_seen_and_said() -> None:
    sudo = Sudo(Secret("x"))

    sudo.hear(sudo.feed(b"a lecture\n"))
    waits_after_a_line = sudo.asks_otherwise
    sudo.hear(sudo.feed(b"Second factor: "))

    assert not waits_after_a_line
    assert sudo.asks_otherwise
    sudo.stuck = True
    assert sudo.reason == "it asks 'Second factor:', which nobody is there to answer"


def test_a_sudo_that_does_not_ask_twice_says_it_in_another_way() -> None:
    sudo = Sudo(Secret("x"))

    sudo.feed(sudo.prompt.encode())
    sudo.hear(b"sudo: 1 incorrect password attempt\n")

    assert sudo.reason == "wrong password"
