"""From the options to the transport of a run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trioexec.cli.options import TransportOptions

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation
    from trioexec.transports.base import Transport

__all__ = ["transport_for"]


def transport_for(call: Invocation) -> Transport:
    """Make the transport; it opens nothing yet.

    Raises:
        UsageError: An option of ssh makes no sense here.
    """
    if call.options(TransportOptions).transport == "local":
        from trioexec.transports.local import LocalTransport  # noqa: PLC0415 - imports trio

        return LocalTransport()
    from trioexec.transports.ssh import SshTransport  # noqa: PLC0415 - imports asyncssh

    return SshTransport(ssh_options_of(call))


def ssh_options_of(call: Invocation) -> ssh.SshOptions:
    """Make what the ssh transport takes."""
    from trioexec.transports.ssh.options import SshOptions as Wanted  # noqa: PLC0415

    options = call.options(SshOptions)
    return Wanted()
