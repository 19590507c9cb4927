"""A session-wide sshd, and the command line towards it."""

from __future__ import annotations

import contextlib
import itertools
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.rig import Cli, Marker
from tests.e2e.sshd_rig import Sshd, run_sshd
from tests.e2e.tmux_rig import TMUX, Terminal

TEST_USER = "trioexec-test"
NO_SSHD = "no sshd on this machine (`python3 dev.py test` installs one, as root)"

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def sshd() -> Iterator[Sshd]:
    """Serve until the session is over; fail, with what sshd said, if it cannot."""
    if shutil.which("sshd", path=os.pathsep.join((os.environ["PATH"], "/usr/sbin"))) is None:
        if os.environ.get("CI"):
            pytest.fail("CI must install openssh-server: the e2e tests may not skip")
        pytest.skip(NO_SSHD)
    user = command_user = pwd.getpwuid(os.geteuid()).pw_name
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # without it sshd does not start as root
        user, command_user = _test_user(), "nobody"
    with (
        tempfile.TemporaryDirectory(prefix="trioexec-e2e-") as folder,
        run_sshd(Path(folder), user=user, command_user=command_user) as served,
    ):
        yield served


def _test_user() -> str:
    """Have an account whose login costs no more than a shell."""
    with contextlib.suppress(KeyError):
        return pwd.getpwnam(TEST_USER).pw_name
    # A locked password would make sshd refuse the account: '*' is none, and not locked.
    subprocess.run(["useradd", "-m", "-s", "/bin/dash", "-p", "*", TEST_USER], check=True)
    return TEST_USER


@pytest.fixture
def cli(sshd: Sshd, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Cli]:
    """The command line; what sshd logged meanwhile is shown with a failure."""
    since = len(sshd.log)
    yield Cli(sshd, tmp_path)
    dull = ("Accepted key", "Postponed publickey", "User child", "Disconnected from")
    lines = [line for line in sshd.log[since:].splitlines() if not line.startswith(dull)]
    request.node.add_report_section("teardown", "sshd", "\n".join(lines[-60:]))


@pytest.fixture
def mark() -> Marker:
    """A mark of this test's own for the processes on the node."""
    return Marker(f"e2e-{os.getpid()}-{next(_numbers)}")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A terminal with a shell in it."""
    if TMUX is None:
        if os.environ.get("CI"):
            pytest.fail("CI must install tmux: these tests may not skip")
        pytest.skip("no tmux on this machine")
    terminal = Terminal(tmp_path)
    try:
        yield terminal
    finally:
        terminal.close()
