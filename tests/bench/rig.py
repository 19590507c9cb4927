"""The other end: one real sshd on loopback, a thousand addresses, one configuration for all."""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["World", "open_world"]

USER: Final = "trioexec-bench"
READY_S: Final = 10.0

SSHD_CONFIG: Final = """\
ListenAddress 0.0.0.0
Port {port}
HostKey {dir}/host_key
AuthorizedKeysFile {dir}/client_key.pub
PidFile none
StrictModes no
UsePAM no
UseDNS no
PrintMotd no
PasswordAuthentication no
KbdInteractiveAuthentication no
KexAlgorithms curve25519-sha256
MaxStartups 20000
MaxSessions 1000
LoginGraceTime 600
LogLevel ERROR
"""

SSH_CONFIG: Final = """\
Host *
  Port {port}
  User {user}
  IdentityFile {dir}/client_key
  IdentitiesOnly yes
  UserKnownHostsFile {dir}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  LogLevel ERROR
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """Everything that a program under measurement is told."""

    dir: Path
    port: int
    user: str
    env: Mapping[str, str]

    @property
    def ssh_config(self) -> Path:
        return self.dir / "ssh_config"

    @property
    def key(self) -> Path:
        return self.dir / "client_key"

    @property
    def known_hosts(self) -> Path:
        return self.dir / "known_hosts"

    def hosts(self, count: int) -> Path:
        """A file of so many addresses, a line each; 250 a /24, from 127.0.1.1."""
        path = self.dir / f"hosts-{count}"
        lines = [f"127.0.{1 + index // 250}.{1 + index % 250}" for index in range(count)]
        path.write_text("\n".join(lines) + "\n")
        return path


@contextmanager
def open_world() -> Iterator[World]:
    """Serve until it is left."""
    sshd = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if sshd is None:
        sys.exit("bench: no sshd on this machine: apt-get install openssh-server")
    user = _user()
    with tempfile.TemporaryDirectory(prefix="trioexec-bench-") as name, _port() as port:
        directory = Path(name)
        directory.chmod(0o755)
        for key in ("host_key", "client_key"):
            subprocess.run(
                ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(directory / key)],
                check=True,
            )
        host_key = " ".join((directory / "host_key.pub").read_text().split()[:2])
        (directory / "known_hosts").write_text(f"[127.0.*]:{port} {host_key}\n")
        (directory / "sshd_config").write_text(SSHD_CONFIG.format(dir=directory, port=port))
        (directory / "ssh_config").write_text(
            SSH_CONFIG.format(dir=directory, port=port, user=user)
        )
        (directory / "home").mkdir()
        daemon = subprocess.Popen([sshd, "-D", "-e", "-f", str(directory / "sshd_config")])
        try:
            _await_answer(port)
            yield World(dir=directory, port=port, user=user, env=_environment(directory))
        finally:
            daemon.terminate()
            daemon.wait()


def _user() -> str:
    """A user of our own with a quick shell, where we may make one."""
    if os.geteuid() != 0:
        return getpass.getuser()
    Path("/run/sshd").mkdir(exist_ok=True)
    with contextlib.suppress(KeyError):
        pwd.getpwnam(USER)
        return USER
    shell = shutil.which("dash") or "/bin/sh"
    subprocess.run(["useradd", "-m", "-s", shell, USER], check=True)
    # A locked password keeps sshd from letting anybody in, with a key too.
    subprocess.run(["usermod", "-p", "*", USER], check=True)
    return USER


def _environment(directory: Path) -> dict[str, str]:
    """What every program sees: no agent, no settings of ours, a home of its own."""
    dropped = ("PYTHON", "SSH_", "TRIOEXEC_", "BACKENDAI_", "XDG_", "PDSH", "COVERAGE")
    env = {key: value for key, value in os.environ.items() if not key.startswith(dropped)}
    return env | {
        "HOME": str(directory / "home"),
        "PDSH_SSH_ARGS_APPEND": f"-F {directory / 'ssh_config'}",
    }


@contextmanager
def _port() -> Iterator[int]:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    yield port


def _await_answer(port: int) -> None:
    end_s = time.monotonic() + READY_S
    while time.monotonic() < end_s:
        try:
            with socket.create_connection(("127.0.1.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)  # noqa: TID251 - no loop here
    sys.exit("bench: sshd does not answer")
