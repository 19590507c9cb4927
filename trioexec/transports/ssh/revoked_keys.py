"""The file of RevokedHostKeys: a list of public keys, one a line.

A KRL, OpenSSH's binary form of it, is not read: then no host key is trusted.
"""

from __future__ import annotations

import base64
import binascii
from pathlib import Path

from trioexec.transports.ssh.known_hosts import UntrustedFileError, key_type

__all__ = ["RevokedKeys"]

_KRL_MAGIC = b"SSHKRL\n\0"


class RevokedKeys:
    """Keys that are never trusted."""

    def __init__(self, path: Path | None) -> None:
        """Read the file.

        Raises:
            UntrustedFileError: It cannot be read: then anything could be revoked.
        """
        self._keys: set[bytes] = set()
        if path is None:
            return
        try:
            data = path.read_bytes()
        except OSError as exc:
            raise UntrustedFileError(f"{path} (RevokedHostKeys): {exc.strerror}") from exc
        if data.startswith(_KRL_MAGIC):
            raise UntrustedFileError(
                f"{path} (RevokedHostKeys) is a KRL, which trioexec cannot read"
            )
        for line in data.decode("utf-8", "surrogateescape").splitlines():
            self._keys.update(_keys_in(line))

    def has(self, key: bytes) -> bool:
        """Tell whether a key is revoked."""
        return key in self._keys


def _keys_in(line: str) -> list[bytes]:
    """Find the key in a line, with or without its type in front."""
    found = []
    for word in [] if line.lstrip().startswith("#") else line.split():
        try:
            blob = base64.b64decode(word, validate=True)
        except (binascii.Error, ValueError):
            continue
        if key_type(blob).startswith(("ssh-", "ecdsa-", "sk-")):
            found.append(blob)
    return found
