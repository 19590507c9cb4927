"""From a name to a connected socket: look-up, addresses in parallel, proxy commands.

Trio only.  Every wait here is under the connect limit, because it is under the
caller's scope.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager
from typing import Any, Final, cast

import trio
from msgspec import Struct

from trioexec.transports.ssh.addresses import is_address
from trioexec.transports.ssh.failures import DialError, is_lost

__all__ = ["Awaits", "Family", "Goodbye", "Way", "canonical_name", "open_way"]

_logger = logging.getLogger(__name__)

Family = socket.AddressFamily

HEAD_START_S: Final = 0.25
"""How long one address may take before the next is tried beside it (RFC 8305)."""

LOOKUPS_AT_ONCE: Final = 16
"""Threads for name look-ups: a dead resolver must not starve trio's other threads."""

ATTEMPTS_APART_S: Final = 1.0
"""Between two attempts of ConnectionAttempts, as with ``ssh``."""

PROXY_GRACE_S: Final = 1.0
"""How long a proxy command may take to go after its socket is closed."""

_lookups: trio.lowlevel.RunVar[trio.CapacityLimiter] = trio.lowlevel.RunVar("ssh_lookups")

SocketName = tuple[str, int] | tuple[str, int, int, int]
Address = tuple[Family, SocketName]
_Found = Sequence[tuple[Any, ...]]
"""What getaddrinfo gives."""


Goodbye = Callable[[Callable[[], None]], AbstractContextManager[None]]
"""`transports.base.Call.goodbye`."""


Awaits = Callable[[str], None]
"""`transports.base.Call.awaits`."""


def _limiter() -> trio.CapacityLimiter:
    try:
        return _lookups.get()
    except LookupError:
        limiter = trio.CapacityLimiter(LOOKUPS_AT_ONCE)
        _lookups.set(limiter)
        return limiter


class Way(Struct, frozen=True, kw_only=True):
    """What a connection is made to, or by."""

    host: str
    port: int
    family: Family = socket.AF_UNSPEC
    bind_address: str | None = None
    attempts: int = 1
    """Beyond the first one, addresses are tried again a second later."""

    proxy_command: str | None = None
    """Makes the connection in our place."""


@asynccontextmanager
async def open_way(way: Way, goodbye: Goodbye, awaits: Awaits) -> AsyncIterator[socket.socket]:
    """Connect; the socket is the caller's, and what a ProxyCommand started is gone afterwards.

    Raises:
        DialError: No address answered.
    """
    if way.proxy_command is None:
        yield await _dial(way, awaits)
    else:
        async with _open_proxy_command(way.proxy_command, goodbye) as through:
            yield through


async def canonical_name(host: str, family: Family = socket.AF_UNSPEC) -> str:
    """Look a name up for the name that it is an alias of; itself where it is none.

    Raises:
        DialError: The name is not known.
    """
    found = await _ask_resolver(host, 0, family, socket.AI_CANONNAME)
    return str(found[0][3] or host).removesuffix(".")


async def _resolve(host: str, port: int, family: Family) -> list[Address]:
    """Look a name up, off the loop; an address costs no thread.

    Raises:
        DialError: The name is not known, or the address is not of the family.
    """
    known = is_address(host)
    if known and not {":", "%"} & set(host) and family in (socket.AF_UNSPEC, socket.AF_INET):
        return [(socket.AF_INET, (host, port))]  # nothing to look up
    found: _Found
    if known:
        try:
            found = socket.getaddrinfo(
                host, port, family, socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST
            )
        except OSError as exc:
            raise _no_name(exc) from exc
    else:
        found = await _ask_resolver(host, port, family)
    # Trio's and OpenSSH's order: what the resolver says, each address once.
    return list(dict.fromkeys((Family(entry[0]), cast("SocketName", entry[4])) for entry in found))


async def _ask_resolver(host: str, port: int, family: Family, flags: int = 0) -> _Found:
    try:
        return await trio.to_thread.run_sync(
            lambda: socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags),
            abandon_on_cancel=True,
            limiter=_limiter(),
        )
    except (OSError, UnicodeError) as exc:
        raise _no_name(exc) from exc


def _no_name(exc: Exception) -> DialError:
    return DialError(f"name look-up failed: {_strerror(exc)}")


async def _dial(way: Way, awaits: Awaits) -> socket.socket:
    """Connect to the first address that answers, a new one joining in every 0.25 s.

    When cancelled, every socket is closed.
    """
    awaits("no answer from the resolver")
    addresses = await _resolve(way.host, way.port, way.family)
    awaits("no answer to TCP")
    if _logger.isEnabledFor(logging.INFO):
        places = ", ".join(f"{where[0]} port {where[1]}" for _, where in addresses)
        _logger.info("%s: connecting to %s", way.host, places)
    for _ in range(way.attempts - 1):
        with contextlib.suppress(DialError):
            return await _reach(addresses, way.bind_address)
        await trio.sleep(ATTEMPTS_APART_S)
    return await _reach(addresses, way.bind_address)


async def _reach(addresses: Sequence[Address], bind_address: str | None) -> socket.socket:
    if len(addresses) == 1:
        try:
            return await _connect(addresses[0], bind_address)
        except OSError as exc:
            raise DialError(_strerror(exc)) from exc
    return await _race(addresses, bind_address)


async def _race(addresses: Sequence[Address], bind_address: str | None) -> socket.socket:
    winners: list[socket.socket] = []
    errors: list[OSError] = []

    async def attempt(index: int, failed: trio.Event, nursery: trio.Nursery) -> None:
        try:
            connected = await _connect(addresses[index], bind_address)
        except OSError as exc:
            errors.append(exc)
            failed.set()
            return
        if winners:
            connected.close()
        else:
            winners.append(connected)
            nursery.cancel_scope.cancel(reason="another address has answered")

    try:
        async with trio.open_nursery() as nursery:
            for index in range(len(addresses)):
                failed = trio.Event()
                nursery.start_soon(attempt, index, failed, nursery)
                with trio.move_on_after(HEAD_START_S):
                    await failed.wait()
    except BaseException:
        for winner in winners:  # it answered in the tick in which we were cancelled
            winner.close()
        raise
    if winners:
        return winners[0]
    raise DialError("; ".join(dict.fromkeys(map(_strerror, errors)))) from errors[0]


async def _connect(address: Address, bind_address: str | None) -> socket.socket:
    family, where = address
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setblocking(False)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if bind_address:  # which may be a name
            await trio.to_thread.run_sync(made.bind, (bind_address, 0), limiter=_limiter())
        # Not trio's socket, whose connect would look the address up once more.
        code = made.connect_ex(where)
        if code == errno.EINPROGRESS:
            await trio.lowlevel.wait_writable(made)
            code = made.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
    except BaseException:
        made.close()
        raise
    if code:
        made.close()
        raise OSError(code, os.strerror(code))
    return made


def _strerror(exc: BaseException) -> str:
    if isinstance(exc, OSError) and exc.strerror:
        # Trio puts the address in front, which the user has typed; look-ups count downwards.
        said = os.strerror(exc.errno) if exc.errno and exc.errno > 0 else exc.strerror
        return said[:1].lower() + said[1:]
    return str(exc) or type(exc).__name__


@asynccontextmanager
async def _open_proxy_command(command: str, goodbye: Goodbye) -> AsyncIterator[socket.socket]:
    """Run a ProxyCommand and give the socket that stands for its node.

    The command is a process group of its own, which is gone when this is left.
    """
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    try:
        with theirs:
            process = await trio.lowlevel.open_process(
                [os.environ.get("SHELL", "/bin/sh"), "-c", f"exec {command}"],
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                start_new_session=True,
            )
    except BaseException:
        ours.close()
        raise
    try:
        yield ours
    except Exception as exc:
        if is_lost(exc) and (code := await _code_of(process)):  # noqa: ASYNC120 - as any cancel
            raise DialError(f"the ProxyCommand {_ended_with(code)}") from exc
        raise
    finally:
        ours.close()
        with trio.move_on_after(PROXY_GRACE_S, shield=True) as scope, goodbye(scope.cancel):
            await process.wait()
        # Also where the command has gone by itself: what it has started need not have.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with trio.move_on_after(PROXY_GRACE_S, shield=True):
            await process.wait()  # nobody ignores that: no time to speak of


async def _code_of(process: trio.Process) -> int | None:
    """Give the exit code of a process whose end of the socket is closed; None while it lives."""
    with trio.move_on_after(PROXY_GRACE_S):
        await process.wait()
    return process.returncode


def _ended_with(code: int) -> str:
    return f"was killed by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"
