"""What a run shows of the package's own log: warnings, and with ``-v`` all of it, on stderr."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["telling"]


class _Teller(logging.Handler):
    def __init__(self, say: Callable[[str], None], level: int) -> None:
        super().__init__(level)
        self._say = say
        self._warnings: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        """Say one record; its text is one line, whatever is in it, but of a bug's traceback."""
        text = record.getMessage()
        if record.levelno == logging.WARNING:
            if text in self._warnings:  # each of the processes that connect has said it
                return
            self._warnings.add(text)
        for line in text.splitlines() if record.levelno >= logging.ERROR else (text,):
            self._say(f"trioexec: {line}")


@contextmanager
def telling(say: Callable[[str], None], *, verbose: bool) -> Iterator[None]:
    """Say what the package logs.  asyncssh's own log stays silent: nobody vouches for it."""
    logger = logging.getLogger("trioexec")
    wanted = logging.INFO if verbose else logging.WARNING
    handler, level = _Teller(say, wanted), logger.level
    logger.addHandler(handler)
    logger.setLevel(wanted)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
