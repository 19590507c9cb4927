"""What the end-to-end tests share: a real sshd, the real command line, and a look at the node's processes.

One sshd on 0.0.0.0 is a fleet: it answers as any 127.0.x.y.  What a node is like is
in its address; see `Sshd`.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
import trio

__all__ = [
    "HANG_S",
    "MARK",
    "MODES",
    "Cli",
    "Done",
    "Marker",
    "Running",
    "Sshd",
    "closed_port",
    "free_port",
    "keygen",
    "pids_with",
    "run_sshd",
    "serve_ssh",
    "silent_server",
    "until",
]

HANG_S = 60.0
"""Longer than anything takes on a machine that is busy elsewhere: who meets it hangs."""

READY_S = 30.0
CLIENT = "E2E_CLIENT"
"""In the environment of our side's processes, so that they are not taken for the node's."""

MARK = "E2E_MARK"

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


MODES: dict[str, tuple[str, ...]] = {
    "stream": ("--stream",),
    "group": ("--group",),
    "json": ("--json",),
    "files": ("--output-dir", "out"),
}
"""Every way to show a run, and how it is asked for."""


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


@dataclass(frozen=True)
class Marker:
    """What the processes on the node are known by that a run with `options` started."""

    text: str

    @property
    def options(self) -> tuple[str, str]:
        return ("--env", f"{MARK}={self.text}")

    def processes(self) -> list[str]:
        """List them, watchdogs included.

        Zombies do not count: some containers have an init that never reaps.
        """
        return [
            f"{pid} {what}"
            for pid, what, environ in _processes()
            if self.text.encode() in environ or self.text in what
        ]

    async def are_running(self, command: str, *, count: int = 1) -> None:
        """Wait until so many processes with this very command line are there.

        A shell that was given it does not count: its children look like it until they are it.
        """
        await until(
            lambda: (
                sum(each.split(" ", 1)[1].rstrip() == command for each in self.processes()) >= count
            ),
            what=f"{count} x {command!r} running",
        )

    async def are_gone(self, *, limit_s: float = HANG_S) -> float:
        """Wait until none is left; give how long that took."""
        began_s = trio.current_time()
        try:
            await until(lambda: not self.processes(), limit_s=limit_s)
        except AssertionError as exc:
            raise AssertionError(f"left on the node: {self.processes()}") from exc
        return trio.current_time() - began_s


def _processes() -> Iterator[tuple[int, str, bytes]]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            environ = (entry / "environ").read_bytes()
            if state == "Z" or CLIENT.encode() in environ:
                continue
            what = (entry / "cmdline").read_bytes().replace(b"\x00", b" ")
            yield int(entry.name), what.decode(errors="replace"), environ


async def until(holds: Callable[[], object], *, what: str = "", limit_s: float = HANG_S) -> None:
    """Wait until something holds.

    Raises:
        AssertionError: It did not.
    """
    with trio.move_on_after(limit_s):
        while not holds():
            await trio.sleep(0.02)
        return
    raise AssertionError(f"not within {limit_s} s: {what or holds}")


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a command line came to."""

    code: int
    stdout: bytes
    stderr: str
    seconds: float

    @property
    def last_line(self) -> str:
        return self.stderr.rstrip("\n").rpartition("\n")[2]


@dataclass(eq=False, kw_only=True)
class Running:
    """A trioexec that runs, and what it has said so far."""

    process: trio.Process
    stdout: bytearray = field(default_factory=bytearray)
    raw_stderr: bytearray = field(default_factory=bytearray)
    began_s: float = field(default_factory=trio.current_time)

    @property
    def stderr(self) -> str:
        return self.raw_stderr.decode()

    @property
    def pid(self) -> int:
        return self.process.pid

    async def prints(self, data: bytes, *, times: int = 1) -> None:
        """Wait until this stands on stdout so many times."""
        await self._until(lambda: self.stdout.count(data) >= times, f"{times} x {data!r} on stdout")

    async def says(self, text: str, *, times: int = 1) -> None:
        """Wait until this stands on stderr so many times."""
        await self._until(lambda: self.stderr.count(text) >= times, f"{times} x {text!r} on stderr")

    def press(self, number: int = signal.SIGINT) -> float:
        """Send a signal; give the time."""
        self.process.send_signal(number)
        return trio.current_time()

    async def press_twice(self) -> float:
        """Press until a second Ctrl-C came within a second of the first; give its time."""
        while True:
            told = self.stderr.count("Received Ctrl+C. ")
            at_s = self.press()

            def answered(told: int = told) -> bool:
                return self.stopping or self.stderr.count("Received Ctrl+C. ") > told

            await self._until(answered, "an answer to a Ctrl-C")
            if self.stopping:
                return at_s

    @property
    def stopping(self) -> bool:
        return "Received second Ctrl+C. " in self.stderr

    async def exits(self) -> int:
        """Wait for the end."""
        with trio.move_on_after(HANG_S):
            return await self.process.wait()
        raise AssertionError(f"trioexec hangs; it said:\n{self.stderr}")

    async def _until(self, holds: Callable[[], object], what: str) -> None:
        await until(
            lambda: holds() or self.process.returncode is not None or self._poll(), what=what
        )
        if not holds():
            await trio.sleep(0.5)  # what the pipes still hold
        assert holds(), f"{what}: never, exit {self.process.returncode}, said:\n{self.stderr}"

    def _poll(self) -> bool:
        return self.process.poll() is not None


class Cli:
    """The real command line, towards an sshd."""

    def __init__(self, sshd: Sshd, folder: Path) -> None:
        self.sshd = sshd
        self.folder = folder

    def environ(self, **more: str) -> dict[str, str]:
        """An environment without traces of whoever runs the tests."""
        foreign = ("TRIOEXEC_", "BACKENDAI_", "SSH_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        ours = {"HOME": str(self.sshd.dir / "home"), CLIENT: "1", "PYTHONWARNINGS": "default"}
        return kept | ours | more

    def argv(self, *words: str) -> list[str]:
        """The command line as it is started; ssh options are put in front, but not of pdsh's own."""
        head = [sys.executable, "-m", "trioexec"]
        if words and words[0] == "pdsh":
            return [*head, *words]
        if words and words[0] in ("check", "ping", "rerun", "run"):
            head.append(words[0])
            words = words[1:]
        return [*head, "-F", str(self.sshd.config), *words]

    async def __call__(
        self,
        *words: str,
        stdin: bytes | None = None,
        env: dict[str, str] | None = None,
    ) -> Done:
        """Run to the end."""
        began_s = trio.current_time()
        with trio.move_on_after(HANG_S) as scope:
            done = await trio.run_process(
                self.argv(*words),
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                stdin=stdin or b"",
                env=self.environ(**(env or {})),
                cwd=self.folder,
            )
        assert not scope.cancelled_caught, f"hangs: {words}\n{self.sshd.log[-3000:]}"
        stderr = done.stderr.decode()
        assert "Traceback" not in stderr, stderr
        assert "Warning:" not in stderr, stderr
        return Done(
            code=done.returncode,
            stdout=done.stdout,
            stderr=stderr,
            seconds=trio.current_time() - began_s,
        )

    async def in_every_mode(self, *words: str, ping: bool = False) -> dict[str, Done]:
        """Run to the end in each output mode, side by side."""
        done: dict[str, Done] = {}

        async def one(name: str, options: tuple[str, ...]) -> None:
            head = ("ping", *options) if ping else ("--env", f"MODE={name}", *options)
            done[name] = await self(*head, *words)

        async with trio.open_nursery() as nursery:
            for name, options in MODES.items():
                if not (ping and name == "group"):
                    nursery.start_soon(one, name, options)
        return done

    @asynccontextmanager
    async def start(
        self,
        *words: str,
        stdout: int | None = None,
        env: dict[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> AsyncIterator[Running]:
        """Start it, and have it ended when this is left.

        Args:
            words: Of the command line.
            stdout: A descriptor of the caller's; without one, `Running.stdout` collects.
            env: More of it.
            prefix: Of the argv, such as a launcher.
        """
        process = await trio.lowlevel.open_process(
            [*prefix, *self.argv(*words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
            env=self.environ(**(env or {})),
            cwd=self.folder,
        )
        running = Running(process=process)
        try:
            async with trio.open_nursery() as nursery:
                if process.stdout is not None:
                    nursery.start_soon(_collect, process.stdout, running.stdout)
                assert process.stderr is not None
                nursery.start_soon(_collect, process.stderr, running.raw_stderr)
                try:
                    yield running
                except BaseException:
                    nursery.cancel_scope.cancel()
                    raise
                with trio.move_on_after(HANG_S):
                    await process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
        assert "Traceback" not in running.stderr, running.stderr
        assert "Warning:" not in running.stderr, running.stderr


async def _collect(stream: trio.abc.ReceiveStream, into: bytearray) -> None:
    async with stream:
        async for piece in stream:
            into += piece
