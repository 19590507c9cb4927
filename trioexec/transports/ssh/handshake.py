"""A connected socket, or a channel of a jump host, into an authenticated connection.

Asyncio's side.  `asyncssh.connect` would prepare its options anew for every node
(files, keys, algorithms); here they are prepared once for all nodes of equal
settings, and each connection gets a shallow copy.
"""

from __future__ import annotations

import asyncio  # noqa: TID251
import copy
import socket
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

import asyncssh  # noqa: TID251

from trioexec.model.outcomes import HostKeyRejected
from trioexec.transports.ssh.failures import NodeFailureError

__all__ = ["CIPHERS", "Credentials", "Target", "Trust", "authenticate"]

CIPHERS: Final = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
"""In our order where nobody says another: with AES instructions GCM costs half of chacha20."""


class Trust(Protocol):
    """What decides whether a host key is the node's."""

    def check(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> str | None:
        """Give the reason for refusing the key; None where it is trusted."""

    def check_ca(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """Say whether the key may sign host certificates for this node."""


class Credentials(Protocol):
    """Secrets a connection may ask for while it authenticates."""

    def password(self) -> str | None:
        """The login password, each time it is asked for; None for no more tries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One end to authenticate with."""

    label: str
    """For errors."""

    host: str
    port: int
    options: asyncssh.SSHClientConnectionOptions
    """Prepared; shared with other targets and never changed."""

    username: str
    trust: Trust
    password: str | None = None


class _Client(asyncssh.SSHClient):
    """Asked by asyncssh what only we know."""

    def __init__(self, target: Target, reached_auth: Callable[[], None]) -> None:
        self.refusal: str | None = None
        self._target = target
        self._reached_auth = reached_auth
        self._passwords = [target.password] if target.password is not None else []
        self._answers = list(self._passwords)

    def begin_auth(self, username: str) -> None:  # noqa: ARG002
        self._reached_auth()

    def validate_host_public_key(
        self, host: str, addr: str, port: int, key: asyncssh.SSHKey
    ) -> bool:
        self.refusal = self._target.trust.check(host, addr, port, key)
        return self.refusal is None

    def validate_host_ca_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        return self._target.trust.check_ca(host, addr, port, key)

    def password_auth_requested(self) -> str | None:
        return self._passwords.pop() if self._passwords else None

    def kbdint_auth_requested(self) -> str | None:
        return "" if self._answers else None

    def kbdint_challenge_received(
        self,
        name: str,  # noqa: ARG002
        instructions: str,  # noqa: ARG002
        lang: str,  # noqa: ARG002
        prompts: Any,  # noqa: ANN401
    ) -> list[str] | None:
        if not prompts:
            return []
        if len(prompts) == 1 and not prompts[0][1] and self._answers:
            return [self._answers.pop()]
        return None


async def authenticate(
    target: Target,
    via: socket.socket | asyncssh.SSHClientConnection,
    reached_auth: Callable[[], None],
) -> asyncssh.SSHClientConnection:
    """Shake hands and log in, over a connected socket or through a jump host.

    The socket is taken over.  When cancelled, or on an error, the connection is gone.

    Raises:
        asyncssh.Error: The node refused, or spoke nonsense.
        NodeFailureError: The host key is not trusted.
        OSError: The connection broke.
    """
    loop = asyncio.get_running_loop()
    client = _Client(target, reached_auth)
    options = copy.copy(target.options)
    options.host, options.port, options.username = target.host, target.port, target.username
    options.protocol_factory = lambda: client
    # A key pair remembers the signature algorithm that one server has agreed to.
    options.client_keys = [copy.copy(pair) for pair in target.options.client_keys or ()]
    options.waiter = loop.create_future()
    connection = asyncssh.SSHClientConnection(loop, options, wait="auth")
    try:
        if isinstance(via, socket.socket):
            await loop.create_connection(lambda: connection, sock=via)
        else:
            await via.create_connection(
                cast("Callable[[], asyncssh.SSHTCPSession[bytes]]", lambda: connection),
                target.host,
                target.port,
            )
        await options.waiter
    except BaseException as exc:
        options.waiter.cancel()
        connection.abort()
        if isinstance(via, socket.socket):
            via.close()
        if isinstance(exc, asyncssh.HostKeyNotVerifiable):
            reason = client.refusal or exc.reason
            raise NodeFailureError(HostKeyRejected(reason=reason)) from exc
        raise
    return connection
