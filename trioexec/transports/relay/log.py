"""What the package logs of a run's calls in the process that does them, for the run to log."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Final

from trioexec.transports.relay.link import Link
from trioexec.transports.relay.wire import Log

__all__ = ["log_again", "log_to", "wanted_level"]

_PACKAGE: Final = logging.getLogger("trioexec")

_hearer: ContextVar[tuple[Link, int] | None] = ContextVar("hearer", default=None)
"""Whoever a task works for, and the level from which on it hears; tasks have it of those that
start them, asyncio's too."""


class _Sender(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Send one record to the run that it is about."""
        link, level = _hearer.get() or (None, 0)
        if link is not None and record.levelno >= level:
            link.send(Log(record.name, record.levelno, record.getMessage()))


_sender: Final = _Sender()


def log_to(link: Link, level: int) -> None:
    """Have what the current task and those that it starts log from now on sent to a run."""
    _hearer.set((link, level))
    _PACKAGE.addHandler(_sender)  # once, however often
    _PACKAGE.setLevel(min(level, _PACKAGE.getEffectiveLevel()))


def wanted_level() -> int:
    """Tell from which level on the log is heard here."""
    return _PACKAGE.getEffectiveLevel()


def log_again(message: Log) -> None:
    """Log here what was logged there."""
    logging.getLogger(message.logger).log(message.level, "%s", message.text)
