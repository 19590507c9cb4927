"""What the package logs of a run's calls in the process that does them, for the run to log."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from typing import Final

from trioexec.transports.relay.link import Link
from trioexec.transports.relay.wire import Log

__all__ = ["is_wanted", "log_again", "log_to"]

_PACKAGE: Final = logging.getLogger("trioexec")

_link: ContextVar[Link | None] = ContextVar("link", default=None)
"""Of whoever a task works for; tasks have it of those that start them, asyncio's too."""


class _Sender(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        """Send one record to the run that it is about."""
        link = _link.get()
        if link is not None:
            link.send(Log(record.name, record.levelno, record.getMessage()))


_sender: Final = _Sender(logging.INFO)


def log_to(link: Link) -> None:
    """Have what the current task and those that it starts log from now on sent to a run."""
    _link.set(link)
    _PACKAGE.addHandler(_sender)  # once, however often
    _PACKAGE.setLevel(logging.INFO)


def is_wanted() -> bool:
    """Tell whether anybody here hears the log."""
    return _PACKAGE.isEnabledFor(logging.INFO)


def log_again(message: Log) -> None:
    """Log here what was logged there."""
    logging.getLogger(message.logger).log(message.level, "%s", message.text)
