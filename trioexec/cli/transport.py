"""From the options to the transport of a run."""

from __future__ import annotations

import getpass
import os
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, cast

from trioexec.cli.options import UNSET, LimitOptions, SshOptions, TransportOptions
from trioexec.model.errors import UsageError
from trioexec.model.nodes import Node
from trioexec.model.secret import Secret

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation
    from trioexec.transports.base import Transport
    from trioexec.transports.ssh.options import SshOptions as Wanted

__all__ = ["ask_if_possible", "ask_password", "ssh_options_of", "transport_for"]


NODES_A_WORKER = 1000
"""A worker process of its own for so many nodes, where there are cores for it."""


def transport_for(call: Invocation, name: str, nodes: Sequence[Node]) -> Transport:
    """Make the transport of that name; it opens nothing yet, but may ask for secrets.

    Raises:
        UsageError: A password is wanted, and there is nobody to ask; or a setting of a
            node makes no sense.
    """
    if name == "local":
        from trioexec.transports.local import LocalTransport  # noqa: PLC0415 - imports trio

        return LocalTransport()
    wanted = call.options(TransportOptions)
    options = ssh_options_of(
        call.options(SshOptions),
        call.options(LimitOptions),
        ask=lambda prompt: ask_password("--password", prompt),
    )
    elsewhere = _elsewhere(wanted, options, len(nodes))
    if elsewhere is not None:
        return elsewhere
    from trioexec.transports.ssh.transport import SshTransport  # noqa: PLC0415 - imports asyncssh

    transport = SshTransport(options)
    transport.prepare(nodes, ask_if_possible)
    return transport


def _elsewhere(wanted: TransportOptions, options: Wanted, nodes: int) -> Transport | None:
    """Have another process connect, where one does already or one is wanted."""
    from trioexec.transports.relay import place  # noqa: PLC0415 - light, but not for `nodes`

    if not wanted.no_hold and (wanted.persist or place.socket_path(options, make=False).exists()):
        from trioexec.transports.relay import spawn  # noqa: PLC0415 - imports trio

        if wanted.persist:
            return spawn.start_holder(options, wanted.persist)
        held = spawn.holder_for(options)
        if held is not None:
            return held
    count = wanted.workers or _workers_for(nodes)
    if count > 1:
        from trioexec.transports.relay.spawn import WorkersTransport  # noqa: PLC0415

        return WorkersTransport(options, count)
    return None


def _workers_for(nodes: int) -> int:
    """One process while it is fast enough: a worker costs what a hundred nodes cost."""
    return min(os.cpu_count() or 1, nodes // NODES_A_WORKER) or 1


def ssh_options_of(
    options: SshOptions, limits: LimitOptions, *, ask: Callable[[str], Secret]
) -> Wanted:
    """Make what the ssh transport takes.

    Args:
        options: The ``ssh`` group.
        limits: Those that the transport has to know too.
        ask: Gets a prompt, and gives what the user typed.
    """
    from trioexec.transports.ssh.options import SshOptions as Wanted  # noqa: PLC0415 - heavy

    return Wanted(
        user=options.user or None,
        port=_unless_unset(options.port),
        identities=options.identity,
        config_file=options.ssh_config or None,
        settings=tuple(f"{name}={value}" for name, value in options.ssh_option),
        jump=options.jump or None,
        address_family=_family(options),
        strict_host_key_checking=cast(
            'Literal["yes", "no", "accept-new"] | None', options.strict_host_key_checking or None
        ),
        server_alive_interval_s=_unless_unset(options.server_alive_interval),
        server_alive_count_max=_unless_unset(options.server_alive_count_max),
        connect_timeout_s=limits.connect_timeout,
        parallel=limits.parallel or float("inf"),
        password=ask("Password for the nodes: ") if options.password else None,
    )


def _family(options: SshOptions) -> Literal["inet", "inet6"] | None:
    if options.ipv4:
        return "inet"
    return "inet6" if options.ipv6 else None


def _unless_unset(number: int) -> int | None:
    return None if number == UNSET else number


def ask_password(option: str, prompt: str) -> Secret:
    """Ask at the terminal, without echo.

    Raises:
        UsageError: There is no terminal.
    """
    secret = ask_if_possible(prompt)
    if secret is None:
        raise UsageError(
            f"{option}: there is no terminal to ask at.\nUse keys, or an agent, or NOPASSWD."
        )
    return secret


def ask_if_possible(prompt: str) -> Secret | None:
    """Ask at the terminal, without echo; None where there is none, or no answer."""
    try:
        # getpass would fall back to stdin, with echo.
        with open("/dev/tty", encoding="utf-8"):  # noqa: PTH123 - only to see whether it opens
            pass
        return Secret(getpass.getpass(prompt, stream=sys.stderr))
    except (OSError, EOFError):
        return None
