"""One node of the kit: an SSH server on loopback, or something worse."""

from __future__ import annotations

import asyncio  # noqa: TID251
from collections.abc import Awaitable
from typing import Final

import asyncssh  # noqa: TID251
import trio

from trioexec.testing.scripts import Fault, ScriptedNode
from trioexec.testing.session import Session
from trioexec.transports.ssh.ending import GONE_REQUEST
from trioexec.transports.ssh.wrapper import SWEEP_REQUEST, stop_request

__all__ = ["HOST", "MUTE_FAULTS", "NodeServer", "serve_mutely"]

HOST: Final = "127.0.0.1"

MUTE_FAULTS: Final = frozenset({Fault.SILENT, Fault.DRIPS, Fault.HANGS_IN_KEY_EXCHANGE})
"""Nodes that never get as far as SSH."""

DRIP_S: Final = 1.0


async def serve_mutely(fault: Fault, stream: trio.SocketStream) -> None:
    """Be a node that accepts a connection and makes nothing of it."""
    async with stream, trio.open_nursery() as nursery:
        nursery.start_soon(_talk_mutely, fault, stream)
        try:
            while await stream.receive_some(4096):
                pass
        except trio.BrokenResourceError:
            pass
        nursery.cancel_scope.cancel(reason="the client has gone")


async def _talk_mutely(fault: Fault, stream: trio.SocketStream) -> None:
    try:
        if fault is Fault.HANGS_IN_KEY_EXCHANGE:
            await stream.send_all(b"SSH-2.0-trioexec_testing\r\n")
        while fault is Fault.DRIPS:
            await stream.send_all(b".")
            await trio.sleep(DRIP_S)
    except trio.BrokenResourceError:
        return


class NodeServer:
    """A listening SSH server and its connections; asyncio's side but for the tasks."""

    def __init__(
        self,
        script: ScriptedNode,
        *,
        tasks: trio.Nursery,
        client_key: asyncssh.SSHKey,
        password: str | None,
    ) -> None:
        self.script = script
        self.host_key: asyncssh.SSHKey = asyncssh.generate_private_key("ssh-ed25519")
        self.port: int = 0
        self.password = password
        self.client_key_bytes: bytes = client_key.public_data
        self.connections: set[asyncssh.SSHServerConnection] = set()
        self.ending: asyncio.Event = asyncio.Event()
        self._tasks = tasks
        self._sessions: dict[int, Session] = {}
        self._acceptor: asyncssh.SSHAcceptor | None = None

    async def listen(self) -> None:
        """Take a port of the system's choice."""
        self._acceptor = await asyncssh.listen(
            HOST,
            0,
            server_host_keys=[self.host_key],
            server_factory=lambda: _Server(self),
            encoding=None,
            line_editor=False,
            server_version="trioexec_testing",
            login_timeout=0,
            keepalive_interval=0,
            config=None,
            gss_host=None,
            agent_forwarding=False,
        )
        self.port = self._acceptor.get_port()

    def stop_listening(self) -> None:
        """Take no more connections and sessions; synchronous."""
        self.ending.set()
        if self._acceptor is not None:
            self._acceptor.close()

    async def close(self) -> None:
        """End every connection and wait until all are gone."""
        for connection in tuple(self.connections):
            connection.abort()
        for connection in tuple(self.connections):
            await connection.wait_closed()
        if self._acceptor is not None:
            await self._acceptor.wait_closed()

    def start_session(self, session: Session) -> None:
        """Serve a session on a task of its own, on trio's side."""
        if self.ending.is_set():
            session.drop()
        else:
            self._tasks.start_soon(self._serve, session, name=f"{session.node}: {session.command}")

    def stop_by_request(self, wire: str) -> bool:
        """Whether this is how a client ends a command whose stdin is its own; then it is done.

        Or how it ends what a command may have left, or asks whether that has ended: what is
        scripted is gone when its channel is closed.
        """
        for pid, session in self._sessions.items():
            if wire == stop_request(pid) or wire.startswith(f"{SWEEP_REQUEST}{pid} "):
                session.stop()
                return True
        return wire.startswith((GONE_REQUEST, SWEEP_REQUEST))

    async def _serve(self, session: Session) -> None:
        self._sessions[session.pid] = session
        try:
            await session.serve()
        finally:
            del self._sessions[session.pid]


class _Server(asyncssh.SSHServer):
    """One connection."""

    def __init__(self, node: NodeServer) -> None:
        self._node = node
        self._open_sessions = 0
        self._connection: asyncssh.SSHServerConnection

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._node.connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self._node.connections.discard(self._connection)

    async def _slow_auth(self) -> bool:
        hangs = self._node.script.fault is Fault.HANGS_IN_AUTH
        try:
            limit_s = None if hangs else self._node.script.auth_s
            await asyncio.wait_for(self._node.ending.wait(), limit_s)
        except TimeoutError:
            pass
        return True

    def begin_auth(self, username: str) -> bool | Awaitable[bool]:  # noqa: ARG002
        script = self._node.script
        if script.auth_s or script.fault is Fault.HANGS_IN_AUTH:
            return self._slow_auth()
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:  # noqa: ARG002
        denied = self._node.script.fault is Fault.DENIES
        return not denied and key.public_data == self._node.client_key_bytes

    def password_auth_supported(self) -> bool:
        return self._node.password is not None

    def validate_password(self, username: str, password: str) -> bool:  # noqa: ARG002
        return self._node.script.fault is not Fault.DENIES and password == self._node.password

    def session_requested(self) -> Session | Awaitable[Session]:
        script = self._node.script
        if script.fault is Fault.HANGS_IN_SESSION:
            return self._no_session()
        if (
            script.fault is Fault.REFUSES_SESSION
            or self._open_sessions >= script.max_sessions
            or self._node.ending.is_set()
        ):
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, "too many sessions")
        self._open_sessions += 1
        return Session(self._node, self._connection, on_closed=self._session_over)

    async def _no_session(self) -> Session:
        await self._node.ending.wait()
        raise asyncssh.ChannelOpenError(asyncssh.OPEN_CONNECT_FAILED, "the fleet is closed")

    def _session_over(self) -> None:
        self._open_sessions -= 1
