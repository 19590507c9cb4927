"""How the watchdog tells who lives in a session, in each way it has."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from trioexec.transports.living import GROUPS
from trioexec.transports.ssh.wrapper import _LADDER, _SWEEP, group_request

SHELLS = ("dash", "bash", "mksh", "busybox sh", "yash")
NOBODY = "99999999"
UNKNOWN = 2


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


@pytest.fixture
def headless() -> Iterator[int]:
    """One whose main thread has ended, and which lives on in another."""
    python = (
        "import ctypes, threading, time; "
        "threading.Thread(target=lambda: time.sleep(1000)).start(); "
        "ctypes.CDLL(None).pthread_exit(None)"
    )
    process = subprocess.Popen([sys.executable, "-c", python], start_new_session=True)
    stat = Path(f"/proc/{process.pid}/stat")
    while ") Z " not in stat.read_text():
        time.sleep(0.02)  # noqa: TID251 - no loop here
    yield process.pid
    process.kill()
    process.wait()


@pytest.fixture
def with_job_control() -> Iterator[tuple[int, int]]:
    """A session's leader, and another group of that session."""
    python = "import os, time; os.setpgid(0, 0); print(flush=True); time.sleep(1000)"
    script = f"{sys.executable} -c '{python}' & echo $!; wait"
    process = subprocess.Popen(
        ["sh", "-c", script], stdout=subprocess.PIPE, start_new_session=True, text=True
    )
    assert process.stdout is not None
    group = int(process.stdout.readline())
    process.stdout.readline()  # it has its group
    yield process.pid, group
    for each in (process.pid, group):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(each, signal.SIGKILL)
    process.wait()
    process.stdout.close()


def ask(
    shell: list[str], question: str, *arguments: object, path: str = ""
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*shell, "-c", _LADDER + question, "watch", *map(str, arguments)],
        env={"PATH": path or os.environ["PATH"], "SHELL": "/bin/sh"},
        capture_output=True,
        check=False,
        text=True,
    )


def is_empty(shell: list[str], what: object, *, path: str = "") -> bool:
    return ask(shell, 'empty "$1"', what, path=path).returncode == 0


def groups(shell: list[str], session: int, *, many: str = "", path: str = "") -> set[int]:
    said = ask(shell, f'many={many}; live "$1"', session, path=path).stdout
    return {int(word) for word in said.split()}


def without_grep(folder: Path) -> str:
    """A path with a grep that fails for files, as with too many of them."""
    grep = folder / "grep"
    grep.write_text("#!/bin/sh\nexit 126\n")
    grep.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


def test_who_lives_is_seen_and_who_is_dead_is_not(
    shell: list[str], alive: int, zombie: int
) -> None:
    assert not is_empty(shell, alive)
    assert is_empty(shell, zombie)
    assert is_empty(shell, NOBODY)


def test_who_lives_on_in_a_thread_is_seen(shell: list[str], headless: int, tmp_path: Path) -> None:
    question = 'now; o=$u; last() { l=$1; }; narrow "$1"'

    assert groups(shell, headless) == {headless}
    assert groups(shell, headless, path=without_grep(tmp_path)) == {headless}
    assert ask(shell, question, headless).returncode == 0


def test_where_no_grep_can_look_ps_does(
    shell: list[str], alive: int, zombie: int, tmp_path: Path
) -> None:
    path = without_grep(tmp_path)

    assert not is_empty(shell, alive, path=path)
    assert is_empty(shell, zombie, path=path)
    assert is_empty(shell, NOBODY, path=path)


@pytest.mark.parametrize("many", ["", "m"], ids=["few processes", "many processes"])
def test_all_groups_of_a_session_are_found(
    shell: list[str], with_job_control: tuple[int, int], many: str
) -> None:
    assert groups(shell, with_job_control[0], many=many) == set(with_job_control)


def test_ps_finds_all_groups_too(
    shell: list[str], with_job_control: tuple[int, int], tmp_path: Path
) -> None:
    assert groups(shell, with_job_control[0], path=without_grep(tmp_path)) == set(with_job_control)


@pytest.mark.skipif(not Path("/proc/self/comm").exists(), reason="no /proc as Linux has it")
def test_a_name_like_a_line_of_proc_makes_nobody_one_of_a_session(shell: list[str]) -> None:
    session = next(number for number in range(9999, 1000, -1) if is_empty(shell, number))
    # A name has 15 characters at most.
    lines = f") S 1 7 {session} ", f"\n) S 1 7 {session} "
    name = "import sys, time; open('/proc/self/comm', 'w').write(sys.argv[1]); "
    python = f"{name} print(flush=True); time.sleep(1000)"

    for line in lines:
        with subprocess.Popen(
            [sys.executable, "-c", python, line], stdout=subprocess.PIPE
        ) as pretender:
            assert pretender.stdout is not None
            pretender.stdout.readline()
            found = groups(shell, session)
            pretender.kill()
        assert found == set()


def test_of_a_session_that_has_just_ended_nobody_is_looked_for(shell: list[str]) -> None:
    question = "set -- $$; (exit); now; o=$u; narrow $1; [ $? -eq 1 ]"

    # Many processes may begin at that very moment; then it has to be looked up.
    assert any(ask(shell, question).returncode == 0 for _ in range(50))


def test_who_lives_in_a_young_session_comes_into_question(shell: list[str]) -> None:
    question = (
        "now; o=$u; exec sleep 1000 >/dev/null 2>&1 & s=$!; (exit); narrow $s; r=$?; kill -KILL $s; "
        'case $r$k in 2) exit 7;; 0*"/proc/$s/stat"*) exit 0;; *) exit 1;; esac'
    )

    told = {ask(shell, question).returncode for _ in range(10)}

    assert told <= {0, 7}
    assert 0 in told


def test_where_numbers_run_away_during_the_look_anybody_comes_into_question(
    shell: list[str],
) -> None:
    question = (
        "now; o=$u; exec sleep 1000 >/dev/null 2>&1 & s=$!; seen=; "
        "last() { [ -z $seen ] || return 1; seen=1; l=$1; }; "
        'narrow $s; r=$?; kill -KILL $s; [ $r -eq 2 ] && [ -z "$k" ] && [ $seen ]'
    )

    assert ask(shell, question).returncode == 0


def test_the_dead_do_not_come_into_question(shell: list[str], zombie: int) -> None:
    question = 'now; o=$u; last() { l=$1; }; narrow "$1"; [ $? -eq 1 ]'

    assert ask(shell, question, zombie).returncode == 0


@pytest.mark.parametrize("began", ["o=$((u-100))", "o="], ids=["a second ago", "nobody knows when"])
def test_in_a_session_that_is_older_anybody_comes_into_question(
    shell: list[str], began: str
) -> None:
    assert ask(shell, f"now; {began}; narrow $$; [ $? -eq 2 ]").returncode == 0


def apart(*options: str) -> list[str]:
    """Run a program in namespaces of its own."""
    unshare = ["unshare", "--user", "--map-root-user", *options]
    if subprocess.run([*unshare, "true"], check=False, capture_output=True).returncode != 0:
        pytest.skip("no namespaces for us here")
    return unshare


def test_who_sees_other_processes_in_proc_does_not_rely_on_numbers(shell: list[str]) -> None:
    among_others = [*apart("--pid", "--fork"), *shell]

    assert ask(among_others, "now; o=$u; narrow $$").returncode == UNKNOWN


def test_a_loadavg_that_is_not_the_kernels_is_not_relied_on(
    shell: list[str], tmp_path: Path
) -> None:
    (tmp_path / "loadavg").write_text("0.00 0.00 0.00 1/1 1\n")
    mount = f'mount --bind {tmp_path}/loadavg /proc/loadavg && exec "$@"'
    in_lxc = [*apart("--mount"), "sh", "-c", mount, "sh", *shell]

    assert ask(in_lxc, "now; o=$u; l=; last() { l=$1; }; narrow $$").returncode == UNKNOWN


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["fish", "-c", group_request("TERM", 20)], id="in a request to fish"),
        pytest.param(["bash", "-c", f"enable -n kill; {GROUPS}kill -TERM -20"], id="in a watchdog"),
    ],
)
def test_a_group_is_signalled_where_the_shell_has_no_kill(argv: list[str]) -> None:
    if shutil.which(argv[0]) is None:
        pytest.skip(f"no {argv[0]} on this machine")
    # The program kill takes 20 for 2, and would take 10 for 1, which is everybody.
    alone = apart("--pid", "--fork", "--mount-proc", "--kill-child")
    script = (
        "echo 19 >/proc/sys/kernel/ns_last_pid; setsid sleep 10 & "
        "while kill -0 20 && ! kill -0 -20; do :; done 2>/dev/null; "  # it has its group
        '"$@"; wait $!; echo $?'
    )

    done = subprocess.run(
        [*alone, "sh", "-c", script, "sh", *argv], check=False, capture_output=True, text=True
    )

    assert done.stdout == f"{128 + signal.SIGTERM}\n"


def test_a_sweep_finds_who_has_got_a_number_after_they_began_anew(
    shell: list[str], with_job_control: tuple[int, int]
) -> None:
    leader, other = with_job_control
    os.kill(leader, signal.SIGKILL)
    os.waitpid(leader, 0)

    assert ask(shell, "last() { l=$1; }; " + _SWEEP, leader, 100).returncode == 0
    assert is_empty(shell, leader)
    assert not Path(f"/proc/{other}/exe").exists()


def test_who_obeys_term_slowly_has_the_grace_for_it_without_the_leader(
    shell: list[str], tmp_path: Path
) -> None:
    child = f"trap 'sleep 0.7; echo done >{tmp_path}/done; exit' TERM; echo up; while :; do sleep 0.1; done"
    with subprocess.Popen(
        ["sh", "-c", f"({child}) & exec sleep 1000"],
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    ) as session:
        assert session.stdout is not None
        session.stdout.readline()
        watchdog = subprocess.Popen(
            [*shell, "-c", _LADDER + 'ladder "$1" "$2"', "watch", str(session.pid), "6000"],
            env={"PATH": os.environ["PATH"], "SHELL": "/bin/sh"},
            stderr=subprocess.DEVNULL,
        )
        session.wait()
        watchdog.wait()

    assert (tmp_path / "done").exists()


def test_where_nothing_can_look_nothing_is_confirmed(alive: int, tmp_path: Path) -> None:
    shell = [shutil.which("sh") or "/bin/sh"]

    assert not is_empty(shell, NOBODY, path=str(tmp_path))
    assert not is_empty(shell, alive, path=str(tmp_path))
