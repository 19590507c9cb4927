"""Signals while no run owns them: SIGTERM and SIGHUP unwind the call, as Ctrl-C does by itself.

So a prompt gives the terminal its echo back, and a program that was asked for nodes is ended.
Once trio runs it is too late for that (an exception may then surface anywhere in it), and
`engine.signals` takes over; in between there is nothing to unwind.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Final

from trioexec.model.exitcodes import HANGUP, INTERRUPTED, TERMINATED

__all__ = ["ToldToGo", "code_of", "given_back", "unwinding"]

_CODES: Final = {signal.SIGTERM: TERMINATED, signal.SIGHUP: HANGUP}


class ToldToGo(KeyboardInterrupt):
    """A signal that asks us to go; who cleans up after a Ctrl-C does after this."""

    def __init__(self, code: int) -> None:
        super().__init__()
        self.code: int = code
        """What the process is to exit with."""


@contextmanager
def unwinding() -> Iterator[None]:
    """Have the signals raise `ToldToGo` meanwhile; one that was ignored stays so.

    But SIGCHLD: who ignores that never learns how a child ended, and takes it for exit 0.
    """
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    ours = [number for number in _CODES if signal.getsignal(number) is signal.SIG_DFL]
    for number in ours:
        signal.signal(number, _raise)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, signal.SIG_DFL)


@contextmanager
def given_back() -> Iterator[None]:
    """Have them do what they do by default, where they are ours."""
    ours = [number for number in _CODES if signal.getsignal(number) is _raise]
    for number in ours:
        signal.signal(number, signal.SIG_DFL)
    try:
        yield
    finally:
        for number in ours:
            signal.signal(number, _raise)


def code_of(exc: BaseException | None) -> int | None:
    """Say what to exit with, where it was a signal that led to an exception; else None.

    Python 3.11 calls one that came while a class was made a RuntimeError, with this for its cause.
    """
    while exc is not None and not isinstance(exc, KeyboardInterrupt):
        exc = exc.__cause__
    if exc is None:
        return None
    return exc.code if isinstance(exc, ToldToGo) else INTERRUPTED


def _raise(number: int, _frame: FrameType | None) -> None:
    raise ToldToGo(_CODES[signal.Signals(number)])
