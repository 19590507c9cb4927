"""What asyncssh does for every packet and a fleet has no use for, left out.

Together a fifth of what a connection costs: docs/explanation/decisions/lean-connections.md.
"""

from __future__ import annotations

import asyncio  # noqa: TID251
import logging
from contextlib import suppress
from typing import Any, Final

import asyncssh  # noqa: TID251
from asyncssh.constants import MSG_IGNORE, MSG_USERAUTH_REQUEST  # noqa: TID251
from asyncssh.logging import SSHLogger  # noqa: TID251
from asyncssh.packet import Boolean, SSHPacketLogger  # noqa: TID251
from asyncssh.public_key import SSHLocalKeyPair  # noqa: TID251

__all__ = ["LeanConnection"]

READ_BYTES: Final = 64 * 1024
"""As much as is read at once.  With asyncio's 256 KiB each read of a few hundred bytes costs a
mapping of fresh memory, five times the read itself; and asyncssh copies what is left of it once
a packet."""

_log: Final = logging.getLogger("asyncssh")
_CHAINED: Final = b"-cbc"
_NONE: Final = b"none"
_KEEPALIVE: Final = b"keepalive@openssh.com"
_PUBLIC_KEY: Final = b"publickey"
_TAKES_THE_NEXT_REQUEST: Final = b"SSH-2.0-OpenSSH_"
"""Who begins so reads a request to log in before it has answered what was sent before it.  So
shall every server (RFC 4252, 5.1); routers' were not tried."""


class _SilentLogger(SSHLogger):
    """Says nothing, and does not make texts of what it would say."""

    def log(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        pass

    debug1 = debug2 = packet = log

    def get_child(self, child: str = "", context: str = "") -> SSHLogger:  # noqa: ARG002
        return self


_SILENT: Final = _SilentLogger()


class LeanConnection(asyncssh.SSHClientConnection):
    """A client's connection that asks, sends and logs no more than it must."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        self._silent = not _log.isEnabledFor(logging.DEBUG)
        super().__init__(*args, **kwargs)
        self._proves_at_once: asyncssh.SSHKeyPair | None = None
        self._has_asked_for_methods = False
        self._held: list[bytes] | None = None
        self._heard_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin; over a socket of asyncio's, with smaller reads."""
        if hasattr(transport, "max_size"):
            transport.max_size = READ_BYTES
        super().connection_made(transport)

    @property
    def logger(self) -> SSHLogger:
        """asyncssh's, where somebody has asked for what it logs."""
        return _SILENT if self._silent else self._logger

    def log_sent_packet(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Log it where somebody has asked for that; else make no text of it."""
        if not self._silent:
            super().log_sent_packet(*args, **kwargs)

    def log_received_packet(self, *args: Any, **kwargs: Any) -> None:  # noqa: ANN401
        """Log it where somebody has asked for that."""
        if not self._silent:
            super().log_received_packet(*args, **kwargs)

    def send_packet(
        self, pkttype: int, *args: bytes, handler: SSHPacketLogger | None = None
    ) -> None:
        """Send a packet, without the one that asyncssh puts in front of each.

        That is an answer to an attack on CBC (RFC 4251, 9.3.1), and of no use to any other
        cipher.
        """
        if pkttype == MSG_IGNORE and _CHAINED not in self._enc_alg_cs:
            return
        super().send_packet(pkttype, *args, handler=handler)

    def send_newkeys(self, k: bytes, h: bytes) -> None:
        """End the key exchange; what is to be said after it goes in the same piece."""
        self._held = []
        try:
            super().send_newkeys(k, h)
        finally:
            pieces, self._held = self._held, None
            self._send(b"".join(pieces))

    def _send(self, data: bytes) -> None:
        if self._held is None:
            super()._send(data)
        else:
            self._held.append(data)

    def send_service_request(self, service: bytes) -> None:
        """Ask for the log-in, and in the same breath how one may: the answer is awaited later.

        The server has proven who it is, so no answer need be waited for (RFC 4253, 10).
        """
        super().send_service_request(service)
        if self._server_version.startswith(_TAKES_THE_NEXT_REQUEST):
            self._has_asked_for_methods = True
            packet = self._get_userauth_request_packet(_NONE, ())
            self.send_userauth_packet(MSG_USERAUTH_REQUEST, packet[1:])

    def _reset_keepalive_timer(self) -> None:
        """Note that something was heard; whether that is too long ago is asked when it may be.

        asyncssh starts its timer anew for each packet.
        """
        if self._auth_complete:
            self._heard_s = self._loop.time()
            if self._keepalive_timer is None:
                self._set_keepalive_timer()

    def _keepalive_timer_callback(self) -> None:
        due_s = self._heard_s + float(self._keepalive_interval)
        if due_s > self._loop.time():
            self._keepalive_timer = self._loop.call_at(due_s, self._keepalive_timer_callback)
        else:
            super()._keepalive_timer_callback()

    @property
    def silent_s(self) -> float:
        """For how long nothing was heard of the other end."""
        return self._loop.time() - self._heard_s

    async def answers(self, limit_s: float) -> bool:
        """Ask whether the other end is there: any answer will do, a refusal is one."""
        with suppress(OSError, asyncssh.Error):  # TimeoutError is one
            async with asyncio.timeout(limit_s):
                await self._make_global_request(_KEEPALIVE)
                return not self.is_closed()  # then it is asyncssh who answers
        return False

    def prove_at_once(self, pair: asyncssh.SSHKeyPair) -> None:
        """Sign with a key that is offered, and do not ask first whether it would do.

        Worth it for the only key there is: the question is a round trip, and a refusal is the
        end either way.  A key that somebody else signs with, who may want a finger or a word
        for it, is asked for as ever.
        """
        if isinstance(pair, SSHLocalKeyPair) and not pair.use_executor:
            self._proves_at_once = pair

    async def send_userauth_request(
        self,
        method: bytes,
        *args: bytes,
        key: Any = None,  # noqa: ANN401
        trivial: bool = True,
    ) -> None:
        """Send a request to log in, but for one that has been sent."""
        if method == _NONE and self._has_asked_for_methods:
            return
        pair, self._proves_at_once = self._proves_at_once, None
        if pair is not None and method == _PUBLIC_KEY and key is None:
            args, key, trivial = (Boolean(True), *args[1:]), pair, False
        await super().send_userauth_request(method, *args, key=key, trivial=trivial)
