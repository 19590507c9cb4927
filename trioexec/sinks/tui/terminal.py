r"""The terminal, taken over and given back as it was, whatever happens to us in between.

While it is ours, descriptors 1 and 2 lead into a pipe: a warning, or a program that
inherits our stderr (a ProxyCommand), cannot write into the picture.  A guard, a
shell that waits for the end of a pipe, puts the terminal right if we are killed.
"""

from __future__ import annotations

import contextlib
import os
import select
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any, Final, TextIO

__all__ = ["RESTORE", "OwnTerminal", "give_back", "own_terminal"]

RESTORE: Final = (
    "\x1b[?2004l\x1b[?7h\x1b[?2048l"  # pasting, line wrap, reports of size
    "\x1b[?1000l\x1b[?1003l\x1b[?1015l\x1b[?1006l\x1b[?1016l"  # the mouse
    "\x1b[<u\x1b[?1049l\x1b[?25h\x1b[?1004l\x1b[0m"  # keyboard, screen, cursor, focus, colours
)
"""Undoes what the driver does to a terminal; only where the driver could not."""

_GUARD: Final = r"""
exec 3>&2 2>/dev/null
saved=$(stty -g <&3)
echo ready
ours=
while read -r word; do
    case $word in
    up) raw=$(stty -g <&3); ours=1 ;;
    down) ours= ;;
    bye) exit 0 ;;
    esac
done
[ "$ours" ] || exit 0
# Where a shell has set its own modes by now, they stay.
[ "$(stty -g <&3)" = "$raw" ] && stty "$saved" <&3
printf "$1" >&3
"""

READY_S: Final = 2.0
"""For the guard to start: without it the run goes on all the same."""


_taken: Final = ExitStack()
"""What gives back the terminal that is ours, once."""


class OwnTerminal:
    """What the driver needs to know of the terminal, and tells of it."""

    def __init__(self, fd: int) -> None:
        self.fd = fd
        """The terminal itself, while 1 and 2 lead elsewhere."""
        self.restored: bool = True
        """Whether the driver has nothing to undo."""
        self._guard: subprocess.Popen[bytes] | None = None

    def start_guard(self) -> None:
        """Have the guard remember how the terminal is; it does nothing where there is no shell."""
        octal = "".join(f"\\{ord(char):03o}" for char in RESTORE)
        with contextlib.suppress(OSError):
            self._guard = subprocess.Popen(
                ["/bin/sh", "-c", _GUARD, "trioexec-screen-guard", octal],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self.fd,
                start_new_session=True,  # what ends our process group must not end it
            )
            assert self._guard.stdout is not None
            select.select([self._guard.stdout], [], [], READY_S)

    def is_ours(self) -> bool:
        """Whether we are in the foreground; not where the terminal is gone."""
        try:
            return os.tcgetpgrp(self.fd) == os.getpgrp()
        except OSError:
            return False

    def entered(self) -> None:
        """The driver has changed the modes."""
        self.restored = False
        self._tell(b"up\n")

    def left(self) -> None:
        """The driver has changed them back, for good or for as long as we are stopped."""
        self.restored = True
        self._tell(b"down\n")

    def dismiss_guard(self) -> None:
        """Let the guard go: the terminal is as it was."""
        self._tell(b"bye\n")
        if self._guard is not None:
            assert self._guard.stdin is not None
            assert self._guard.stdout is not None
            with contextlib.suppress(OSError):
                self._guard.stdin.close()
            self._guard.stdout.close()
            self._guard.wait()

    def _tell(self, line: bytes) -> None:
        if self._guard is not None and self._guard.stdin is not None:
            with contextlib.suppress(OSError):
                os.write(self._guard.stdin.fileno(), line)


@contextmanager
def own_terminal() -> Iterator[tuple[OwnTerminal, int]]:
    """Take the terminal that stdin and stderr are; it is as it was when this is left.

    Yields:
        The terminal, and a descriptor from which all can be read that somebody writes to
        1 and 2 meanwhile; it belongs to the caller.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = termios.tcgetattr(0)
    kept = [os.dup(1), os.dup(2)]
    terminal = OwnTerminal(kept[1])
    reader, writer = os.pipe()
    terminal.start_guard()
    os.dup2(writer, 1)
    os.dup2(writer, 2)
    os.close(writer)
    _taken.callback(_give_back, terminal, kept, saved)
    # The screen's library puts its own in their places.
    _taken.callback(_set_streams, sys.stdout, sys.stderr)
    try:
        yield terminal, reader
    finally:
        give_back()


def give_back() -> None:
    """Give back the terminal, if it is ours: also where trio broke, and nobody leaves any more."""
    _taken.close()


def _set_streams(stdout: TextIO, stderr: TextIO) -> None:
    sys.stdout, sys.stderr = stdout, stderr


def _give_back(terminal: OwnTerminal, kept: list[int], saved: list[Any]) -> None:
    for number, fd in enumerate(kept, 1):
        os.dup2(fd, number)
    _restore(terminal, saved)
    terminal.dismiss_guard()
    for fd in kept:
        os.close(fd)


def _restore(terminal: OwnTerminal, saved: list[Any]) -> None:
    if not terminal.restored:
        # A terminal that takes nothing any more must not hold us up.
        _, writable, _ = select.select([], [terminal.fd], [], 0)
        if writable:
            with contextlib.suppress(OSError):
                os.write(terminal.fd, RESTORE.encode())
    with contextlib.suppress(termios.error):
        termios.tcsetattr(0, termios.TCSANOW, saved)
