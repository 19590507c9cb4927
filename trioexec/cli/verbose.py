"""What ``-v`` makes of the package's own log: lines on stderr, while a run lasts."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["telling"]


class _Teller(logging.Handler):
    def __init__(self, say: Callable[[str], None]) -> None:
        super().__init__(logging.INFO)
        self._say = say

    def emit(self, record: logging.LogRecord) -> None:
        """Say one record; its text is one line, whatever is in it."""
        self._say(f"trioexec: {record.getMessage()}")


@contextmanager
def telling(say: Callable[[str], None]) -> Iterator[None]:
    """Say what the package logs.  asyncssh's own log stays silent: nobody vouches for it."""
    logger = logging.getLogger("trioexec")
    handler, level = _Teller(say), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        yield
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)
