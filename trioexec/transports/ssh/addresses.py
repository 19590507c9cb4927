"""Whether a host is named by its address, and how that one is written."""

from __future__ import annotations

import socket

__all__ = ["canonical_address", "is_address"]


def canonical_address(host: str) -> str | None:
    """Give an IPv4 or IPv6 address, with a zone or without, in its one usual form.

    None where it is no address.  ``127.1`` is one, as for all that ask the resolver.
    """
    address, zone_mark, zone = host.partition("%")
    try:
        if ":" in address:
            packed = socket.inet_pton(socket.AF_INET6, address)
            return socket.inet_ntop(socket.AF_INET6, packed) + zone_mark + zone
        if host[:1].isdecimal() and not any(map(str.isspace, host)):
            return socket.inet_ntoa(socket.inet_aton(host))
    except (OSError, ValueError):
        pass
    return None


def is_address(host: str) -> bool:
    """Tell an address from a name."""
    return canonical_address(host) is not None
