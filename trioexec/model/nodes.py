"""A node, and its text form ``[user@]host[:port]``.

Expressions that stand for many nodes are the business of `hostlist`.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import Struct

from trioexec.model.errors import NodeSetError

__all__ = [
    "DEFAULT_PORT",
    "FOR_SHELLS",
    "MAX_PORT",
    "NODE_VARIABLE",
    "Node",
    "check_host",
    "check_user",
    "parse_node",
    "port_of",
]

DEFAULT_PORT: Final = 22
"""Where nobody says another."""

MAX_PORT: Final = 65535

NODE_VARIABLE: Final = "TRIOEXEC_NODE"
"""Tells a command that runs on this machine which node it runs for."""

FOR_SHELLS: Final = frozenset("'`\"$\\;&<>|(){}")
"""What OpenSSH refuses in the name of a host, because a ProxyCommand hands it to a shell."""

# A domain's users have a backslash, its machines a dollar sign.
_FOR_SHELLS_IN_USERS: Final = FOR_SHELLS - frozenset("$\\")

_TEXT = re.compile(
    r"(?:(?P<user>[^@\s]+)@)?"
    r"(?:\[(?P<bracketed>[^\[\]\s]+)\]|(?P<host>[^\[\]:\s@]+)|(?P<bare>[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%\w]*:[^\s@\[\]]*))"
    r"(?::(?P<port>[^:\s]*))?"
)


class Node(Struct, frozen=True, kw_only=True):
    """One machine of a run, as its user named it."""

    name: str
    """What was typed, with user and port: unique in a run, and how every output calls the node."""

    host: str
    """The host part as typed: the key of ssh_config look-ups. No brackets round an IPv6 address."""

    port: int | None = None
    """None: what the configuration says, in the end 22."""

    user: str | None = None
    """None: what the configuration says, in the end the local user."""

    rank: int = 0
    """Position in the run, from 0, in the order typed."""

    def __post_init__(self) -> None:
        """Refuse what no socket takes.

        Raises:
            NodeSetError: The port is none.
        """
        if self.port is not None and not 0 < self.port <= MAX_PORT:
            raise NodeSetError(_no_port(self.name, self.port))


def parse_node(text: str, *, rank: int = 0) -> Node:
    """Read one ``[user@]host[:port]``; an IPv6 address with a port stands in brackets.

    Raises:
        NodeSetError: The text is no such form, or the port is none.
    """
    match = _TEXT.fullmatch(text)
    if match is None:
        raise NodeSetError(f"{text!r} is not a node.\nWrite [user@]host[:port]; IPv6 as [::1]:22.")
    port_text = match["port"]
    port = None
    if port_text is not None:
        port = port_of(port_text)
        if port is None:
            raise NodeSetError(_no_port(text, port_text))
    host = match["bracketed"] or match["host"] or match["bare"]
    return Node(name=text, host=host, port=port, user=match["user"], rank=rank)


def _no_port(name: str, port: object) -> str:
    return f"{name!r}: {port!r} is not a port.\nA port is a number from 1 to {MAX_PORT}."


def port_of(text: str) -> int | None:
    """Read the number of a port; None where the text is none."""
    if re.fullmatch("[0-9]{1,9}", text) and 0 < int(text) <= MAX_PORT:
        return int(text)
    return None


def check_host(host: str) -> None:
    """Hold that a host's name is only a name to whatever program of ssh_config gets it.

    Raises:
        NodeSetError: A shell or an option's parser could take it for more.
    """
    if host.startswith("-") or any(map(_is_odd, host)) or not FOR_SHELLS.isdisjoint(host):
        raise NodeSetError(
            f"{host!r} cannot be the name of a host.\nWrite its name or address, and nothing else."
        )


def check_user(user: str) -> None:
    """Hold the same of a user's name.

    Raises:
        NodeSetError: It could be taken for more.
    """
    odd = any(map(_is_odd, user)) or not _FOR_SHELLS_IN_USERS.isdisjoint(user)
    if odd or user.startswith("-") or user.endswith("\\"):
        raise NodeSetError(
            f"{user!r} cannot be the name of a user.\nWrite the name, and nothing else."
        )


def _is_odd(character: str) -> bool:
    return character.isspace() or not character.isprintable()
