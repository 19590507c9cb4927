"""A real sshd that is a fleet: it answers as any 127.0.x.y, and what a node is like is in its address."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

__all__ = [
    "Sshd",
    "closed_port",
    "free_port",
    "full_server",
    "keygen",
    "pids_with",
    "run_sshd",
    "serve_ssh",
    "silent_server",
]

READY_S = 30.0

EVERY_SSHD = """\
ListenAddress 0.0.0.0
Port {port}
HostKey {dir}/host_key
AuthorizedKeysFile {keys}
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
LogLevel VERBOSE
"""
"""What stands before it wins."""

NO_LOGIN_FILES = """\
Match User root
    SetEnv HOME={dir}/home
"""
"""What root's own login files do (locks, version managers) is not what is tested."""

FLEET = """\
LoginGraceTime 60
MaxStartups 1000:30:2000
MaxSessions 100
AcceptEnv none
Match LocalAddress 127.0.9.0/24
    AuthorizedKeysFile none
Match LocalAddress 127.0.8.0/24
    MaxSessions 1
Match LocalAddress 127.0.7.0/24
    ForceCommand sh -c "$SSH_ORIGINAL_COMMAND"
Match LocalAddress 127.0.5.0/24
    AuthorizedKeysFile none
    AuthorizedKeysCommand {sleep} 86399
    AuthorizedKeysCommandUser {command_user}
"""

SSH_CONFIG = """\
Host *
    Port {port}
    User {user}
    IdentityFile {dir}/client_key
    IdentitiesOnly yes
    UserKnownHostsFile {dir}/known_hosts
    GlobalKnownHostsFile none
"""


@dataclass(frozen=True, kw_only=True)
class Sshd:
    """An sshd that runs.

    127.0.1.y to 127.0.4.y are plain nodes.  127.0.5.y never comes to an end of the
    authentication; the known key of 127.0.6.y is another one; 127.0.7.y forces its
    commands; 127.0.8.y allows one session a connection; 127.0.9.y lets nobody in.
    """

    port: int
    dir: Path
    user: str
    """Whom the ssh_config names: unprivileged if that can be."""

    process: subprocess.Popen[bytes]

    @property
    def config(self) -> Path:
        return self.dir / "ssh_config"

    @property
    def shared(self) -> Path:
        """A folder that every account may write to; all nodes see the same one."""
        return self.dir / "shared"

    @property
    def log(self) -> str:
        return (self.dir / "sshd.log").read_text(errors="replace")

    def logins(self, since: int = 0) -> int:
        """How many connections have authenticated, from this place of the log on."""
        return self.log[since:].count("Accepted publickey")


@contextmanager
def run_sshd(folder: Path, *, user: str, command_user: str) -> Iterator[Sshd]:
    """Serve until this is left."""
    sleep = shutil.which("sleep")
    assert sleep
    folder.chmod(0o755)  # sshd reads the keys as the user who logs in
    port = free_port()
    other_key = _public(keygen(folder / "other_host_key"))
    keygen(folder / "client_key")
    keys = folder / "client_key.pub"
    keys.chmod(0o644)
    (folder / "ssh_config").write_text(SSH_CONFIG.format(port=port, user=user, dir=folder))
    (folder / "shared").mkdir()
    (folder / "shared").chmod(0o1777)
    matches = FLEET.format(sleep=Path(sleep).resolve(), command_user=command_user)
    with serve_ssh(folder, port=port, keys=keys, after=matches) as (process, host_key):
        known = ",".join(f"[127.0.{net}.*]:{port}" for net in (0, 1, 2, 3, 4, 5, 7, 8, 9))
        (folder / "known_hosts").write_text(f"{known} {host_key}[127.0.6.*]:{port} {other_key}")
        try:
            yield Sshd(port=port, dir=folder, user=user, process=process)
        finally:
            for pid in pids_with(b"\x0086399\x00"):
                os.kill(pid, signal.SIGKILL)


@contextmanager
def serve_ssh(
    folder: Path, *, port: int, keys: Path, before: str = "", after: str = ""
) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    """Have an sshd in a folder, once it answers; give its process and its public key.

    `before` wins over what every sshd here has, `after` is for Match blocks.
    """
    program = shutil.which("sshd", path=os.pathsep.join((os.environ["PATH"], "/usr/sbin")))
    if program is None:
        pytest.skip("no sshd on this machine")
    host_key = _public(keygen(folder / "host_key"))
    (folder / "home").mkdir(exist_ok=True)
    every = EVERY_SSHD.format(port=port, dir=folder, keys=keys)
    text = f"{before}\n{every}{after}{NO_LOGIN_FILES.format(dir=folder)}"
    (folder / "sshd_config").write_text(text)
    log = folder / "sshd.log"
    process = subprocess.Popen(
        [program, "-D", "-E", str(log), "-f", str(folder / "sshd_config")],
        stdin=subprocess.DEVNULL,
        # The environment of an init, not of whoever runs the tests.
        env={"PATH": os.environ["PATH"]},
    )
    try:
        limit_s = time.monotonic() + READY_S
        while not _answers(port):
            assert process.poll() is None, f"sshd did not start:\n{log.read_text()}"
            assert time.monotonic() < limit_s, "sshd does not answer"
            time.sleep(0.02)  # noqa: TID251 - no loop here
        yield process, host_key
    finally:
        process.terminate()
        process.wait()


def keygen(path: Path, *options: str, passphrase: str = "") -> Path:
    """Make a key pair, of ed25519 unless told."""
    options = options or ("-t", "ed25519")
    argv = ["ssh-keygen", "-q", *options, "-N", passphrase, "-C", path.name, "-f", str(path)]
    subprocess.run(argv, check=True)
    return path


def _public(path: Path) -> str:
    return path.with_name(f"{path.name}.pub").read_text()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1) as sock:
        return sock.recv(4) == b"SSH-"
    return False


def free_port() -> int:
    """Give a port on which nobody listens, on any loopback address."""
    with socket.socket() as sock:
        sock.bind(("0.0.0.0", 0))
        return int(sock.getsockname()[1])


@contextmanager
def closed_port() -> Iterator[int]:
    """Have a port that refuses connections: bound, so that nobody else takes it."""
    with socket.socket() as sock:
        sock.bind(("0.0.0.0", 0))
        yield int(sock.getsockname()[1])


@contextmanager
def silent_server() -> Iterator[int]:
    """Have a port on which connections are taken and nothing is ever said."""
    with socket.socket() as sock:
        sock.bind(("0.0.0.0", 0))
        sock.listen(100)
        yield int(sock.getsockname()[1])


@contextmanager
def full_server() -> Iterator[int]:
    """Have a port whose queue is full: it does not even answer, as behind some firewalls."""
    with contextlib.ExitStack() as stack:
        sock = stack.enter_context(socket.socket())
        sock.bind(("0.0.0.0", 0))
        sock.listen(0)
        port = int(sock.getsockname()[1])
        while True:
            one = stack.enter_context(socket.socket())
            one.settimeout(1.0)  # a connection that is taken is taken at once: by the kernel
            try:
                one.connect(("127.0.1.1", port))
            except TimeoutError:
                break
        yield port


def pids_with(needle: bytes) -> list[int]:
    """Find the processes that have this in their argv, in which each word ends in a NUL."""
    found = []
    for entry in Path("/proc").iterdir():
        with contextlib.suppress(OSError, ValueError):
            pid = int(entry.name)
            if needle in (entry / "cmdline").read_bytes():
                found.append(pid)
    return found
