"""A connected socket, or a channel of a jump host, into an authenticated connection.

Asyncio's side.  `asyncssh.connect` would prepare its options anew for every node
(files, keys, algorithms); here they are prepared once for all nodes of equal
settings, and each connection gets a shallow copy.
"""

from __future__ import annotations

import asyncio  # noqa: TID251
import copy
import logging
import socket
from collections.abc import Callable, Sequence
from typing import Any, Final, Protocol, cast

import asyncssh  # noqa: TID251
from msgspec import Struct

from trioexec.model.outcomes import Denied, HostKeyRejected, Unreachable
from trioexec.model.secret import Secret
from trioexec.transports.ssh.checked import CheckedConnection, NodeTrust
from trioexec.transports.ssh.failures import NodeFailureError, is_lost, one_line
from trioexec.transports.ssh.lean import LeanConnection

__all__ = ["CIPHERS", "Credentials", "Target", "authenticate"]

_logger = logging.getLogger(__name__)

CIPHERS: Final = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "chacha20-poly1305@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
)
"""In our order where nobody says another: with AES instructions GCM costs half of chacha20."""


_TOO_MANY: Final = "uthentication failures"
"""In what OpenSSH says when MaxAuthTries is reached."""


class Credentials(Protocol):
    """What a connection may log in with; asked for while it authenticates."""

    async def keys(self) -> Sequence[asyncssh.SSHKeyPair]:
        """Key pairs to offer, in order."""

    def password(self) -> Secret | None:
        """The login password; None where there is none."""

    def unusable(self) -> Sequence[str]:
        """Which keys could not be offered, and why; for the text of a denial."""


class Target(Struct, frozen=True, kw_only=True):
    """One end to authenticate with."""

    label: str
    """For errors."""

    host: str
    port: int
    options: asyncssh.SSHClientConnectionOptions
    """Prepared; shared with other targets and never changed."""

    username: str
    trust: NodeTrust
    credentials: Credentials
    hop: str = ""
    """The jump host it is reached through; for errors."""


class _Client(asyncssh.SSHClient):
    """Asked by asyncssh what only we know; remembers what was tried, for the error text."""

    def __init__(self, target: Target, reached_auth: Callable[[], None]) -> None:
        self.banner = ""
        self._target = target
        self._reached_auth = reached_auth
        self._connection: asyncssh.SSHClientConnection | None = None
        self._keys: list[asyncssh.SSHKeyPair] | None = None
        self._tried: dict[str, int] = {}
        self._offered: dict[str, None] = {}
        self._unanswered = ""
        secret = target.credentials.password()
        # Once each: a password that was wrong the first time is wrong the second time.
        self._password = [secret] if secret is not None else []
        self._answer = list(self._password)

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        self._connection = conn

    def begin_auth(self, username: str) -> None:  # noqa: ARG002
        self._reached_auth()

    async def public_key_auth_requested(self) -> asyncssh.SSHKeyPair | None:
        self._note_offered()
        if self._keys is None:
            # A key pair remembers the signature algorithm that one server has agreed to.
            self._keys = [copy.copy(pair) for pair in await self._target.credentials.keys()]
            if len(self._keys) == 1 and isinstance(self._connection, LeanConnection):
                self._connection.prove_at_once(self._keys[0])
        if not self._keys:
            return None
        self._note_tried("publickey")
        return self._keys.pop(0)

    def password_auth_requested(self) -> str | None:
        self._note_offered()
        if not self._password:
            return None
        self._note_tried("password")
        return self._password.pop().reveal()

    def kbdint_auth_requested(self) -> str | None:
        self._note_offered()
        return "" if self._answer else None

    def kbdint_challenge_received(
        self,
        name: str,  # noqa: ARG002
        instructions: str,  # noqa: ARG002
        lang: str,  # noqa: ARG002
        prompts: Any,  # noqa: ANN401
    ) -> list[str] | None:
        if not prompts:
            return []
        # One question with a hidden answer is the password in another dress.
        if len(prompts) == 1 and not prompts[0][1] and self._answer:
            self._note_tried("keyboard-interactive")
            return [self._answer.pop().reveal()]
        self._unanswered = " ".join(str(prompt) for prompt, _ in prompts)
        return None

    def denial(self) -> str:
        """Say what was tried and what the node would have taken."""
        tried = [
            f"publickey with {count} {'key' if count == 1 else 'keys'}"
            if method == "publickey"
            else method
            for method, count in self._tried.items()
        ]
        text = f"permission denied for {self._target.username}"
        text += f", tried {' and '.join(tried)}" if tried else ", nothing to try"
        if self._offered:
            text += f" (the node takes {', '.join(self._offered)})"
        if self._unanswered:
            text += f"; it asked {one_line(self._unanswered)!r}, which nobody is there to answer"
        return "; ".join([text, *self._target.credentials.unusable()])

    def _note_tried(self, method: str) -> None:
        self._tried[method] = self._tried.get(method, 0) + 1

    def _note_offered(self) -> None:
        if self._connection is not None:
            self._offered.update(dict.fromkeys(self._connection.get_server_auth_methods()))


async def authenticate(
    target: Target,
    via: socket.socket | asyncssh.SSHClientConnection,
    reached_auth: Callable[[], None],
    awaits: Callable[[str], None],
) -> CheckedConnection:
    """Shake hands and log in, over a connected socket or through a jump host.

    The socket is taken over.  When cancelled, or on an error, the connection is gone.  What is
    waited for is told to `awaits`, in words.

    Raises:
        asyncssh.Error: The node refused, or spoke nonsense.
        NodeFailureError: The host key is not trusted, we were not let in, or the jump host
            does not reach the node.
        OSError: The connection broke.
    """
    loop = asyncio.get_running_loop()
    client = _Client(target, reached_auth)
    options = copy.copy(target.options)
    options.host, options.port, options.username = target.host, target.port, target.username
    options.protocol_factory = lambda: client
    options.waiter = loop.create_future()
    options.server_host_key_algs = target.trust.algorithms()
    connection = CheckedConnection(loop, options, wait="auth", trust=target.trust)
    try:
        if isinstance(via, socket.socket):
            await loop.create_connection(lambda: connection, sock=via)
        else:
            awaits("no answer through its jump host")
            await via.create_connection(
                cast("Callable[[], asyncssh.SSHTCPSession[bytes]]", lambda: connection),
                target.host,
                target.port,
            )
        awaits("no SSH greeting")
        await options.waiter
    except BaseException as exc:
        options.waiter.cancel()
        if connection.get_extra_info("server_version"):
            awaits("no end of the key exchange")
        connection.abort()
        if isinstance(via, socket.socket):
            via.close()
        _log_verdict(target, connection)
        outcome = _outcome_of(exc, client, target)
        if outcome is not None:
            raise NodeFailureError(outcome) from exc  # noqa: ASYNC104 - none of these is a cancel
        raise
    _log_verdict(target, connection)
    return connection


def _log_verdict(target: Target, connection: CheckedConnection) -> None:
    verdict = connection.verdict
    if verdict is None:
        return
    if verdict.note:
        _logger.info("%s: %s", target.label, verdict.note)
    if verdict.warning:
        _logger.warning("%s", verdict.warning)


def _outcome_of(
    exc: BaseException, client: _Client, target: Target
) -> HostKeyRejected | Denied | Unreachable | None:
    """Say how a handshake ended that failed for a reason of the node's; None for any other."""
    match exc:
        case asyncssh.HostKeyNotVerifiable():
            # Two lines for people, in the one that an outcome has.
            return HostKeyRejected(reason=". ".join(exc.reason.splitlines()).removesuffix("."))
        case asyncssh.PermissionDenied():
            return Denied(reason=client.denial())
        case asyncssh.ChannelOpenError() if not is_lost(exc):
            said = one_line(str(exc.reason))
            return Unreachable(reason=f"not reached from jump host {target.hop}: {said}")
        case asyncssh.DisconnectError() if _TOO_MANY in str(exc.reason):
            return Denied(reason=f"{client.denial()}: too many authentication failures")
        case _:
            return None
