"""From the options to the transport of a run."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from msgspec.structs import replace

from trioexec.cli.options import (
    UNSET,
    CommandOptions,
    LimitOptions,
    SshOptions,
    TransportOptions,
)
from trioexec.cli.secrets import PASSWORD, SUDO_PASSWORD, Ask, passphrase_asker, secret_for
from trioexec.model.command import Limits, TimeLeft
from trioexec.model.errors import UsageError
from trioexec.model.nodes import Node
from trioexec.model.secret import Secret
from trioexec.settings.here import here

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation
    from trioexec.transports.base import Transport
    from trioexec.transports.ssh.options import SshOptions as Wanted

__all__ = ["check_transport", "login_password", "ssh_options_of", "sudo_password", "transport_for"]


_OF_FILES: Final = frozenset(
    {
        "identityfile",
        "certificatefile",
        "identityagent",
        "userknownhostsfile",
        "globalknownhostsfile",
        "revokedhostkeys",
    }
)
"""Directives whose values are paths, to be found from where we are."""

_AT_ONCE_S: Final = 1e-6
"""The deadline of a run that has no time left when it begins."""

NODES_A_WORKER = 1000
"""A worker process of its own for so many nodes, where there are cores for it."""


def transport_for(
    call: Invocation, nodes: Sequence[Node], limits: Limits, *, keep: bool = False
) -> tuple[Transport, Limits]:
    """Make the transport; it opens nothing yet, but may ask for secrets.

    Args:
        call: Its options.
        nodes: Of the run.
        limits: Of the run.
        keep: Whether a node is asked more than once, over one connection.

    Returns:
        It, and the limits with what programs that ssh_config names have left of the deadline.

    Raises:
        UsageError: A password is wanted, and there is nobody to ask; or a setting of a
            node makes no sense.
    """
    wanted = call.options(TransportOptions)
    if wanted.transport == "local":
        from trioexec.transports.local import LocalTransport  # noqa: PLC0415 - imports trio

        return LocalTransport(), limits
    left = TimeLeft(limits.deadline_s)
    transport = _over_ssh(call, wanted, nodes, left, keep=keep)
    return transport, replace(limits, deadline_s=max(left.seconds, _AT_ONCE_S))


def check_transport(call: Invocation) -> None:
    """Read what the options and ssh_config say, for a dry run: nothing is asked, run or opened.

    Raises:
        UsageError: As from `transport_for`.
    """
    if call.options(TransportOptions).transport != "local":
        from trioexec.transports.ssh.config import Facts, Programs  # noqa: PLC0415 - not for `nodes`
        from trioexec.transports.ssh.reading import read_config  # noqa: PLC0415 - likewise

        read_config(_wanted(call, password=None), Facts.of_this_process(), Programs())


def _wanted(call: Invocation, *, password: Secret | None) -> Wanted:
    return ssh_options_of(
        call.options(SshOptions),
        call.options(LimitOptions),
        connect_timeout_given=call.is_given("connect_timeout"),
        password=password,
    )


def _over_ssh(
    call: Invocation,
    wanted: TransportOptions,
    nodes: Sequence[Node],
    left: TimeLeft,
    *,
    keep: bool,
) -> Transport:
    said = call.options(SshOptions)
    options = _wanted(call, password=login_password(call))
    options = replace(options, keep_connections=keep)
    ask = passphrase_asker(call.env, _given(said.key_passphrase_fd))
    elsewhere = _elsewhere(wanted, options, nodes, ask, left)
    if elsewhere is not None:
        return elsewhere
    from trioexec.transports.ssh.transport import SshTransport  # noqa: PLC0415 - imports asyncssh

    transport = SshTransport(options)
    transport.prepare(nodes, ask, left)
    return transport


def _elsewhere(
    wanted: TransportOptions, options: Wanted, nodes: Sequence[Node], ask: Ask, left: TimeLeft
) -> Transport | None:
    """Have another process connect, where one does already or one is wanted."""

    def prepare(options: Wanted) -> Wanted:
        from trioexec.transports.ssh.routes import Routes  # noqa: PLC0415 - imports asyncssh

        routes = Routes(options)
        routes.unlock(nodes, ask, left)
        return replace(options, key_passphrases=tuple(routes.keys.passphrases.items()))

    from trioexec.transports.relay import place  # noqa: PLC0415 - light, but not for `nodes`

    if not wanted.no_hold and (wanted.persist or place.holder_socket(options)):
        from trioexec.transports.relay import spawn  # noqa: PLC0415 - imports trio

        if wanted.persist:
            return spawn.start_holder(options, wanted.persist, prepare)
        held = spawn.holder_for(options, prepare)
        if held is not None:
            return held
    count = min(wanted.workers, len(nodes)) or _workers_for(len(nodes))
    if count > 1:
        from trioexec.transports.relay.workers import workers_for  # noqa: PLC0415

        return workers_for(prepare(options), count)
    return None


def _workers_for(nodes: int) -> int:
    """One process while it is fast enough: a worker costs what a hundred nodes cost."""
    return min(os.cpu_count() or 1, nodes // NODES_A_WORKER) or 1


def login_password(call: Invocation) -> Secret | None:
    """Get the password that nodes and jump hosts share.

    Raises:
        UsageError: It is wanted, and nobody can be asked.
    """
    options = call.options(SshOptions)
    return secret_for(
        "--password",
        "Password for the nodes: ",
        wanted=options.password,
        descriptor=_given(options.password_fd),
        variable=call.env.get(PASSWORD),
    )


def sudo_password(call: Invocation) -> Secret | None:
    """Get the password for sudo, where the command is to run under it.

    Raises:
        UsageError: It is wanted, and nobody can be asked; or sudo does not go with another option.
    """
    options = call.options(CommandOptions)
    if not options.sudo_password and options.sudo_password_fd == UNSET:
        return None
    transport = call.options(TransportOptions).transport
    for other, given in (
        (f"--transport {transport}", transport != "ssh"),
        ("--tty", options.tty),
        ("--no-wrap", options.no_wrap),
    ):
        if given:
            raise UsageError(
                f"--sudo-password and {other} do not go together.\n"
                "Write sudo into the command yourself, or leave one of them out."
            )
    return secret_for(
        "--sudo-password",
        "sudo password on the nodes: ",
        wanted=True,
        descriptor=_given(options.sudo_password_fd),
        variable=call.env.get(SUDO_PASSWORD),
    )


def ssh_options_of(
    options: SshOptions,
    limits: LimitOptions,
    *,
    connect_timeout_given: bool,
    password: Secret | None,
) -> Wanted:
    """Make what the ssh transport takes.

    Args:
        options: The ``ssh`` group.
        limits: Those that the transport has to know too.
        connect_timeout_given: Whether it was said; else ConnectTimeout counts, where there is one.
        password: For logging in.
    """
    from trioexec.transports.ssh.options import SshOptions as Wanted  # noqa: PLC0415 - heavy

    return Wanted(
        user=options.user or None,
        port=_given(options.port),
        identities=tuple(map(_from_here, options.identity)),
        config_file=_from_here(options.ssh_config) if options.ssh_config else None,
        settings=tuple(_setting(name, value) for name, value in options.ssh_option),
        jump=options.jump or None,
        address_family=_family(options),
        strict_host_key_checking=options.strict_host_key_checking,
        server_alive_interval_s=_given(options.server_alive_interval),
        server_alive_count_max=_given(options.server_alive_count_max),
        connect_timeout_s=limits.connect_timeout if connect_timeout_given else None,
        parallel=limits.parallel or float("inf"),
        password=password,
    )


def _from_here(path: str) -> str:
    """Make of a path what means the same to a holder, which lives in another directory."""
    if path.lower() == "none" or path.startswith(("~", "%", "$", "SSH_AUTH_SOCK")):
        return path
    return str(Path(here()) / path)


def _setting(name: str, value: str) -> str:
    if name.lower() in _OF_FILES and not {"'", '"', "\\"} & set(value):
        value = " ".join(map(_from_here, value.split()))
    return f"{name}={value}"


def _family(options: SshOptions) -> Literal["inet", "inet6"] | None:
    if options.ipv4:
        return "inet"
    return "inet6" if options.ipv6 else None


def _given(number: int) -> int | None:
    return None if number == UNSET else number
