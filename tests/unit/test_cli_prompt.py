"""A password that is typed: at a shell with job control, as people have one."""

from __future__ import annotations

import os
import pty
import select
import shlex
import signal
import sys
import termios
import time
from collections.abc import Iterator

import pytest

ASK = (
    "from trioexec.cli.prompt import ask_if_possible as a; print('got', len(a('Word: ').reveal()))"
)
LIMIT_S = 60.0


class Shell:
    """A shell at a terminal of its own."""

    def __init__(self, pid: int, terminal: int) -> None:
        self.pid = pid
        self._terminal = terminal
        self.raw = b""
        self._seen = 0

    def type(self, text: str) -> None:
        os.write(self._terminal, text.encode())

    def shows(self, text: str) -> None:
        """Read until this is there, after all that was waited for before."""
        limit_s = time.monotonic() + LIMIT_S
        while (at := self.raw.find(text.encode(), self._seen)) < 0:
            left_s = limit_s - time.monotonic()
            assert left_s > 0, self.raw
            if select.select([self._terminal], [], [], left_s)[0]:
                self.raw += os.read(self._terminal, 4096)
        self._seen = at + len(text)

    @property
    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self._terminal)[3] & termios.ECHO)


@pytest.fixture
def shell() -> Iterator[Shell]:
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - another process
        env = {"PS1": "READY", "PATH": os.environ["PATH"], "HOME": "/"}
        os.execve("/bin/sh", ["sh", "-i"], env)  # noqa: S606 - this is the shell
    shell = Shell(pid, terminal)
    shell.shows("READY")
    try:
        yield shell
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)


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
    shell.shows("Word: ")
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
