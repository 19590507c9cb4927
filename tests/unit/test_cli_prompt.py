"""A password that is typed: at a shell with job control, as people have one."""

from __future__ import annotations

import shlex
import sys
from collections.abc import Iterator

import pytest

from tests.job_control import Shell, open_shell

ASK = (
    "from trioexec.cli.prompt import ask_if_possible as a; print('got', len(a('Word: ').reveal()))"
)


@pytest.fixture
def shell() -> Iterator[Shell]:
    with open_shell() as shell:
        yield shell


def test_a_password_is_not_shown_after_ctrl_z_and_fg(shell: Shell) -> None:
    shell.type(f"{sys.executable} -c {shlex.quote(ASK)}\n")
    shell.shows("\nWord: ")
    assert not shell.echoes

    shell.type("\x1a")
    shell.shows("READY")
    shell.type("echo s''een\n")
    shell.shows("echo s''een")  # the shell's lines are
    shell.shows("\nseen")
    shell.type("fg\n")
    shell.shows("\nWord: ")  # the shell says the command again, and "Word: " is in that too
    assert not shell.echoes
    shell.type("hunter2\n")
    shell.shows("got 7")

    assert b"hunter2" not in shell.raw


def test_a_prompt_that_was_left_with_ctrl_c_is_a_line_of_its_own(shell: Shell) -> None:
    shell.type(f"{sys.executable} -c {shlex.quote(ASK)} 2>/dev/tty || echo l''eft\n")
    shell.shows("\nWord: ")
    shell.type("\x03")
    shell.shows("READY")

    assert b"Word: ^C\r\n" in shell.raw or b"Word: \r\n" in shell.raw, shell.raw
    assert shell.echoes
