"""The table of directives: what each one is called, how its value is read, and where it goes.

A directive without a field is known and not honoured: it is no error, and it is
named with ``-v``.  The documentation's table is checked against this one.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable
from typing import Any
from urllib.parse import unquote

from msgspec import Struct

from trioexec.model.nodes import MAX_PORT
from trioexec.transports.ssh.config.settings import Hop
from trioexec.transports.ssh.config.words import Line

__all__ = [
    "ALIASES",
    "APPENDING",
    "DIRECTIVES",
    "OF_THE_NODE",
    "PROXY",
    "REPEATED",
    "Directive",
    "parse_hop",
]

Reader = Callable[[Line], Any]
"""Reads a line's value; None: it says nothing.  Raises ValueError with what is wrong."""

PROXY = "proxy"
"""The field that ProxyJump and ProxyCommand share: the first of the two wins, whichever it is.

But for ``ProxyJump none``, which only hides later ProxyJumps.
"""

APPENDING = frozenset({"identity_files", "certificate_files", "send_env"})
"""Fields where every line counts, not only the first."""

OF_THE_NODE = frozenset({"hostname", "host_key_alias", "user", "port", PROXY})
"""Fields that say which host is meant, and how it is reached: ``-o`` means no jump host by them."""

REPEATED = APPENDING | {PROXY}
"""Fields of which a block keeps more than the first line."""


class Directive(Struct, frozen=True):
    """One directive."""

    name: str
    field: str | None
    """Of `HostSettings`; None: not honoured."""

    read: Reader


def _one(line: Line) -> str:
    if not line.words or not line.words[0]:
        raise ValueError("the argument is missing")
    if len(line.words) > 1:
        raise ValueError(f"there is more than one argument: {' '.join(line.words[1:])!r}")
    return line.words[0]


def _several(line: Line) -> tuple[str, ...]:
    """Arguments of which ``none`` may only stand alone; alone, it means none."""
    if not line.words or "" in line.words:
        raise ValueError("the argument is missing")
    if any(word.lower() == "none" for word in line.words):
        if len(line.words) > 1:
            raise ValueError("'none' has to stand alone")
        return ()
    return line.words


def _choice(**choices: str | bool) -> Reader:
    def read(line: Line) -> str | bool:
        word = _one(line)
        key = word.lower().replace("-", "_")
        if key not in choices or "_" in word:
            known = ", ".join(each.replace("_", "-") for each in choices)
            raise ValueError(f"{word!r} is none of {known}")
        return choices[key]

    return read


_flag = _choice(yes=True, no=False, true=True, false=False)


def _number(line: Line) -> int:
    word = _one(line)
    if re.fullmatch(r"[0-9]{1,9}", word, re.ASCII) is None:
        raise ValueError(f"{word!r} is not a number from 0 on")
    return int(word)


def _port(line: Line) -> int:
    return parse_port(_one(line))


def parse_port(word: str) -> int:
    """Read a port, a number or the name of a service.

    Raises:
        ValueError: It is none.
    """
    if re.fullmatch(r"\+?[0-9]{1,9}", word, re.ASCII) is not None:
        port = int(word)
    else:
        try:
            port = socket.getservbyname(word, "tcp")
        except OSError:
            port = 0
    if not 0 < port <= MAX_PORT:
        raise ValueError(f"{word!r} is not a port from 1 to {MAX_PORT}, nor a service")
    return port


_TIME = r"(?a)(?:[0-9]{1,9}[sSmMhHdDwW]?)+"
_TIME_PART = r"(?a)([0-9]+)([sSmMhHdDwW]?)"
_UNIT_S = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


def _time(line: Line) -> int | None:
    """Read ``90``, ``1m30s`` and such; ``none`` says nothing, so a later line may."""
    word = _one(line)
    if word == "none":
        return None
    if re.fullmatch(_TIME, word) is None:
        raise ValueError(f"{word!r} is not a time; write 90 or 1m30s")
    return sum(int(count) * _UNIT_S[unit.lower()] for count, unit in re.findall(_TIME_PART, word))


def _listed(line: Line) -> tuple[str, ...]:
    return tuple(each for each in _one(line).split(",") if each)


def _none_or(line: Line) -> str:
    word = _one(line)
    return "" if word.lower() == "none" else word


def _send_env(line: Line) -> tuple[str, ...]:
    if not line.words or any(not word or "=" in word for word in line.words):
        raise ValueError("names of variables are expected")
    return line.words


def _set_env(line: Line) -> tuple[tuple[str, str], ...]:
    pairs: dict[str, str] = {}
    for word in line.words:
        name, equals, value = word.partition("=")
        if not equals or not name:
            raise ValueError(f"{word!r} is not NAME=VALUE")
        pairs.setdefault(name, value)
    if not pairs:
        raise ValueError("the argument is missing")
    return tuple(pairs.items())


def _cnames(line: Line) -> tuple[tuple[str, str], ...]:
    rules = []
    for word in _several(line):
        source, colon, target = word.lower().partition(":")
        if word != "*" and not (colon and target):
            raise ValueError(f"{word!r} is not SOURCES:TARGETS")
        rules.append(("*", "*") if word == "*" else (source, target))
    return tuple(rules)


def _command(line: Line) -> str:
    # Everything as it stands, quotes too: a shell will read it.
    return line.rest.lstrip(" \t=")


def _known_hosts_command(line: Line) -> tuple[str, ...]:
    if not line.words:
        raise ValueError("the argument is missing")
    return () if line.rest.lower() == "none" else line.words


def _proxy_command(line: Line) -> tuple[str, str]:
    text = _command(line)
    return ("command", "" if text.lower() == "none" else text)


_HOP = (
    r"(?:(?P<user>.+)@)?(?:\[(?P<bracketed>[^\[\]]+)\]|(?P<host>[^\[\]:@/]+))(?::(?P<port>[^:/]+))?"
)
_UNSAFE_HOST = r"[\s'`\"$\\;&<>|(){},]|^-"


def parse_hop(text: str) -> Hop:
    """Read ``[user@]host[:port]`` or ``ssh://[user@]host[:port]``.

    Raises:
        ValueError: It is neither.
    """
    uri = text.lower().startswith("ssh://")
    match = re.fullmatch(_HOP, text[len("ssh://") :].rstrip("/") if uri else text)
    if match is None:
        raise ValueError(f"{text!r} is not [user@]host[:port]")
    host = match["bracketed"] or match["host"]
    if re.search(_UNSAFE_HOST, host):
        raise ValueError(f"{host!r} is not the name of a host")
    user = unquote(match["user"]) if uri and match["user"] else match["user"]
    return Hop(host, user, parse_port(match["port"]) if match["port"] else None)


def _proxy_jump(line: Line) -> tuple[str, tuple[Hop, ...]]:
    text = _command(line).partition("#")[0].rstrip()
    if not text:
        raise ValueError("the argument is missing")
    if text.lower() == "none":
        return ("jump", ())
    return ("jump", tuple(parse_hop(each) for each in text.split(",")))


def _anything(_line: Line) -> bool:
    return True


_strict = _choice(
    yes="yes",
    no="no",
    ask="ask",
    accept_new="accept-new",
    true="yes",
    false="no",
    off="no",
)
_tty = _choice(yes="yes", no="no", force="force", auto="auto", true="yes", false="no")
_canonical = _choice(yes="yes", no="no", always="always", true="yes", false="no")
_pubkey = _choice(
    yes="yes", no="no", unbound="unbound", host_bound="host-bound", true="yes", false="no"
)
_family = _choice(any="any", inet="inet", inet6="inet6")
_compression = _choice(yes=True, no=False)

_HONOURED: tuple[tuple[str, str, Reader], ...] = (
    ("AddressFamily", "address_family", _family),
    ("BatchMode", "batch_mode", _flag),
    ("BindAddress", "bind_address", _one),
    ("CASignatureAlgorithms", "ca_signature_algorithms", _one),
    ("CanonicalDomains", "canonical_domains", _several),
    ("CanonicalizeFallbackLocal", "canonicalize_fallback_local", _flag),
    ("CanonicalizeHostname", "canonicalize_hostname", _canonical),
    ("CanonicalizeMaxDots", "canonicalize_max_dots", _number),
    ("CanonicalizePermittedCNAMEs", "canonicalize_permitted_cnames", _cnames),
    ("CertificateFile", "certificate_files", _one),
    ("CheckHostIP", "check_host_ip", _flag),
    ("Ciphers", "ciphers", _one),
    ("Compression", "compression", _compression),
    ("ConnectTimeout", "connect_timeout_s", _time),
    ("ConnectionAttempts", "connection_attempts", _number),
    ("GSSAPIAuthentication", "gssapi_authentication", _flag),
    ("GSSAPIDelegateCredentials", "gssapi_delegate_credentials", _flag),
    ("GlobalKnownHostsFile", "global_known_hosts_files", _several),
    ("HashKnownHosts", "hash_known_hosts", _flag),
    ("HostKeyAlgorithms", "host_key_algorithms", _one),
    ("HostKeyAlias", "host_key_alias", _one),
    ("HostName", "hostname", _one),
    ("IdentitiesOnly", "identities_only", _flag),
    ("IdentityAgent", "identity_agent", _one),
    ("IdentityFile", "identity_files", _one),
    ("KbdInteractiveAuthentication", "kbd_interactive_authentication", _flag),
    ("KexAlgorithms", "kex_algorithms", _one),
    ("KnownHostsCommand", "known_hosts_command", _known_hosts_command),
    ("MACs", "macs", _one),
    ("NoHostAuthenticationForLocalhost", "no_host_authentication_for_localhost", _flag),
    ("PasswordAuthentication", "password_authentication", _flag),
    ("Port", "port", _port),
    ("PreferredAuthentications", "preferred_authentications", _listed),
    ("ProxyCommand", PROXY, _proxy_command),
    ("ProxyJump", PROXY, _proxy_jump),
    ("PubkeyAcceptedAlgorithms", "pubkey_accepted_algorithms", _one),
    ("PubkeyAuthentication", "pubkey_authentication", _pubkey),
    ("RefuseConnection", "refuse_connection", _one),
    ("RequestTTY", "request_tty", _tty),
    ("RequiredRSASize", "required_rsa_size", _number),
    ("RevokedHostKeys", "revoked_host_keys", _none_or),
    ("SendEnv", "send_env", _send_env),
    ("ServerAliveCountMax", "server_alive_count_max", _number),
    ("ServerAliveInterval", "server_alive_interval_s", _time),
    ("SetEnv", "set_env", _set_env),
    ("StrictHostKeyChecking", "strict_host_key_checking", _strict),
    ("TCPKeepAlive", "tcp_keep_alive", _flag),
    ("Tag", "tag", _one),
    ("User", "user", _one),
    ("UserKnownHostsFile", "user_known_hosts_files", _several),
)

_NOT_HONOURED = """
    AddKeysToAgent BindInterface ChannelTimeout ClearAllForwardings ControlMaster ControlPath
    ControlPersist
    DynamicForward EnableEscapeCommandline EnableSSHKeysign EscapeChar ExitOnForwardFailure
    FingerprintHash ForkAfterAuthentication ForwardAgent ForwardX11 ForwardX11Timeout
    ForwardX11Trusted GSSAPIClientIdentity GSSAPIKexAlgorithms GSSAPIKeyExchange
    GSSAPIRenewalForcesRekey GSSAPIServerIdentity GSSAPITrustDns GatewayPorts
    HostbasedAcceptedAlgorithms HostbasedAuthentication IPQoS KbdInteractiveDevices
    LocalCommand LocalForward LogLevel LogVerbose NumberOfPasswordPrompts
    ObscureKeystrokeTiming PKCS11Provider
    PermitLocalCommand PermitRemoteOpen ProxyUseFdpass RekeyLimit RemoteCommand
    RemoteForward SecurityKeyProvider SessionType StdinNull StreamLocalBindMask
    StreamLocalBindUnlink SyslogFacility Tunnel TunnelDevice UpdateHostKeys UseKeychain
    VerifyHostKeyDNS VersionAddendum VisualHostKey WarnWeakCrypto XAuthLocation
    AFSTokenPassing Cipher CompressionLevel FallBackToRsh GlobalKnownHostsFile2
    KerberosAuthentication KerberosTGTPassing Protocol RSAAuthentication RhostsAuthentication
    RhostsRSAAuthentication UsePrivilegedPort UseRoaming UseRsh UserKnownHostsFile2
"""
"""The last three lines are those that OpenSSH itself no longer obeys."""

DIRECTIVES: dict[str, Directive] = {
    name.lower(): Directive(name, field, read) for name, field, read in _HONOURED
} | {name.lower(): Directive(name, None, _anything) for name in _NOT_HONOURED.split()}
"""By their names in lower case.  Host, Match, Include and IgnoreUnknown are the parser's."""

ALIASES = {
    "challengeresponseauthentication": "kbdinteractiveauthentication",
    "skeyauthentication": "kbdinteractiveauthentication",
    "tisauthentication": "kbdinteractiveauthentication",
    "dsaauthentication": "pubkeyauthentication",
    "identityfile2": "identityfile",
    "hostbasedkeytypes": "hostbasedacceptedalgorithms",
    "pubkeyacceptedkeytypes": "pubkeyacceptedalgorithms",
    "keepalive": "tcpkeepalive",
    "smartcarddevice": "pkcs11provider",
}
"""Old names that OpenSSH still takes."""
