"""Imports trio-asyncio, and leaves asyncio outside of trio as it was.

Who imports trio-asyncio has all of the process's `asyncio.run` and `asyncio.new_event_loop`
give a loop of its own kind, which runs trio inside: then trio's guest mode fails, and a program
that has used a fleet would find out.  For the calls outside of trio it asks whether a policy was
set; here it hears of the one that was there.  A program that has imported trio-asyncio itself,
before us, keeps what that does.

From Python 3.12 on, asyncio warns of what trio-asyncio looks for; from 3.14 on it lacks some of it.
Import this before anything that imports trio-asyncio.
"""

from __future__ import annotations

import asyncio  # noqa: TID251
import sys
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Final

__all__ = ["leave_alone"]

SHAPE: Final = ("_faked_policy", "_original_policy")
"""What is replaced, and by what; a version without these does as it does."""


def leave_alone(upstream: ModuleType) -> None:
    """Have it know a policy where nobody has set one.

    Args:
        upstream: The module of trio-asyncio that stands in for asyncio's functions.
    """
    if not all(hasattr(upstream, name) for name in SHAPE):
        return
    original: Any = upstream.__dict__["_original_policy"]

    class Policy(threading.local):
        _set: Any = None

        @property
        def policy(self) -> object:
            return original if self._set is None else self._set

        @policy.setter
        def policy(self, policy: object) -> None:
            self._set = policy

    upstream.__dict__["_faked_policy"] = Policy()


@contextmanager
def _as_of_3_11() -> Iterator[None]:
    """While inside, asyncio has all that it had in Python 3.11, and does not warn of it."""
    lent: list[tuple[ModuleType, str, object]] = []
    if sys.version_info >= (3, 14):
        policy = asyncio.events._BaseDefaultEventLoopPolicy  # noqa: SLF001
        lent += [(asyncio.events, "BaseDefaultEventLoopPolicy", policy)]
        lent += [(asyncio, "AbstractChildWatcher", object)]
    for module, name, value in lent:
        setattr(module, name, value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            yield
    finally:
        for module, name, _ in lent:
            delattr(module, name)


if "trio_asyncio" not in sys.modules:
    with _as_of_3_11():
        import trio_asyncio._loop  # noqa: TID251

    leave_alone(trio_asyncio._loop)  # noqa: SLF001
