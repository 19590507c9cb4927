"""Asks at the terminal for what must not be seen, also by who leaves with Ctrl-Z and comes back."""

from __future__ import annotations

import os
import signal
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager

from trioexec.model.secret import Secret

__all__ = ["ask_if_possible"]


def ask_if_possible(prompt: str) -> Secret | None:
    """Ask at the terminal, without echo; None where there is none, or no answer.

    Only on the main thread, outside a run: it takes the signal of Ctrl-Z meanwhile.
    """
    import getpass  # noqa: PLC0415 - hardly ever wanted

    try:
        # getpass would fall back to stdin, with echo.
        terminal = os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY)
    except OSError:
        return None
    try:
        with _hidden_again(terminal, prompt):
            return Secret(getpass.getpass(prompt))
    except KeyboardInterrupt:
        sys.stderr.write("\n")  # what the shell says next is no answer
        raise
    except (OSError, EOFError):
        return None
    finally:
        os.close(terminal)


@contextmanager
def _hidden_again(terminal: int, prompt: str) -> Iterator[None]:
    """Give the echo back while we are stopped, and ask again, without it, after `fg`.

    A shell sets the terminal as it likes it when a job stops, and few of them set it back.
    """
    as_it_was = termios.tcgetattr(terminal)

    def stop(number: int, _: object) -> None:
        without_echo = termios.tcgetattr(terminal)
        termios.tcsetattr(terminal, termios.TCSANOW, as_it_was)
        signal.signal(number, signal.SIG_DFL)
        signal.raise_signal(number)  # it returns when we go on
        signal.signal(number, stop)
        termios.tcsetattr(terminal, termios.TCSAFLUSH, without_echo)
        os.write(terminal, prompt.encode())

    before = signal.getsignal(signal.SIGTSTP)
    if before == signal.SIG_DFL:  # who started us may have it ignored
        signal.signal(signal.SIGTSTP, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTSTP, before)
