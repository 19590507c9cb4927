"""Private keys from files, each read once a run."""

from __future__ import annotations

from pathlib import Path

import asyncssh  # noqa: TID251

from trioexec.transports.ssh.config import HostSettings

__all__ = ["KeyRing"]


class KeyRing:
    """Key pairs by file."""

    def __init__(self) -> None:
        self._by_path: dict[str, list[asyncssh.SSHKeyPair]] = {}

    def load(self, settings: HostSettings) -> list[asyncssh.SSHKeyPair]:
        """Give the key pairs of a node's identity files, in order; a file not there gives none."""
        pairs: list[asyncssh.SSHKeyPair] = []
        for path in settings.identity_files or ():
            if path not in self._by_path:
                self._by_path[path] = self._read(path)
            pairs += self._by_path[path]
        return pairs

    def _read(self, path: str) -> list[asyncssh.SSHKeyPair]:
        if not Path(path).is_file():
            return []
        try:
            return list(asyncssh.load_keypairs([path]))
        except (OSError, asyncssh.KeyImportError):
            return []
