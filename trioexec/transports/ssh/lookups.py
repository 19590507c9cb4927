"""A route where finding it may take time: for a program of ``Match exec``, or for the DNS."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from functools import partial
from typing import Protocol

import trio

from trioexec.model.nodes import Node
from trioexec.transports.ssh.dial import canonical_name
from trioexec.transports.ssh.failures import DialError
from trioexec.transports.ssh.routes import Route, Routes

__all__ = ["find_hop", "find_node"]


class _Find(Protocol):
    def __call__(self, *, canonical: str | None = None) -> Route: ...


async def find_node(routes: Routes, node: Node) -> Route:
    """Find the way to a node; see `Routes.find`.

    Raises:
        DialError: It has to have a canonical name, and has none.
    """
    return await _find(routes, partial(routes.find, node))


async def find_hop(routes: Routes, chain: tuple[Node, ...]) -> Route:
    """Find the way to the last host of a chain of jump hosts; see `Routes.find_hop`.

    Raises:
        DialError: It has to have a canonical name, and has none.
    """
    return await _find(routes, partial(routes.find_hop, chain))


async def _find(routes: Routes, find: _Find) -> Route:
    route = await _off_the_loop(routes, find)
    canonical = await _canonical_name_of(route)
    if canonical is None:
        return route
    return await _off_the_loop(routes, partial(find, canonical=canonical))


async def _off_the_loop(routes: Routes, find: Callable[[], Route]) -> Route:
    if routes.may_run_programs:
        return await trio.to_thread.run_sync(find, abandon_on_cancel=True)
    return find()


async def _canonical_name_of(route: Route) -> str | None:
    """Ask the DNS for the name that CanonicalizeHostname wants; None where it wants none."""
    said = route.said
    if not said.wants_canonical_name(direct=route.is_direct):
        return None
    candidates = said.canonical_candidates()
    for name in candidates:
        with contextlib.suppress(DialError):
            # The dot keeps the resolver from trying domains of its own.
            found = await canonical_name(f"{name}.", route.way.family)
            return said.follow_cname(name, found)
    if candidates and said.canonicalize_fallback_local is False:
        raise DialError("no canonical name is known for it, and no other is allowed")
    if not said.canonicalize_permitted_cnames:
        return None
    with contextlib.suppress(DialError):
        found = await canonical_name(said.hostname, route.way.family)
        return said.follow_cname(said.hostname, found)
    return None
