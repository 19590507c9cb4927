"""Host keys as people and files have them: fingerprints, lines, sizes."""

from __future__ import annotations

import base64
import hashlib
import os

from trioexec.transports.ssh.hashed_names import hash_name
from trioexec.transports.ssh.known_hosts import key_type

__all__ = ["fingerprint", "line_for", "rsa_bits"]

SALT_BYTES = 20
"""As long as OpenSSH's."""


def fingerprint(key: bytes) -> str:
    """Name a key as OpenSSH does: type and hash."""
    digest = base64.b64encode(hashlib.sha256(key).digest()).decode().rstrip("=")
    return f"{key_type(key)} SHA256:{digest}"


def line_for(name: str, key: bytes, *, hashed: bool) -> str:
    """Write the line that records a key; the name has to be safe already."""
    if hashed:
        salt = os.urandom(SALT_BYTES)
        parts = (base64.b64encode(each).decode() for each in (salt, hash_name(name, salt)))
        name = "|1|" + "|".join(parts)
    return f"{name} {key_type(key)} {base64.b64encode(key).decode()}"


def rsa_bits(key: bytes) -> int | None:
    """Tell how long an RSA key is; None for other keys."""
    if key_type(key) != "ssh-rsa":
        return None
    at, parts = 0, []
    while at + 4 <= len(key):
        length = int.from_bytes(key[at : at + 4], "big")
        parts.append(key[at + 4 : at + 4 + length])
        at += 4 + length
    return int.from_bytes(parts[-1], "big").bit_length()
