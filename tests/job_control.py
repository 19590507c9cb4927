"""A shell with job control at a terminal of its own, as people have one."""

from __future__ import annotations

import os
import pty
import select
import signal
import termios
import time
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Shell", "open_shell"]

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


@contextmanager
def open_shell(**env: str) -> Iterator[Shell]:
    """Have one that has said ``READY``, its prompt."""
    pid, terminal = pty.fork()
    if pid == 0:  # pragma: no cover - another process
        env = {"PS1": "READY", "PATH": os.environ["PATH"], "HOME": "/", **env}
        os.execve("/bin/sh", ["sh", "-i"], env)  # noqa: S606 - this is the shell
    shell = Shell(pid, terminal)
    try:
        shell.shows("READY")
        yield shell
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
