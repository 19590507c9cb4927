"""The wrapper by itself, without a server: what its end says, and in which order."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import signal
import string
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.rig import until
from tests.e2e.sshd_rig import pids_with
from trioexec.transports.process_session import ProcessSession
from trioexec.transports.ssh.wrapper import wrap

GRACE_S = 5.0
"""Between the TERM that one of them ignores and the KILL: there is time to look."""


def test_the_end_is_not_confirmed_before_the_last_of_the_group_is_gone() -> None:
    command = "(trap '' TERM; echo deaf; exec sleep 1000 >/dev/null 2>&1) & sleep 1000"
    with subprocess.Popen(
        ["/bin/sh", "-c", wrap(command, token="t", grace_s=GRACE_S)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        assert child.stderr is not None
        group = ProcessSession(child.pid)
        marker = child.stderr.readline()
        said = child.stdout.readline()
        child.stdin.close()
        child.wait()
        left_by_the_leader = group.alive()
        rest = child.stderr.read()  # until the watchdog closes it
        left_at_the_end = group.alive()

    assert marker.startswith(b"\x01trioexec t ")
    assert said == b"deaf\n"
    assert rest == b""
    assert left_by_the_leader
    assert not left_at_the_end


SHELLS = ("dash", "bash", "mksh", "busybox", "yash")
"""What /bin/sh may be on a node."""

APART = "timeout 1000 sleep 1000 >/dev/null 2>&1 & echo $!"
"""Is left in a process group of its own."""


@pytest.fixture(params=SHELLS)
def shell(request: pytest.FixtureRequest) -> str:
    program = shutil.which(str(request.param))
    if program is None:
        pytest.skip(f"no {request.param} on this machine")
    return program


@contextmanager
def begun(
    shell: str, command: str, env: Mapping[str, str] = os.environ
) -> Iterator[subprocess.Popen[bytes]]:
    """A wrapped command as sshd starts it, with another /bin/sh; its marker has been read."""
    head, _, *words = shlex.split(wrap(command, token="t", grace_s=GRACE_S))
    assert head == "exec"
    with subprocess.Popen(
        ["sh", *words],
        executable=shell,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
        env=dict(env),
    ) as child:
        assert child.stderr is not None
        assert child.stderr.readline() == b"\x01trioexec t %d 0\n" % child.pid
        yield child


def ends(child: subprocess.Popen[bytes]) -> bytes:
    """Wait for the leader as sshd does, and until the watchdog says that all is over."""
    assert child.stdin is not None
    assert child.stdout is not None
    assert child.stderr is not None
    said = child.stdout.read()
    child.wait()
    child.stdin.close()
    assert child.stderr.read() == b""
    return said


def is_running(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "XZ"


def watchdogs_of(pid: int) -> list[int]:
    """Those that have moved out of the session."""
    return [
        each for each in pids_with(_is_watchdog_of(pid)) if _session_of(each) not in (None, pid)
    ]


def _is_watchdog_of(pid: int) -> bytes:
    return f"\0trioexec-watch\0{pid}\0".encode()


def _session_of(pid: int) -> int | None:
    try:
        return os.getsid(pid)
    except ProcessLookupError:
        return None


def test_the_watchdog_of_a_short_command_that_leaves_nobody_stays_where_it_is(
    shell: str, tmp_path: Path
) -> None:
    setsid = tmp_path / "setsid"
    setsid.write_text(f'#!/bin/sh\n: >{tmp_path}/moved\nexec {shutil.which("setsid")} "$@"\n')
    setsid.chmod(0o755)
    env = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}"}

    def starts_one() -> bool:
        (tmp_path / "moved").unlink(missing_ok=True)
        with begun(shell, "echo done", env) as child:
            assert ends(child) == b"done\n"
        return (tmp_path / "moved").exists()

    # A command is not short on a machine that is slow, or on which all begins at once.
    assert not all(starts_one() for _ in range(50))


def test_what_a_short_command_leaves_in_another_group_is_ended(shell: str) -> None:
    with begun(shell, APART) as child:
        left = int(ends(child))

    assert not is_running(left)


@pytest.mark.parametrize("is_long", [False, True], ids=["short", "long"])
def test_a_watchdog_outlives_what_is_sent_to_the_group_of_its_command(
    shell: str, *, is_long: bool
) -> None:
    names = (
        "HUP INT QUIT ILL TRAP ABRT BUS FPE USR1 SEGV USR2 PIPE ALRM TERM "
        "TSTP TTIN TTOU XCPU XFSZ VTALRM PROF SYS"
    )
    sends = f"trap '' {names}; for s in {names}; do kill -s $s 0; done; {APART}; read x"
    with begun(shell, f"({sends}) </dev/null") as child:
        if is_long:
            assert child.stdin is not None
            child.stdin.write(b"\n")
            child.stdin.flush()
        left = int(ends(child))

    assert not is_running(left)


async def test_no_process_of_ours_has_the_words_of_the_command(shell: str, tmp_path: Path) -> None:
    go = tmp_path / "go"
    os.mkfifo(go)
    with begun(shell, f"read x <{go}; exec pgrep -f a-word-of-{tmp_path.name}") as child:
        await until(lambda: pids_with(_is_watchdog_of(child.pid)), what="a watchdog")
        go.write_text("\n")
        said = ends(child)

    assert (child.returncode, said) == (1, b"")


def test_a_command_has_no_child_that_it_did_not_start(shell: str) -> None:
    ask = "import os; os.waitpid(-1, os.WNOHANG)"
    with begun(shell, f"exec {sys.executable} -c '{ask}' 2>&1") as child:
        said = ends(child)

    assert b"ChildProcessError" in said


async def test_the_watchdog_of_a_long_command_outlives_a_kill_of_its_group(
    shell: str,
) -> None:
    with begun(shell, f"{APART}; sleep 1000") as child:
        assert child.stdin is not None
        assert child.stdout is not None
        left = int(child.stdout.readline())
        child.stdin.write(b"\n")
        child.stdin.flush()
        await until(lambda: watchdogs_of(child.pid), what="a watchdog of its own session")
        os.killpg(child.pid, signal.SIGKILL)
        ends(child)

    assert not is_running(left)
    assert watchdogs_of(child.pid) == []


@pytest.mark.parametrize("fed", [False, True], ids=["stdin is /dev/null", "stdin is its own"])
def test_no_variable_of_the_command_is_one_of_the_wrapper(shell: str, *, fed: bool) -> None:
    names = set(re.findall(r"\b[a-z_]+\b", wrap("", token="", grace_s=1, fed=fed)))
    env = {name: f"of the command:\n{name}" for name in names | set(string.ascii_letters) | {"_c"}}
    words = shlex.split(wrap("env -0", token="t", grace_s=GRACE_S, fed=fed, env=env))

    done = subprocess.run(
        ["sh", *words[2:]],
        executable=shell,
        env={**os.environ, **dict.fromkeys(env, "of the node")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        start_new_session=True,
        check=True,
    )

    said = dict(each.split("=", 1) for each in done.stdout.decode().split("\0") if each)
    assert {name: said.get(name) for name in env if name != "_"} == env


def test_who_is_told_to_end_a_command_at_once_ends_it(shell: str) -> None:
    with begun(shell, f"{APART}; sleep 1000") as child:
        assert child.stdin is not None
        assert child.stdout is not None
        left = int(child.stdout.readline())
        child.stdin.close()
        child.wait()
        assert child.stderr is not None
        child.stderr.read()

    assert child.returncode == -signal.SIGTERM
    assert not is_running(left)
