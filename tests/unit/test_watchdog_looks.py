"""How the watchdog tells whether anything of a group or a session lives, in each way it has."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from trioexec.transports.ssh.wrapper import _LADDER

SHELLS = ("dash", "bash", "mksh", "busybox sh")
NOBODY = "99999999"


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> list[str]:
    words = str(request.param).split()
    if shutil.which(words[0]) is None:
        pytest.skip(f"no {words[0]} on this machine")
    return words


@pytest.fixture
def alive() -> Iterator[int]:
    """A process that leads a session and a group of its own."""
    process = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    yield process.pid
    process.kill()
    process.wait()


@pytest.fixture
def zombie() -> Iterator[int]:
    """One that is dead, and that we, its parent, have not buried."""
    process = subprocess.Popen(["true"], start_new_session=True)
    os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
    yield process.pid
    process.wait()


def is_empty(shell: list[str], what: object, *, kind: str = "pgid", path: str = "") -> bool:
    script = f'{_LADDER} k={kind}; empty "$1"'
    done = subprocess.run(
        [*shell, "-c", script, "watch", str(what)],
        env={"PATH": path or os.environ["PATH"], "SHELL": "/bin/sh"},
        capture_output=True,
        check=False,
    )
    return done.returncode == 0


@pytest.mark.parametrize("kind", ["pgid", "sid"])
def test_who_lives_is_seen_and_who_is_dead_is_not(
    shell: list[str], alive: int, zombie: int, kind: str
) -> None:
    assert not is_empty(shell, alive, kind=kind)
    assert is_empty(shell, zombie, kind=kind)
    assert is_empty(shell, NOBODY, kind=kind)


@pytest.mark.parametrize("kind", ["pgid", "sid"])
def test_where_no_grep_can_look_ps_does(
    shell: list[str], alive: int, zombie: int, kind: str, tmp_path: Path
) -> None:
    # A grep for files that fails, as with too many of them; on text it works, for ps.
    grep = tmp_path / "grep"
    grep.write_text(f'#!/bin/sh\n[ "$1" != -qs ] || exit 126\nexec {shutil.which("grep")} "$@"\n')
    grep.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"

    assert not is_empty(shell, alive, kind=kind, path=path)
    assert is_empty(shell, zombie, kind=kind, path=path)
    assert is_empty(shell, NOBODY, kind=kind, path=path)


def test_where_nothing_can_look_nothing_is_confirmed(alive: int, tmp_path: Path) -> None:
    shell = [shutil.which("sh") or "/bin/sh"]

    assert not is_empty(shell, NOBODY, path=str(tmp_path))
    assert not is_empty(shell, alive, path=str(tmp_path))
