"""A node, and its text form ``[user@]host[:port]``.

Expressions that stand for many nodes are the business of `hostlist`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from trioexec.model.errors import NodeSetError

__all__ = ["Node", "parse_node"]

MAX_PORT = 65535

_TEXT = re.compile(
    r"(?:(?P<user>[^@\s]+)@)?"
    r"(?:\[(?P<bracketed>[^\[\]\s]+)\]|(?P<host>[^\[\]:\s@]+)|(?P<bare>[0-9A-Fa-f:.]*:[0-9A-Fa-f:.%\w]*:[^\s@\[\]]*))"
    r"(?::(?P<port>[^:\s]*))?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
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
        if not (re.fullmatch("[0-9]{1,9}", port_text) and 0 < int(port_text) <= MAX_PORT):
            raise NodeSetError(
                f"{text!r}: {port_text!r} is not a port.\nA port is a number from 1 to {MAX_PORT}."
            )
        port = int(port_text)
    host = match["bracketed"] or match["host"] or match["bare"]
    return Node(name=text, host=host, port=port, user=match["user"], rank=rank)
