"""Further sshds, each set up for one question: what it asks for, and who may log in."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from tests.e2e.rig import READY_S, Cli, Done, Sshd, _answers, _keygen, free_port

__all__ = ["account", "keygen", "need_root", "own_sshd", "run_at_terminal"]

CONFIG = """\
{settings}
ListenAddress 0.0.0.0
Port {port}
HostKey {dir}/host_key
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin yes
LogLevel VERBOSE
AuthorizedKeysFile {keys}
"""

CLIENT_CONFIG = """\
Host *
    Port {port}
    User {user}
    UserKnownHostsFile {dir}/known_hosts
    GlobalKnownHostsFile none
"""


def need_root() -> None:
    """Skip where accounts cannot be made."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it makes accounts")


def account(name: str, password: str | None = None) -> str:
    """Have an account, with this password or with none at all."""
    with contextlib.suppress(KeyError):
        pwd.getpwnam(name)
        subprocess.run(["userdel", "-r", name], check=True, capture_output=True)
    hashed = "*"
    if password is not None:
        made = subprocess.run(
            ["openssl", "passwd", "-6", password], check=True, capture_output=True, text=True
        )
        hashed = made.stdout.strip()
    subprocess.run(["useradd", "-m", "-s", "/bin/dash", "-p", hashed, name], check=True)
    return name


def keygen(path: Path, *options: str, passphrase: str = "") -> Path:
    """Make a key pair."""
    options = options or ("-t", "ed25519")
    argv = ["ssh-keygen", "-q", *options, "-N", passphrase, "-C", path.name, "-f", str(path)]
    subprocess.run(argv, check=True)
    return path


@contextmanager
def own_sshd(folder: Path, settings: str = "", *, user: str | None = None) -> Iterator[Sshd]:
    """Serve with settings of the test's own, which win; `{dir}` in them is the folder."""
    with contextlib.ExitStack() as kept:
        yield from _own_sshd(folder, settings, user, kept)


def _own_sshd(
    folder: Path, settings: str, user: str | None, kept: contextlib.ExitStack
) -> Iterator[Sshd]:
    program = shutil.which("sshd", path=os.pathsep.join((os.environ["PATH"], "/usr/sbin")))
    if program is None:
        pytest.skip("no sshd on this machine")
    port = free_port()
    host_key = _keygen(folder / "host_key")
    if not (folder / "client_key").exists():
        keygen(folder / "client_key")
    (folder / "home").mkdir(exist_ok=True)
    known = f"[127.*]:{port},[localhost]:{port},[::1]:{port} {host_key}"
    (folder / "known_hosts").write_text(known)
    user = user or pwd.getpwuid(os.geteuid()).pw_name
    (folder / "ssh_config").write_text(CLIENT_CONFIG.format(port=port, dir=folder, user=user))
    # sshd reads it as the user who logs in, and pytest keeps its own folders shut.
    public = Path(kept.enter_context(tempfile.TemporaryDirectory(prefix="trioexec-keys-")))
    public.chmod(0o755)
    keys = Path(shutil.copy(folder / "client_key.pub", public))
    keys.chmod(0o644)
    text = CONFIG.format(settings=settings.format(dir=folder), port=port, dir=folder, keys=keys)
    (folder / "sshd_config").write_text(text)
    log = folder / "sshd.log"
    process = subprocess.Popen(
        [program, "-D", "-E", str(log), "-f", str(folder / "sshd_config")],
        stdin=subprocess.DEVNULL,
        env={"PATH": os.environ["PATH"]},
    )
    try:
        limit_s = time.monotonic() + READY_S
        while not _answers(port):
            assert process.poll() is None, f"sshd did not start:\n{log.read_text()}"
            assert time.monotonic() < limit_s, "sshd does not answer"
            time.sleep(0.02)  # noqa: TID251 - no loop here
        yield Sshd(port=port, dir=folder, user=user, process=process)
    finally:
        process.terminate()
        process.wait()


async def run_at_terminal(cli: Cli, *words: str, answers: dict[str, str]) -> tuple[Done, str]:
    """Run the command line at a terminal, where questions get their answers.

    stdout and stderr are pipes. Gives what else the terminal showed.
    """
    ours, theirs = os.openpty()
    shown = bytearray()
    done: list[Done] = []

    async def answer() -> None:
        left = dict(answers)
        while True:
            await trio.lowlevel.wait_readable(ours)
            shown.extend(os.read(ours, 4096))
            for question, text in tuple(left.items()):
                if question.encode() in shown:
                    del left[question]
                    os.write(ours, text.encode() + b"\n")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(answer)
        began_s = trio.current_time()
        with trio.fail_after(120):
            got = await trio.run_process(
                ["setsid", "--ctty", "--wait", *cli.argv(*words)],
                stdin=theirs,
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                env=cli.environ(),
                cwd=cli.folder,
            )
        done.append(
            Done(
                code=got.returncode,
                stdout=got.stdout,
                stderr=got.stderr.decode(),
                seconds=trio.current_time() - began_s,
            )
        )
        await trio.sleep(0.1)
        nursery.cancel_scope.cancel()
    os.close(ours)
    os.close(theirs)
    return done[0], shown.decode()
