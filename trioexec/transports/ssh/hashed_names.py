"""Names as ``HashKnownHosts`` writes them: HMAC-SHA1 with a salt of their own, ``|1|salt|hash``."""

from __future__ import annotations

import base64
import binascii
import hashlib

__all__ = ["HashedName", "hash_name", "parse_hashed"]

_INNER = bytes(byte ^ 0x36 for byte in range(256))
_OUTER = bytes(byte ^ 0x5C for byte in range(256))
_BLOCK_BYTES = 64


def hash_name(name: str, salt: bytes) -> bytes:
    """Hash a name as ``HashKnownHosts`` does: HMAC-SHA1 with the salt as its key."""
    return HashedName(salt, b"").digest(name.encode("utf-8", "surrogateescape"))


class HashedName:
    """One hashed name; its pads are made once, since every look-up has to try every line."""

    __slots__ = ("_inner", "_outer", "wanted")

    def __init__(self, salt: bytes, wanted: bytes) -> None:
        key = salt.ljust(_BLOCK_BYTES, b"\0")
        self._inner = key.translate(_INNER)
        self._outer = key.translate(_OUTER)
        self.wanted: bytes = wanted

    def digest(self, name: bytes) -> bytes:
        """Hash a name with this one's salt: equal to `wanted` where it is this one."""
        sha1 = hashlib.sha1
        return sha1(self._outer + sha1(self._inner + name).digest()).digest()


def parse_hashed(text: str) -> HashedName | None:
    """Read one; None where it is none that we know."""
    parts = text.split("|")
    if len(parts) != 4 or parts[1] != "1":  # noqa: PLR2004 - "", "1", salt, hash
        return None
    try:
        return HashedName(
            base64.b64decode(parts[2], validate=True), base64.b64decode(parts[3], validate=True)
        )
    except (binascii.Error, ValueError):
        return None
