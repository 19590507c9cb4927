"""What asyncssh is told of a connection; made once for all nodes for which the same was said."""

from __future__ import annotations

from typing import Final

import trioexec.transports.ssh.quick_import  # noqa: F401 - before anything imports asyncssh

# isort: split

import asyncssh  # noqa: TID251
from asyncssh import encryption, kex, mac, public_key  # noqa: TID251
from asyncssh.gss import gss_available  # noqa: TID251
from msgspec.structs import replace

from trioexec.transports.ssh.config import HostSettings, assemble
from trioexec.transports.ssh.handshake import CIPHERS
from trioexec.transports.ssh.options import KEEPALIVE_COUNT

__all__ = ["PreparedOptions"]


class PreparedOptions:
    """Makes them, and keeps them for the nodes that come next."""

    def __init__(self) -> None:
        self._made: dict[HostSettings, asyncssh.SSHClientConnectionOptions] = {}

    def options_for(
        self, settings: HostSettings, notes: list[str]
    ) -> asyncssh.SSHClientConnectionOptions:
        """Give the options; what is to be said of them joins the notes."""
        key = replace(
            settings,
            name="",
            hostname="",
            port=None,
            user=None,
            host_key_alias=None,
            known_hosts_command=None,
        )
        options = self._made.get(key)
        if options is None:
            options = self._made[key] = _prepare(settings, notes)
        return options


def _prepare(settings: HostSettings, notes: list[str]) -> asyncssh.SSHClientConnectionOptions:
    if settings.gssapi_authentication and not gss_available:
        note = "GSSAPIAuthentication needs trioexec[gssapi], which is not installed"
        if note not in notes:
            notes.append(note)
    return asyncssh.SSHClientConnectionOptions(
        config=None,
        # The engine's limits hold; asyncssh's own would end a connection behind its back.
        login_timeout=0,
        connect_timeout=None,
        keepalive_interval=_alive_interval_s(settings),
        keepalive_count_max=_alive_count(settings),
        tcp_keepalive=settings.tcp_keep_alive is not False,
        utf8_decode_errors="replace",
        encoding=None,
        # No keys here: then asyncssh asks our client, which has read the files once.
        known_hosts=([], [], []),
        x509_trusted_certs=None,
        username="",
        # None here: then asyncssh asks our client, key by key.
        client_keys=None,
        preferred_auth=settings.preferred_authentications or (),
        public_key_auth=settings.pubkey_authentication != "no",
        password_auth=settings.password_authentication is not False,
        kbdint_auth=settings.kbd_interactive_authentication is not False,
        gss_auth=bool(settings.gssapi_authentication),
        gss_kex=False,
        gss_delegate_creds=bool(settings.gssapi_delegate_credentials),
        encryption_algs=assemble("Ciphers", settings.ciphers, CIPHERS, _all_ciphers()),
        kex_algs=_algorithms("KexAlgorithms", settings.kex_algorithms),
        mac_algs=_algorithms("MACs", settings.macs),
        signature_algs=_algorithms("PubkeyAcceptedAlgorithms", settings.pubkey_accepted_algorithms),
        compression_algs=["zlib@openssh.com", "none"] if settings.compression else None,
    )


def _alive_interval_s(settings: HostSettings) -> float:
    """How often to ask, so that a node is given up after interval x count and not later.

    asyncssh gives up one interval after the last question, as OpenSSH does.
    """
    count = _alive_count(settings)
    return (settings.server_alive_interval_s or 0) * count / (count + 1)


def _alive_count(settings: HostSettings) -> int:
    """How many questions may stay without an answer; one at least has to be asked."""
    count = settings.server_alive_count_max
    return KEEPALIVE_COUNT if count is None else max(count, 1)


def _all_ciphers() -> list[str]:
    return [name.decode() for name in encryption.get_encryption_algs()]


_LISTS: Final = {
    "KexAlgorithms": (kex.get_default_kex_algs, kex.get_kex_algs),
    "MACs": (mac.get_default_mac_algs, mac.get_mac_algs),
    "PubkeyAcceptedAlgorithms": (
        public_key.get_default_public_key_algs,
        public_key.get_public_key_algs,
    ),
}
"""What asyncssh offers by itself, and all that it has."""


def _algorithms(directive: str, said: str | None) -> tuple[str, ...] | tuple[()]:
    """What to hand to asyncssh; an empty tuple is its own default."""
    if said is None:
        return ()
    default, every = ([name.decode() for name in get()] for get in _LISTS[directive])
    return assemble(directive, said, default, every)
