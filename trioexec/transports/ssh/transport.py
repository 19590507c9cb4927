"""The ssh transport: one node's way from its name to its outcome.

Trio's side.  Per node it crosses to asyncio once: handshake, command and close are
one coroutine there.
"""

from __future__ import annotations

import asyncio  # noqa: TID251
import contextlib
import logging
import math
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from msgspec.structs import replace

import trioexec.transports.ssh.quick_import  # noqa: F401 - before anything imports asyncssh

# isort: split

import asyncssh  # noqa: TID251
import trio

from trioexec.model.command import DEFAULT_CONNECT_TIMEOUT_S, Command, TimeLeft
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Exited, SudoDenied
from trioexec.model.secret import Secret
from trioexec.model.substitute import substitute, words_of
from trioexec.transports.base import Call, Ended
from trioexec.transports.ssh.checked import may_have_secrets
from trioexec.transports.ssh.descriptors import Descriptors, kept_limit
from trioexec.transports.ssh.dial import Awaits, Goodbye, open_way
from trioexec.transports.ssh.failures import behind, log_failure, outcome_of
from trioexec.transports.ssh.handshake import authenticate
from trioexec.transports.ssh.hops import Hops
from trioexec.transports.ssh.kept import KeptConnections, Lease
from trioexec.transports.ssh.keys import AskSecret
from trioexec.transports.ssh.lookups import find_node
from trioexec.transports.ssh.loop import open_loop, run_in_loop, run_in_trio
from trioexec.transports.ssh.options import SshOptions
from trioexec.transports.ssh.routes import Route, Routes
from trioexec.transports.ssh.running import run_command

__all__ = ["SshTransport"]

_logger = logging.getLogger(__name__)

WINDOW_BUDGET_BYTES: Final = 32 * 1024 * 1024
"""What all nodes together may have on its way to us while a reader of ours is stuck."""

REOPEN_LIMIT_S: Final = 3.0
"""How long a kept connection may take to open a session before it counts as dead."""

WINDOW_MIN_BYTES: Final = 128 * 1024
WINDOW_MAX_BYTES: Final = 2 * 1024 * 1024

Via = socket.socket | asyncssh.SSHClientConnection
Work = Callable[[Lease, Route, float | None], Awaitable[Ended]]
"""What is done on a route's connection, and how long opening its session may take."""


class SshTransport:
    """Reaches nodes over SSH.  `transports.base.Transport` is the contract."""

    def __init__(self, options: SshOptions) -> None:
        """Read the configuration.

        Raises:
            ConfigError: An ssh_config file or an option cannot be understood.
        """
        self._routes = Routes(options)
        self._kept = KeptConnections(limit=kept_limit() if options.keep_connections else 0)
        self._keep = options.keep_connections
        self._descriptors: Descriptors
        self._hops: Hops | None = None
        self._loop: asyncio.AbstractEventLoop
        self._token = secrets.token_hex(8)
        share = WINDOW_BUDGET_BYTES / max(options.parallel, 1)
        self._window = int(min(max(share, WINDOW_MIN_BYTES), WINDOW_MAX_BYTES))

    def prepare(self, nodes: Sequence[Node], ask: AskSecret, left: TimeLeft | None = None) -> None:
        """Find what is wrong with the nodes' settings, and ask for passphrases, before a run.

        Args:
            nodes: Of the run.
            ask: For passphrases.
            left: For programs that ssh_config names; where they take it all, the rest is found
                in the run.

        Raises:
            UsageError: A key file or a passphrase is no good.
            ConfigError: What ssh_config says for a node makes no sense.
        """
        self._routes.unlock(nodes, ask, left)

    def end_programs(self) -> None:
        """End the programs that ssh_config names: nobody waits for them any more."""
        self._routes.programs.end()

    def look_anew(self) -> None:
        """Ask files and agents again, as another run would; no call may be under way."""
        self._routes.look_anew()
        self._routes.programs.begin()
        self._kept.drop_dead()
        if self._hops is not None:
            self._hops.forget_failures()

    def learn(self, *, password: Secret | None, key_passphrases: Mapping[str, Secret]) -> None:
        """Log in with this from now on; None, and keys that are not named, as before."""
        self._routes.learn(password=password, key_passphrases=key_passphrases)

    def locked_keys(self) -> list[str]:
        """Name the key files whose passphrases were missing where a node refused a login."""
        return sorted(self._routes.keys.missed)

    def ages(self) -> list[tuple[str, float, float]]:
        """Name, age and idle time in seconds of each connection that is kept."""
        return self._kept.ages()

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Have the event loop and the jump hosts' connections; when left, all are gone."""
        self._descriptors = Descriptors(keep=self._keep)
        async with open_loop() as self._loop:
            self._log_notes()
            self._routes.programs.begin()
            try:
                async with Hops.open(self._routes, self._loop) as self._hops:
                    yield
            finally:
                self._hops = None
                self._routes.programs.end()
                self._kept.close()
                self._routes.keys.close()

    async def run(self, node: Node, command: Command, call: Call) -> Ended:
        """Run the command on one node."""

        async def work(lease: Lease, route: Route, limit_s: float | None) -> Ended:
            if command.sudo_password is not None and not may_have_secrets(lease.connection):
                return SudoDenied(reason="its host key has changed: it gets no password")
            return await run_command(
                lease,
                _for(route, command),
                call,
                elsewhere=lambda text: run_in_trio(self._tell, route, text, call.goodbye),
                token=self._token,
                window=self._window,
                sent_env=route.env,
                opening_limit_s=limit_s,
            )

        return await self._with_connection(node, call, work)

    async def ping(self, node: Node, call: Call) -> Ended:
        """Connect and authenticate, no more."""

        # Anew: a connection that is kept says nothing of a node that has gone since.
        async def work(
            lease: Lease,  # noqa: ARG001
            route: Route,  # noqa: ARG001
            limit_s: float | None,  # noqa: ARG001
        ) -> Ended:
            return Exited(code=0)

        return await self._with_connection(node, call, work, anew=True)

    async def _with_connection(
        self,
        node: Node,
        call: Call,
        work: Work,
        *,
        anew: bool = False,
    ) -> Ended:
        try:
            if self._routes.may_run_programs:
                call.awaits("no answer from a program of ssh_config")
            route = await self._find(node)
            if route.connect_timeout_s is not None:
                call.limit_connect(route.connect_timeout_s)
            kept = None if anew else self._kept.take(route)
            if kept is not None:
                try:
                    return await run_in_loop(self._loop, _talk_again(kept, route, call, work))
                except asyncssh.ChannelOpenError:
                    pass  # no session left on it: it is fine, and we need another
                except (OSError, asyncssh.Error):
                    kept.forget()  # dead; nothing was started on it
                finally:
                    kept.release()
                call.reached("connect")  # once more, and that is what may take too long
            async with (
                self._descriptors.one_for(route, call.limit_connect),
                self._way_to(route, call.limit_connect, call.goodbye, call.awaits) as via,
            ):
                with _handing_over(via) as taken:
                    talk = _talk(route, via, call, work, taken=taken, kept=self._kept)
                    return await run_in_loop(self._loop, talk)
        except Exception as exc:  # noqa: BLE001 - outcome_of raises what is not a node's failure
            outcome = outcome_of(exc)
            log_failure(node.name, exc)
            return outcome

    async def _tell(self, route: Route, text: str, goodbye: Goodbye) -> bool:
        """Run a short command on a node over a connection of its own; bounded by the caller.

        Returns:
            Whether it was run.
        """
        try:
            async with self._way_to(route, _no_limit, goodbye, _nothing) as via:
                with _handing_over(via) as taken:
                    await run_in_loop(self._loop, _say(route, via, text, taken=taken))
        except Exception as exc:  # noqa: BLE001 - outcome_of raises what is not a node's failure
            outcome_of(exc)
            log_failure(route.node.name, exc)
            return False
        return True

    async def _find(self, node: Node) -> Route:
        route = await find_node(self._routes, node)
        self._log_notes()
        return route

    def _log_notes(self) -> None:
        for note in self._routes.take_notes():
            _logger.info("%s", note)

    @asynccontextmanager
    async def _way_to(
        self,
        route: Route,
        limit_connect: Callable[[float], object],
        goodbye: Goodbye,
        awaits: Awaits,
    ) -> AsyncIterator[Via]:
        """Give what the handshake goes over: a socket, or the last hop's connection."""
        if route.hops:
            assert self._hops is not None
            began_s = trio.current_time()
            # A hop has a limit of its own, and an error that names it; ours begins behind it.
            limit_connect(math.inf)
            hop = await self._hops.reach(route.hops)
            limit_s = route.connect_timeout_s or DEFAULT_CONNECT_TIMEOUT_S
            limit_connect(trio.current_time() - began_s + limit_s)
            try:
                yield hop
            except Exception as exc:
                if hop.is_closed():
                    raise behind(route.hops[-1].name, exc) from exc
                raise
        else:
            async with open_way(route.way, goodbye, awaits) as opened:
                yield opened


@contextlib.contextmanager
def _handing_over(via: Via) -> Iterator[Callable[[], object]]:
    """Close a socket, unless what is given here is called: by who owns it from then on.

    Cancelled before its first step, a coroutine never hears of the socket.
    """
    with contextlib.ExitStack() as ours:
        if isinstance(via, socket.socket):
            ours.callback(via.close)
        yield ours.pop_all


def _no_limit(limit_s: float) -> None:
    """Have no connect limit."""


def _nothing(step: str) -> None:
    """Have nobody who asks how far we are."""


def _for(route: Route, command: Command) -> Command:
    """Make the command that one node gets."""
    if command.substitute:
        target = route.target
        words = words_of(node=route.node, host=target.host, user=target.username, port=target.port)
        command = replace(command, text=substitute(command.text, words))
    # As OpenSSH, which asks for no terminal where stdin is none.
    if route.wants_tty and command.stdin is None and command.sudo_password is None:
        return replace(command, tty=True)
    return command


async def _talk(
    route: Route,
    via: Via,
    call: Call,
    work: Work,
    *,
    taken: Callable[[], object],
    kept: KeptConnections,
) -> Ended:
    """Do one node's part on asyncio's side, from the handshake to the close."""
    taken()
    connection = await authenticate(route.target, via, partial(call.reached, "auth"), call.awaits)
    lease = kept.put(route, connection)
    try:
        return await work(lease, route, None)
    finally:
        lease.release()


async def _talk_again(
    lease: Lease,
    route: Route,
    call: Call,
    work: Work,
) -> Ended:
    """Do it on a connection that was kept; raises `OSError` where nothing was started."""
    call.reached("auth")
    return await work(lease, route, REOPEN_LIMIT_S)


async def _say(route: Route, via: Via, text: str, *, taken: Callable[[], object]) -> None:
    """Connect, run a command nobody listens to, and close."""
    taken()
    connection = await authenticate(route.target, via, lambda: None, _nothing)
    try:
        await connection.run(text, encoding=None, check=False)
    finally:
        connection.close()
