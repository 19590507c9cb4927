"""What a look-up knows of this machine and account, and the tokens made from it.

``%h``, ``${VAR}`` and ``~`` are expanded here, each only where its directive
allows it.  No file is read but the account database.
"""

from __future__ import annotations

import hashlib
import os
import pwd
import re
import socket
from collections.abc import Callable, Mapping

from msgspec import Struct, field

__all__ = [
    "COMMAND_TOKENS",
    "HOST_TOKENS",
    "KEYS_TOKENS",
    "PATH_TOKENS",
    "Facts",
    "Tokens",
    "expand_user",
]

PATH_TOKENS = "CLTdhijklnpru"
"""Tokens of IdentityFile, CertificateFile, IdentityAgent, UserKnownHostsFile and Match exec."""

KEYS_TOKENS = PATH_TOKENS + "HIKft"
"""Tokens of KnownHostsCommand.  Those of the key say ``NONE``: it is asked before there is one."""

COMMAND_TOKENS = "hnpr"
"""Tokens of ProxyCommand and ProxyJump."""

HOST_TOKENS = "h"
"""The only token of HostName: the name as typed."""

_ENVIRONMENT = r"\$\{([^}]*)(\}?)"


def _account() -> tuple[str, str | None]:
    """Name and home of this account; OpenSSH believes the account database, not HOME."""
    try:
        entry = pwd.getpwuid(os.getuid())
    except KeyError:  # a container with a user id of its own; OpenSSH gives up here
        return os.environ.get("USER") or str(os.getuid()), os.environ.get("HOME") or None
    return entry.pw_name, entry.pw_dir or None


class Facts(Struct, frozen=True, kw_only=True):
    """The local side of every look-up of a run."""

    user: str
    uid: int
    home: str | None
    """None: there is none, and whatever needs one is an error."""

    hostname: str
    environ: Mapping[str, str] = field(default_factory=dict)
    command: str = ""
    """What will be run on the nodes, for ``Match command``."""

    @classmethod
    def of_this_process(cls, *, command: str = "") -> Facts:
        """Ask the system."""
        user, home = _account()
        return cls(
            user=user,
            uid=os.getuid(),
            home=home,
            hostname=socket.gethostname(),
            environ=dict(os.environ),
            command=command,
        )

    def __repr__(self) -> str:
        """Leave out the environment, which may hold secrets."""
        return f"Facts(user={self.user!r}, home={self.home!r}, hostname={self.hostname!r})"

    def expand_environment(self, text: str) -> str:
        """Replace ``${VAR}``.

        Raises:
            ValueError: A variable is not set, or a bracket is not closed.
        """
        if "${" not in text:
            return text

        def value(match: re.Match[str]) -> str:
            if not match[2]:
                raise ValueError(f"{text!r} has no closing bracket")
            if match[1] not in self.environ:
                raise ValueError(f"the environment has no {match[1]!r}")
            return self.environ[match[1]]

        return re.sub(_ENVIRONMENT, value, text)


def expand_user(path: str, home: str | None) -> str:
    """Replace a leading ``~`` or ``~name``.

    Raises:
        ValueError: There is no such account, or no home.
    """
    if not path.startswith("~"):
        return path
    name, slash, rest = path[1:].partition("/")
    if not name:
        if home is None:
            raise ValueError(f"{path!r} needs a home directory, and this account has none")
        return home.rstrip("/") + slash + rest
    try:
        return pwd.getpwnam(name).pw_dir.rstrip("/") + slash + rest
    except KeyError:
        raise ValueError(f"there is no user {name!r}") from None


class Tokens(Struct, frozen=True, kw_only=True):
    """The values that ``%`` tokens have for one name."""

    facts: Facts
    host: str
    """``%h``: the name to connect to."""

    original: str
    """``%n``: the name as typed."""

    port: int
    user: str
    alias: str
    """``%k``."""

    known_as: str = ""
    """``%H``: the name that known_hosts has."""

    jump: str = ""
    """``%j``: the jump host, if any."""

    def expand(self, text: str, allowed: str) -> str:
        """Replace ``%`` tokens.

        Raises:
            ValueError: A token is unknown, or is not for this directive.
        """
        if "%" not in text:
            return text
        out: list[str] = []
        parts = iter(text.split("%"))
        out.append(next(parts))
        for part in parts:
            if not part:  # "%%", or a lone "%" at the end
                following = next(parts, None)
                if following is None:
                    raise ValueError(f"{text!r} ends in a lone %; write %%")
                out.append("%" + following)
                continue
            if part[0] not in allowed:
                raise ValueError(f"%{part[0]} in {text!r} has no meaning here")
            out.append(_VALUES[part[0]](self) + part[1:])
        return "".join(out)


def _home(tokens: Tokens) -> str:
    if tokens.facts.home is None:
        raise ValueError("%d needs a home directory, and this account has none")
    return tokens.facts.home


def _digest(tokens: Tokens) -> str:
    parts = (tokens.facts.hostname, tokens.host, str(tokens.port), tokens.user, tokens.jump)
    # OpenSSH's choice of hash, for a short name: nothing is protected by it.
    return hashlib.sha1("".join(parts).encode(), usedforsecurity=False).hexdigest()


_VALUES: dict[str, Callable[[Tokens], str]] = {
    "C": _digest,
    "H": lambda tokens: tokens.known_as,
    "I": lambda _tokens: "HOSTNAME",
    "K": lambda _tokens: "NONE",
    "L": lambda tokens: tokens.facts.hostname.partition(".")[0],
    "T": lambda _tokens: "NONE",
    "d": _home,
    "f": lambda _tokens: "NONE",
    "h": lambda tokens: tokens.host,
    "i": lambda tokens: str(tokens.facts.uid),
    "j": lambda tokens: tokens.jump,
    "k": lambda tokens: tokens.alias,
    "l": lambda tokens: tokens.facts.hostname,
    "n": lambda tokens: tokens.original,
    "p": lambda tokens: str(tokens.port),
    "r": lambda tokens: tokens.user,
    "t": lambda _tokens: "NONE",
    "u": lambda tokens: tokens.facts.user,
}
