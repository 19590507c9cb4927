"""asyncssh's side of host keys: connections that ask `HostKeys`, and nodes' trust in them."""

from __future__ import annotations

import ipaddress
import sys
from asyncio import AbstractEventLoop  # noqa: TID251
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, Final

import asyncssh  # noqa: TID251
from asyncssh.constants import MSG_CHANNEL_OPEN_CONFIRMATION  # noqa: TID251
from asyncssh.packet import SSHPacket, String  # noqa: TID251
from asyncssh.public_key import (  # noqa: TID251
    CERT_TYPE_HOST,
    SSHOpenSSHCertificate,
    decode_ssh_certificate,
    decode_ssh_public_key,
    get_certificate_algs,
    get_public_key_algs,
)
from msgspec import Struct

from trioexec.model.nodes import DEFAULT_PORT
from trioexec.transports.ssh.config import Facts, HostSettings, assemble
from trioexec.transports.ssh.failures import of_the_node
from trioexec.transports.ssh.hostkeys import HostKeys
from trioexec.transports.ssh.lean import LeanConnection
from trioexec.transports.ssh.requests import close_unwanted
from trioexec.transports.ssh.verdict import HostCertificate, Peer, Verdict

__all__ = ["CheckedConnection", "HostKeyStore", "NodeTrust", "may_have_secrets"]

_PLAIN: Final = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "sk-ssh-ed25519@openssh.com",
    "sk-ecdsa-sha2-nistp256@openssh.com",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""In OpenSSH's order. asyncssh would begin with RSA, and take SHA-1 signatures."""

_CERTIFIED: Final = tuple(
    f"{name.removesuffix('@openssh.com')}-cert-v01@openssh.com" for name in _PLAIN
)
_IS_CERTIFIED: Final = "-cert-v0"

_HANDLERS: Final = asyncssh.SSHClientConnection._packet_handlers  # noqa: SLF001 - asked for each packet
_hear_open: Final = _HANDLERS[MSG_CHANNEL_OPEN_CONFIRMATION]


def _type_of(algorithm: str) -> str:
    """Tell the type of the keys that an algorithm signs with."""
    return "ssh-rsa" if algorithm.startswith("rsa-sha2-") else algorithm


@cache
def _algorithms(said: str | None, types: frozenset[str], *, authority: bool) -> tuple[str, ...]:
    known = [name.decode() for name in (*get_certificate_algs(), *get_public_key_algs())]
    listed = assemble("HostKeyAlgorithms", said, (*_CERTIFIED, *_PLAIN), known)
    if said and said[0] not in "+-":
        return tuple(listed)
    certified = [each for each in listed if _IS_CERTIFIED in each]
    plain = [each for each in listed if _IS_CERTIFIED not in each]
    plain.sort(key=lambda each: _type_of(each) not in types)  # stable: else as listed
    return (*certified, *plain) if authority or not plain else tuple(plain)


class NodeTrust(Struct, frozen=True, kw_only=True):
    """What decides on the host key of one node."""

    keys: HostKeys
    peer: Peer
    said_algorithms: str | None = None
    check_address: bool = False
    trust_loopback: bool = False

    def algorithms(self) -> list[str]:
        """Say which kinds of keys to ask for, the recorded ones first."""
        types, authority = self.keys.types_for(self.peer)
        return list(_algorithms(self.said_algorithms, types, authority=authority))

    def verify(self, address: str, data: bytes) -> tuple[Verdict, asyncssh.SSHKey]:
        """Decide on what a host presents, and give the key that its signature is checked with.

        Raises:
            ValueError: It is neither a key nor a certificate that we understand.
        """
        certificate = _certificate(data)
        if certificate is None:
            key = decode_ssh_public_key(data)
            return self._decide(address, key.public_data, None), key
        key = certificate.key
        return self._decide(address, key.public_data, _facts_of(certificate, data)), key

    def _decide(self, address: str, key: bytes, certificate: HostCertificate | None) -> Verdict:
        if self.trust_loopback and _is_loopback(address):
            return Verdict(kind="known", trusted=True, note="localhost is trusted unseen")
        if certificate is not None:
            verdict = self.keys.check_certificate(self.peer, certificate)
        else:
            verdict = self.keys.check(self.peer, key)
        wanted = self.check_address and address and self.peer.alias is None
        if not wanted or not verdict.trusted or verdict.kind == "certified":
            return verdict
        return self.keys.check_recorded(Peer(address, self.peer.port), key) or verdict


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def _certificate(data: bytes) -> SSHOpenSSHCertificate | None:
    """Read an OpenSSH certificate; None where it is a plain key.

    Raises:
        ValueError: It is a certificate that makes no sense.
    """
    algorithm = SSHPacket(data).get_string()
    if _IS_CERTIFIED.encode() not in algorithm:
        return None
    certificate = decode_ssh_certificate(data)
    assert isinstance(certificate, SSHOpenSSHCertificate)
    return certificate


def _facts_of(certificate: SSHOpenSSHCertificate, data: bytes) -> HostCertificate:
    ca = certificate.signing_key.public_data
    # The signature is the last thing in it, after the authority's key; asyncssh keeps neither.
    _, _, signature = data.rpartition(String(ca))
    algorithm = SSHPacket(SSHPacket(signature).get_string()).get_string()
    return HostCertificate(
        key=certificate.key.public_data,
        ca=ca,
        for_host=certificate._cert_type == CERT_TYPE_HOST,  # noqa: SLF001 - no public name for it
        principals=tuple(certificate.principals),
        valid_after_s=certificate._valid_after,  # noqa: SLF001
        valid_before_s=certificate._valid_before,  # noqa: SLF001
        signature_algorithm=algorithm.decode("ascii", "replace"),
    )


class CheckedConnection(LeanConnection):
    """A connection whose host key our files decide on, and not asyncssh's."""

    def __init__(
        self,
        loop: AbstractEventLoop,
        options: asyncssh.SSHClientConnectionOptions,
        *,
        trust: NodeTrust,
        **others: Any,  # noqa: ANN401 - asyncssh's own
    ) -> None:
        super().__init__(loop, options, **others)
        self.verdict: Verdict | None = None
        """What was decided; None before the host has shown a key."""

        self._trust = trust

    def validate_server_host_key(self, key_data: bytes) -> asyncssh.SSHKey:
        """Answer asyncssh, in mid-handshake.

        Raises:
            asyncssh.HostKeyNotVerifiable: The key is refused.
        """
        try:
            self.verdict, key = self._trust.verify(self._peer_addr, key_data)
        except ValueError as exc:
            raise asyncssh.HostKeyNotVerifiable(f"the host key makes no sense: {exc}") from exc
        if not self.verdict.trusted:
            raise asyncssh.HostKeyNotVerifiable(self.verdict.text)
        if not self.verdict.secrets:
            # As OpenSSH: who let a changed key through does not mean to give a password away.
            self._password_auth = self._kbdint_auth = False
        self._server_host_key = key
        return key

    def internal_error(self, exc_info: Any = None, error_logger: Any = None) -> None:  # noqa: ANN401
        """End the connection, for what was raised when something it has received was handled."""
        info = exc_info or sys.exc_info()
        if isinstance(info[1], Exception):
            exc = of_the_node(info[1])
            info = (type(exc), exc, info[2])
        super().internal_error(info, error_logger)

    def _confirm_open(self, pkttype: int, pktid: int, packet: SSHPacket) -> None:
        """Hear that a channel is open."""
        number = int.from_bytes(packet.get_remaining_payload()[:4])
        _hear_open(self, pkttype, pktid, packet)
        # Behind the step of the task that waits for it, if one still does.
        self._loop.call_soon(close_unwanted, self._channels.get(number))

    _packet_handlers = {**_HANDLERS, MSG_CHANNEL_OPEN_CONFIRMATION: _confirm_open}  # noqa: RUF012


def may_have_secrets(connection: asyncssh.SSHClientConnection) -> bool:
    """Tell whether the far end is somebody to give a password to."""
    verdict = connection.verdict if isinstance(connection, CheckedConnection) else None
    return verdict is None or verdict.secrets


class HostKeyStore:
    """All host keys of a run: each set of files read once."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self._stores: dict[tuple[object, ...], HostKeys] = {}

    def trust_for(self, settings: HostSettings, more_lines: str = "") -> NodeTrust:
        """Give what decides for one node.

        Args:
            settings: With all defaults.
            more_lines: Of known_hosts, beside those of the files.

        Raises:
            ConfigError: Of the algorithms that were named, none is there.
        """
        _algorithms(settings.host_key_algorithms, frozenset(), authority=False)  # sooner than later
        keys = self._keys_for(settings)
        keys.take(more_lines)
        return NodeTrust(
            keys=keys,
            peer=Peer(settings.hostname, settings.port or DEFAULT_PORT, settings.host_key_alias),
            said_algorithms=settings.host_key_algorithms,
            check_address=bool(settings.check_host_ip),
            trust_loopback=bool(settings.no_host_authentication_for_localhost),
        )

    def look_anew(self) -> None:
        """Have files that have changed read again, when they are wanted."""
        self._stores = {said: keys for said, keys in self._stores.items() if keys.is_current()}

    def _keys_for(self, settings: HostSettings) -> HostKeys:
        user, every = settings.user_known_hosts_files, settings.global_known_hosts_files
        said = (
            user,
            every,
            settings.strict_host_key_checking,
            settings.hash_known_hosts,
            settings.revoked_host_keys,
            settings.required_rsa_size,
            settings.ca_signature_algorithms,
        )
        if said not in self._stores:
            known = [name.decode() for name in get_public_key_algs()]
            self._stores[said] = HostKeys(
                user_files=None if user is None else _paths(user),
                global_files=_paths(every or ()),
                policy=settings.strict_host_key_checking or "accept-new",
                hash_known_hosts=bool(settings.hash_known_hosts),
                revoked_file=Path(settings.revoked_host_keys)
                if settings.revoked_host_keys
                else None,
                required_rsa_bits=settings.required_rsa_size or 1024,
                ca_algorithms=assemble(
                    "CASignatureAlgorithms", settings.ca_signature_algorithms, _PLAIN, known
                ),
            )
        return self._stores[said]


def _paths(names: Sequence[str]) -> tuple[Path, ...]:
    return tuple(Path(name) for name in names)
