"""What a user of the ssh transport may choose; plain values, nothing is looked up here."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from trioexec.model.errors import UsageError
from trioexec.model.nodes import MAX_PORT
from trioexec.model.secret import Secret

__all__ = ["KEEPALIVE_COUNT", "KEEPALIVE_S", "SshOptions"]

KEEPALIVE_S = 30
"""A node is asked this often whether it is still there: less than a NAT forgets in."""

KEEPALIVE_COUNT = 3
"""So many answers may be missing before the node counts as gone."""


class SshOptions(Struct, frozen=True, kw_only=True):
    """The ``ssh`` group of options.  None: what ssh_config says, then OpenSSH's default.

    Raises:
        UsageError: The port or the time is none.
    """

    user: str | None = None
    """Who logs in, on nodes that do not say."""

    port: int | None = None
    """Likewise."""

    identities: tuple[str, ...] = ()
    """Private key files; tried before those of the configuration."""

    config_file: str | None = None
    """Instead of the user's and the system's; ``none`` for no file at all."""

    settings: tuple[str, ...] = ()
    """``Key=Value`` as after ``ssh -o``; they come before every file."""

    jump: str | None = None
    """``[user@]host[:port]``, several with commas; ``none`` for none."""

    address_family: Literal["any", "inet", "inet6"] | None = None
    """``"inet"`` is IPv4 alone, ``"inet6"`` IPv6."""

    strict_host_key_checking: Literal["yes", "no", "accept-new"] | None = None
    """What becomes of a host key that is not known: ``"accept-new"``, the default, records it."""

    server_alive_interval_s: int | None = None
    """After so many seconds without a word a node is asked whether it is there, by default 30.
    0: never."""

    server_alive_count_max: int | None = None
    """So many answers may be missing before the node counts as gone, by default 3."""

    connect_timeout_s: float | None = None
    """Seconds, for each hop and for the node itself; before ConnectTimeout and the engine's own."""

    parallel: float = 64
    """How many nodes at once: the receive windows share one budget."""

    password: Secret | None = None
    """Login password, for `password` and keyboard-interactive authentication."""

    key_passphrases: tuple[tuple[str, Secret], ...] = ()
    """Path of a key file and its passphrase: what one process has asked for another."""

    keep_connections: bool = False
    """Whether connections stay open for later calls, until the transport closes."""

    def __post_init__(self) -> None:
        """Refuse what would fail only when the first node is to be reached."""
        if self.port is not None and not 0 < self.port <= MAX_PORT:
            raise UsageError(
                f"port: {self.port} is not a port.\nA port is a number from 1 to {MAX_PORT}."
            )
        if self.connect_timeout_s is not None and not self.connect_timeout_s > 0:  # nor is NaN
            raise UsageError(
                f"connect_timeout_s: {self.connect_timeout_s} is no length of time.\n"
                "It takes seconds above 0, or math.inf."
            )
