"""How many connections there may be at once, by the descriptors that this process may have."""

from __future__ import annotations

import logging
import math
import resource
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

import trio

from trioexec.model.command import DEFAULT_CONNECT_TIMEOUT_S
from trioexec.transports.ssh.routes import Route

__all__ = ["Descriptors", "kept_limit"]

_logger = logging.getLogger(__name__)

KEPT_MAX: Final = 10_000
"""Connections that may stay open at once, where there are descriptors for twice as many."""

NO_LIMIT: Final = 2**31
"""More than Linux has for all processes, and a number like any other."""

OURS: Final = 20
"""What the process has open itself, and opens for a moment: the loops, a key, an agent."""


def kept_limit() -> int:
    """Half of the descriptors at most: the others are for what is in use, and is not kept."""
    return min(KEPT_MAX, max(0, _allowed() - OURS) // 2)


class Descriptors:
    """Has nodes wait for their connections where they would fail for want of a descriptor."""

    def __init__(self, *, keep: bool) -> None:
        """Count what there is; with `keep`, half of it is for connections that are kept."""
        # Without, a quarter is for files that output goes to.
        others = kept_limit() if keep else _allowed() // 4
        self._limiter = trio.CapacityLimiter(max(1, _allowed() - OURS - others))
        self._told = False

    @asynccontextmanager
    async def one_for(
        self, route: Route, limit_connect: Callable[[float], object]
    ) -> AsyncIterator[None]:
        """Have one for a node's connection: until it is over, or kept and out of use."""
        if route.hops:  # no socket of its own
            yield
            return
        try:
            self._limiter.acquire_nowait()
        except trio.WouldBlock:
            await self._wait(route, limit_connect)
        try:
            yield
        finally:
            self._limiter.release()

    async def _wait(self, route: Route, limit_connect: Callable[[float], object]) -> None:
        if not self._told:
            self._told = True
            _logger.info(
                "%d connections at once, for want of descriptors (ulimit -n)",
                self._limiter.total_tokens,
            )
        began_s = trio.current_time()
        limit_connect(math.inf)  # to wait for us is no fault of the node's
        await self._limiter.acquire()
        limit_s = route.connect_timeout_s or DEFAULT_CONNECT_TIMEOUT_S
        limit_connect(trio.current_time() - began_s + limit_s)


def _allowed() -> int:
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return NO_LIMIT if soft == resource.RLIM_INFINITY else soft
