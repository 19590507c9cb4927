"""Nodes over SSH: asyncssh through trio-asyncio.  The only folder that knows either."""

from __future__ import annotations

from trioexec.transports.ssh.options import SshOptions

__all__ = ["SshOptions"]
