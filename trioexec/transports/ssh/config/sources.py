"""Which files are read, and how a program of ``Match exec`` is run."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from trioexec.transports.ssh.config.facts import Facts, expand_user
from trioexec.transports.ssh.config.parser import ConfigFile
from trioexec.transports.ssh.config.programs import Programs

__all__ = ["config_files", "run_in_shell"]

EXEC_LIMIT_S = 30.0
"""How long a program of ``Match exec`` may take; OpenSSH would wait for ever."""


def config_files(option: str | None, facts: Facts) -> list[ConfigFile]:
    """Say which files to read: the value of ``-F``, else the user's and the system's."""
    if option is not None:
        if option.lower() == "none":
            return []
        return [ConfigFile(path=Path(expand_user(option, facts.home)), required=True)]
    files = [ConfigFile(path=Path("/etc/ssh/ssh_config"), of_user=False)]
    if facts.home:
        files.insert(0, ConfigFile(path=Path(facts.home, ".ssh/config"), guarded=True))
    return files


def run_in_shell(command: str, programs: Programs) -> bool:
    """Run a program of ``Match exec`` with the user's shell, and tell whether it succeeded.

    Raises:
        ValueError: It took too long, or there is no such shell.
    """
    shell = os.environ.get("SHELL") or "/bin/sh"
    try:
        code, _ = programs.run([shell, "-c", command], limit_s=EXEC_LIMIT_S)
    except subprocess.TimeoutExpired:
        raise ValueError(f"{command!r} took more than {EXEC_LIMIT_S:g} s") from None
    except OSError as exc:
        raise ValueError(f"cannot run {shell}: {exc.strerror or exc}") from exc
    return code == 0
