"""What ssh_config and the options say, read once; light: who connects to nothing may ask too."""

from __future__ import annotations

from functools import partial

from trioexec.transports.ssh.config import (
    Facts,
    Programs,
    SshConfig,
    config_files,
    run_in_shell,
)
from trioexec.transports.ssh.options import SshOptions

__all__ = ["read_config"]


def read_config(options: SshOptions, facts: Facts, programs: Programs) -> SshConfig:
    """Read the configuration; programs that it names are run when nodes are looked up.

    Raises:
        ConfigError: The configuration cannot be understood.
    """
    return SshConfig.load(
        config_files(options.config_file, facts),
        facts=facts,
        options=_as_settings(options),
        run=partial(run_in_shell, programs=programs),
    )


def _as_settings(options: SshOptions) -> tuple[str, ...]:
    """The command line's options, in the order of precedence and in ssh_config's words."""
    ours = [f"IdentityFile={path}" for path in options.identities]
    if options.jump is not None:
        ours.append(f"ProxyJump={options.jump}")
    if options.address_family is not None:
        ours.append(f"AddressFamily={options.address_family}")
    if options.strict_host_key_checking is not None:
        ours.append(f"StrictHostKeyChecking={options.strict_host_key_checking}")
    if options.server_alive_interval_s is not None:
        ours.append(f"ServerAliveInterval={options.server_alive_interval_s}")
    if options.server_alive_count_max is not None:
        ours.append(f"ServerAliveCountMax={options.server_alive_count_max}")
    return (*ours, *options.settings)
