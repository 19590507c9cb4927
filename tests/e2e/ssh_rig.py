"""Further sshds, each set up for one question: what it asks for, and who may log in."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from tests.e2e.rig import Cli, Done
from tests.e2e.sshd_rig import Sshd, free_port, keygen, serve_ssh

__all__ = ["CONNECT", "account", "keygen", "need_root", "own_sshd", "run_at_terminal"]

CONNECT = f"{sys.executable} {Path(__file__).with_name('connect.py')}"
"""``nc``, which is not everywhere: for ProxyCommand."""

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


@contextmanager
def own_sshd(folder: Path, settings: str = "", *, user: str | None = None) -> Iterator[Sshd]:
    """Serve with settings of the test's own, which win; `{dir}` in them is the folder."""
    port = free_port()
    if not (folder / "client_key").exists():
        keygen(folder / "client_key")
    user = user or pwd.getpwuid(os.geteuid()).pw_name
    (folder / "ssh_config").write_text(CLIENT_CONFIG.format(port=port, dir=folder, user=user))
    with tempfile.TemporaryDirectory(prefix="trioexec-keys-") as public:
        # sshd reads them as the user who logs in, and pytest keeps its own folders shut.
        Path(public).chmod(0o755)
        keys = Path(shutil.copy(folder / "client_key.pub", public))
        keys.chmod(0o644)
        before = settings.format(dir=folder)
        with serve_ssh(folder, port=port, keys=keys, before=before) as (process, host_key):
            known = f"[127.*]:{port},[localhost]:{port},[::1]:{port} {host_key}"
            (folder / "known_hosts").write_text(known)
            yield Sshd(port=port, dir=folder, user=user, process=process)


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
