"""Whose host key it is said to be, what a certificate says of it, and what was decided."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from trioexec.transports.ssh.known_hosts import host_and_port

__all__ = ["HostCertificate", "Kind", "Peer", "Policy", "Verdict", "refused"]

Policy = Literal["yes", "no", "ask", "accept-new"]

Kind = Literal["known", "certified", "new", "changed", "revoked", "refused"]

_SAFE_NAME = re.compile(r"[^\s\x00-\x1f\x7f,#|*?!@\"'\\\[\]:]+")


class Peer(Struct, frozen=True):
    """Whose key it is said to be."""

    host: str
    """The name we connect to, after HostName."""

    port: int = 22
    alias: str | None = None
    """HostKeyAlias: stands for both of them."""

    @property
    def name(self) -> str:
        """As known_hosts has it."""
        return self.alias.lower() if self.alias else host_and_port(self.host, self.port)

    @property
    def principal(self) -> str:
        """As a certificate has it."""
        return (self.alias or self.host).lower()

    @property
    def names(self) -> tuple[str, ...]:
        """The names to look for, the exact one first; the other counts where that has no line."""
        return (self.name,) if self.name == self.principal else (self.name, self.principal)

    @property
    def can_be_recorded(self) -> bool:
        """Whether the name, written into a line, is one name and nothing else."""
        return _SAFE_NAME.fullmatch(self.principal) is not None or _is_ipv6(self.principal)


def _is_ipv6(text: str) -> bool:
    return re.fullmatch(r"[0-9a-f]*:[0-9a-f:.]*(%[\w.-]+)?", text) is not None


class Verdict(Struct, frozen=True, kw_only=True):
    """What is to be done with a key."""

    kind: Kind
    trusted: bool
    reason: str = ""
    """Why it is not; one line."""

    remedy: str = ""
    """What to do about it; one line."""

    note: str = ""
    """Worth saying with ``-v`` though the key is trusted."""

    warning: str = ""
    """Worth saying to everybody, and once a run, though the key is trusted."""

    secrets: bool = True
    """Whether passwords may be sent: not to a host that is only let through by ``no``."""

    @property
    def text(self) -> str:
        """Two lines for people."""
        return f"{self.reason}\n{self.remedy}"


class HostCertificate(Struct, frozen=True, kw_only=True):
    """What a host certificate says; its signature was verified."""

    key: bytes
    ca: bytes
    for_host: bool
    principals: tuple[str, ...]
    valid_after_s: int
    valid_before_s: int
    signature_algorithm: str

    def fault(self, principal: str, ca_algorithms: Sequence[str], now_s: float) -> str:
        """Say why it is not good for a host; empty where it is."""
        if not self.for_host:
            return "is for users, not for hosts"
        if now_s < self.valid_after_s:
            return "is not valid yet"
        if now_s >= self.valid_before_s:
            return "has expired"
        if self.principals and principal not in self.principals:
            return f"is for {', '.join(self.principals)}"
        if self.signature_algorithm not in ca_algorithms:
            return f"is signed with {self.signature_algorithm}, which is not accepted"
        return ""


def refused(reason: str, remedy: str) -> Verdict:
    """Make a verdict of two lines."""
    return Verdict(kind="refused", trusted=False, reason=reason, remedy=remedy)
