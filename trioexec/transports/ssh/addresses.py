"""Whether a host is named by its address."""

from __future__ import annotations

import ipaddress

__all__ = ["is_address"]


def is_address(host: str) -> bool:
    """Tell an IPv4 or IPv6 address, with a zone or without, from a name."""
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True
