"""What ssh_config says about one node, as typed values; None where it says nothing.

Defaults are one named step, `with_openssh_defaults`, so that what a user said
can be told from what nobody said, and both compared with ``ssh -G``.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from trioexec.model.errors import ConfigError
from trioexec.model.nodes import DEFAULT_PORT
from trioexec.transports.ssh.addresses import is_address
from trioexec.transports.ssh.config.facts import Facts, expand_user
from trioexec.transports.ssh.config.words import Place
from trioexec.transports.ssh.patterns import Patterns, matches

__all__ = [
    "Hop",
    "HostSettings",
    "agent_socket",
    "assemble",
    "environment_to_send",
    "with_openssh_defaults",
]

DEFAULT_IDENTITIES = ("rsa", "ecdsa", "ecdsa_sk", "ed25519", "ed25519_sk", "xmss", "dsa")
"""What OpenSSH 9 tries, in its order, where no IdentityFile was named; DSA left it in 10."""


class Hop(Struct, frozen=True):
    """One host of a ProxyJump chain."""

    host: str
    """Looked up in the same configuration, by this name."""

    user: str | None = None
    port: int | None = None


class NotHonoured(Struct, frozen=True, kw_only=True):
    """A directive that OpenSSH obeys and trioexec does not."""

    directive: str
    place: Place


class HostSettings(Struct, frozen=True, kw_only=True):
    """All that was said for one name.  Tokens, ``~`` and variables are expanded."""

    name: str
    """As typed: what the look-up was made with."""

    hostname: str
    """What to connect to; in lower case, as OpenSSH has it."""

    not_honoured: tuple[NotHonoured, ...] = ()
    """To be named once a run, with ``-v``."""

    user: str | None = None
    port: int | None = None
    tag: str | None = None
    refuse_connection: str | None = None
    """Not to be connected to, for this reason."""

    identity_files: tuple[str, ...] | None = None
    """In order; empty after ``IdentityFile none``: then not even the default ones."""

    identities_only: bool | None = None
    identity_agent: str | None = None
    """A path, ``none``, ``SSH_AUTH_SOCK`` or ``$VARIABLE``; `agent_socket` makes a path of it."""

    certificate_files: tuple[str, ...] | None = None
    preferred_authentications: tuple[str, ...] | None = None
    pubkey_authentication: str | None = None
    """``yes``, ``no``, ``unbound`` or ``host-bound``."""

    password_authentication: bool | None = None
    kbd_interactive_authentication: bool | None = None
    gssapi_authentication: bool | None = None
    gssapi_delegate_credentials: bool | None = None
    batch_mode: bool | None = None
    pubkey_accepted_algorithms: str | None = None

    user_known_hosts_files: tuple[str, ...] | None = None
    global_known_hosts_files: tuple[str, ...] | None = None
    known_hosts_command: tuple[str, ...] | None = None
    """A program and its arguments; empty after ``none``."""

    host_key_alias: str | None = None
    hash_known_hosts: bool | None = None
    strict_host_key_checking: Literal["yes", "no", "ask", "accept-new"] | None = None
    check_host_ip: bool | None = None
    revoked_host_keys: str | None = None
    required_rsa_size: int | None = None
    no_host_authentication_for_localhost: bool | None = None
    host_key_algorithms: str | None = None
    """As written, with its ``+``, ``-`` or ``^``; see `assemble`. So the next ones."""

    ciphers: str | None = None
    macs: str | None = None
    kex_algorithms: str | None = None
    ca_signature_algorithms: str | None = None

    proxy_jump: tuple[Hop, ...] | None = None
    """From us to the node; empty after ``ProxyJump none``."""

    proxy_command: str | None = None
    """For a shell, tokens replaced; empty after ``ProxyCommand none``."""

    connect_timeout_s: int | None = None
    connection_attempts: int | None = None
    server_alive_interval_s: int | None = None
    server_alive_count_max: int | None = None
    tcp_keep_alive: bool | None = None
    address_family: Literal["any", "inet", "inet6"] | None = None
    bind_address: str | None = None
    compression: bool | None = None

    canonicalize_hostname: Literal["yes", "no", "always"] | None = None
    canonical_domains: tuple[str, ...] | None = None
    canonicalize_max_dots: int | None = None
    canonicalize_fallback_local: bool | None = None
    canonicalize_permitted_cnames: tuple[tuple[str, str], ...] | None = None

    send_env: tuple[str, ...] | None = None
    """Patterns of names; see `environment_to_send`."""

    set_env: tuple[tuple[str, str], ...] | None = None
    request_tty: Literal["yes", "no", "force", "auto"] | None = None

    def wants_canonical_name(self, *, direct: bool) -> bool:
        """Tell whether the name is to be made canonical: behind a proxy only with ``always``."""
        wanted = self.canonicalize_hostname or "no"
        return wanted == "always" or (wanted == "yes" and direct)

    def canonical_candidates(self) -> tuple[str, ...]:
        """Names to try in the DNS, in order, before a second `SshConfig.lookup` with the one found.

        Where none of these is known, CanonicalizeFallbackLocal says whether the name itself
        may be used.
        """
        max_dots = 1 if self.canonicalize_max_dots is None else self.canonicalize_max_dots
        host = self.hostname
        if is_address(host):
            return ()
        if host.endswith("."):
            return (host[:-1],)
        if host.count(".") > max_dots:
            return ()
        return tuple(f"{host}.{domain}" for domain in self.canonical_domains or ())

    def follow_cname(self, host: str, target: str) -> str:
        """Give the name that `host` is an alias of where CanonicalizePermittedCNAMEs lets us."""
        permitted = any(
            Patterns.of_list(source).match(host.lower())
            and Patterns.of_list(wanted).match(target.lower())
            for source, wanted in self.canonicalize_permitted_cnames or ()
        )
        return target if permitted else host


_DEFAULTS: dict[str, Any] = {
    "port": DEFAULT_PORT,
    "identities_only": False,
    "pubkey_authentication": "yes",
    "password_authentication": True,
    "kbd_interactive_authentication": True,
    "gssapi_authentication": False,
    "gssapi_delegate_credentials": False,
    "batch_mode": False,
    "user_known_hosts_files": ("~/.ssh/known_hosts", "~/.ssh/known_hosts2"),
    "global_known_hosts_files": ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"),
    "hash_known_hosts": False,
    "strict_host_key_checking": "ask",
    "check_host_ip": False,
    "required_rsa_size": 1024,
    "no_host_authentication_for_localhost": False,
    "connection_attempts": 1,
    "server_alive_interval_s": 0,
    "server_alive_count_max": 3,
    "tcp_keep_alive": True,
    "address_family": "any",
    "compression": False,
    "canonicalize_hostname": "no",
    "canonicalize_max_dots": 1,
    "canonicalize_fallback_local": True,
    "request_tty": "auto",
}


def with_openssh_defaults(settings: HostSettings, facts: Facts) -> HostSettings:
    """Fill in what OpenSSH uses where nothing was said.

    trioexec's own defaults (accept-new, keepalive, the connect timeout) are put
    in before this by whoever has them.  An account without a home gets none of
    the files that would lie in it.
    """
    missing = {key: value for key, value in _DEFAULTS.items() if getattr(settings, key) is None}
    files = missing.get("user_known_hosts_files")
    if files is not None:
        # None stays None without a home: nowhere to look is not the same as no key known.
        missing["user_known_hosts_files"] = _at_home(files, facts.home) or None
    if settings.user is None:
        missing["user"] = facts.user
    if settings.identity_files is None:
        names = tuple(f"~/.ssh/id_{kind}" for kind in DEFAULT_IDENTITIES)
        missing["identity_files"] = _at_home(names, facts.home)
    return replace(settings, **missing)


def _at_home(paths: Sequence[str], home: str | None) -> tuple[str, ...]:
    return tuple(expand_user(path, home) for path in paths) if home else ()


def agent_socket(settings: HostSettings, facts: Facts) -> Path | None:
    """Where the agent listens; None where there is none or none may be used."""
    said = settings.identity_agent
    if said == "none":
        return None
    if said is None or said == "SSH_AUTH_SOCK":
        said = facts.environ.get("SSH_AUTH_SOCK")
    elif said.startswith("$"):
        said = facts.environ.get(said[1:])
    return Path(said) if said else None


def environment_to_send(settings: HostSettings, facts: Facts) -> dict[str, str]:
    """The variables that SendEnv and SetEnv ask for; SetEnv wins."""
    patterns = settings.send_env or ()
    if not patterns:  # asked once a node, and the environment can be large
        return dict(settings.set_env or ())
    sent = {
        name: value
        for name, value in facts.environ.items()
        if any(matches(name, pattern) for pattern in patterns)
    }
    return sent | dict(settings.set_env or ())


def assemble(
    directive: str, said: str | None, defaults: Sequence[str], known: Sequence[str]
) -> tuple[str, ...]:
    """Make a list of algorithms of what was said, as OpenSSH does.

    Args:
        directive: That said it, for the error.
        said: ``a,b`` replaces the defaults, ``+a,b`` appends, ``^a,b`` puts in
            front, ``-a*,b`` takes away.  Wildcards work in all but the plain form.
        defaults: What is used where nothing was said.
        known: All that is implemented; names beyond it are left out, since a
            server may still agree with us on another one.

    Raises:
        ConfigError: Nothing is left: whoever named algorithms wants none of the others.
    """
    if not said:
        return tuple(defaults)
    how, text = (said[0], said[1:]) if said[0] in "+-^" else ("", said)
    wanted = text.split(",")
    if how == "-":
        unwanted = Patterns(wanted)
        chosen = [each for each in defaults if not unwanted.match(each)]
    elif not how:
        chosen = [each for each in wanted if each in known]
    else:
        chosen = [each for pattern in wanted for each in known if matches(each, pattern)]
    if how == "+":
        chosen = [*defaults, *chosen]
    elif how == "^":
        chosen = [*chosen, *defaults]
    if not chosen:
        raise ConfigError(
            f"{directive} {said}: of these, trioexec has none.\nName one of {', '.join(known)}."
        )
    return tuple(dict.fromkeys(chosen))
