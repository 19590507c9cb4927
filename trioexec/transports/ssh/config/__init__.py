"""ssh_config, read once a run and answered per node: ``SshConfig.load(...).lookup(name)``."""

from __future__ import annotations

from trioexec.transports.ssh.config.facts import Facts
from trioexec.transports.ssh.config.lookup import SshConfig
from trioexec.transports.ssh.config.parser import ConfigFile, files_of
from trioexec.transports.ssh.config.programs import NoTimeLeftError, Programs
from trioexec.transports.ssh.config.settings import (
    Hop,
    HostSettings,
    agent_socket,
    assemble,
    environment_to_send,
    with_openssh_defaults,
)
from trioexec.transports.ssh.config.sources import config_files, run_in_shell
from trioexec.transports.ssh.config.variables import variables_that_count

__all__ = [
    "ConfigFile",
    "Facts",
    "Hop",
    "HostSettings",
    "NoTimeLeftError",
    "Programs",
    "SshConfig",
    "agent_socket",
    "assemble",
    "config_files",
    "environment_to_send",
    "files_of",
    "run_in_shell",
    "variables_that_count",
    "with_openssh_defaults",
]
