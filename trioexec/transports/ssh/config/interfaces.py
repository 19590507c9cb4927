"""The addresses of this machine's interfaces, for ``Match localnetwork``.  Linux only.

The standard library has no call for it, and the kernel's files have it all.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path

__all__ = ["local_addresses", "local_networks_match", "parse_networks"]

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_LOCAL_IPV4 = r"\|-- ([0-9.]+)\s+/32 host LOCAL"


def local_addresses(proc: Path = Path("/proc/net")) -> set[_Address]:
    """List them.

    Raises:
        ValueError: This system does not tell.
    """
    found: set[_Address] = set()
    try:
        for text in re.findall(_LOCAL_IPV4, (proc / "fib_trie").read_text()):
            found.add(ipaddress.IPv4Address(text))
    except OSError as exc:
        raise ValueError(f"the local addresses cannot be read: {exc}") from exc
    try:
        lines = (proc / "if_inet6").read_text().splitlines()
    except OSError:  # a kernel without IPv6
        lines = []
    found.update(ipaddress.IPv6Address(int(line.split()[0], 16)) for line in lines)
    return found


def parse_networks(text: str) -> tuple[tuple[bool, _Network], ...]:
    """Read a comma list of networks, each perhaps negated.

    Raises:
        ValueError: One is none.
    """
    return tuple(
        (each.startswith("!"), ipaddress.ip_network(each.removeprefix("!")))
        for each in text.split(",")
    )


def local_networks_match(networks: Sequence[tuple[bool, _Network]]) -> bool:
    """Tell whether an address of ours is in one of the networks and in none of the negated."""
    for address in local_addresses():
        inside = [negated for negated, network in networks if address in network]
        if inside and not any(inside):
            return True
    return False
