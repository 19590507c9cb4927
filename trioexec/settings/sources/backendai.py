"""``@backendai``: the nodes of the Backend.AI session we are in."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from trioexec.model.errors import UsageError
from trioexec.settings.sources.base import ALL, Surroundings, unknown_group

__all__ = ["HOSTS_VARIABLE", "BackendAiSource"]

HOSTS_VARIABLE: Final = "BACKENDAI_CLUSTER_HOSTS"

PORT: Final = 2200
"""Where the SSH servers of a session listen."""


class BackendAiSource:
    """Reads the environment; the session's main node comes first, so that it is the main rank."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._env = surroundings.env

    def nodes(self, group: str) -> Iterator[str]:
        """Yield the nodes of the session.

        Raises:
            UsageError: We are in no session, or a group was asked for.
        """
        if group not in ("", ALL):
            raise unknown_group(f"@backendai:{group}", [ALL], prefix="@backendai:")
        hosts = [host.strip() for host in self._env.get(HOSTS_VARIABLE, "").split(",")]
        hosts = [host for host in hosts if host]
        if not hosts:
            raise UsageError(
                f"@backendai: this is not inside a Backend.AI session: {HOSTS_VARIABLE} is not"
                " set.\nName the nodes themselves."
            )
        this = self._env.get("BACKENDAI_CLUSTER_HOST", "")
        if self._env.get("BACKENDAI_CLUSTER_ROLE", "").lower() == "main" and this in hosts:
            hosts.remove(this)
            hosts.insert(0, this)
        yield from (host if ":" in host else f"{host}:{PORT}" for host in hosts)

    def groups(self) -> list[str]:
        """List the one group."""
        return [ALL]
