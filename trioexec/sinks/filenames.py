"""File names for nodes: one name each, never the same for two, never outside the folder.  Pure."""

from __future__ import annotations

import hashlib
import string
from typing import Final

__all__ = ["LONGEST_BYTES", "file_name_for"]

LONGEST_BYTES: Final = 240
"""Leaves room for an extension within the 255 bytes of nearly every file system."""

_PLAIN: Final = frozenset((string.ascii_letters + string.digits + "._-@:[]+,=").encode())
_HASH_CHARACTERS: Final = 16


def file_name_for(node: str) -> str:
    """Make a file name of a node's name.

    ``user@host:port`` stays as it is.  Other characters become ``%XX`` of their
    UTF-8 bytes, and so does a dot at the start: two nodes never share a name, no
    name is hidden, and none leads out of the folder.  One that would be too long
    is cut, and ends in ``~`` and a hash of all of it.
    """
    raw = node.encode("utf-8", "surrogateescape")
    name = "".join(
        chr(byte) if byte in _PLAIN and (place or byte != ord(".")) else f"%{byte:02X}"
        for place, byte in enumerate(raw)
    )
    if 0 < len(name) <= LONGEST_BYTES:
        return name
    digest = hashlib.sha256(raw).hexdigest()[:_HASH_CHARACTERS]
    return f"{name[: LONGEST_BYTES - _HASH_CHARACTERS - 1]}~{digest}"
