from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from trioexec.transports import process_session
from trioexec.transports.process_session import ProcessSession


def test_the_dead_that_nobody_reaps_do_not_count_as_alive() -> None:
    child = subprocess.Popen(["true"], start_new_session=True)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not ProcessSession(child.pid).alive()

    child.wait()


def test_a_group_that_is_gone_takes_a_signal_without_a_word() -> None:
    child = subprocess.Popen(["true"], start_new_session=True)
    child.wait()

    ProcessSession(child.pid).terminate()

    assert not ProcessSession(child.pid).alive()


def test_another_group_of_the_session_is_alive_and_gets_the_signal() -> None:
    script = "import os, time; os.setpgid(0, 0); print(flush=True); time.sleep(1000)"
    with subprocess.Popen(
        ["sh", "-c", f'{sys.executable} -c "{script}" & exit'],
        stdout=subprocess.PIPE,
        start_new_session=True,
    ) as leader:
        assert leader.stdout is not None
        leader.stdout.readline()  # it has a group of its own
        os.waitid(os.P_PID, leader.pid, os.WEXITED | os.WNOWAIT)
        group = ProcessSession(leader.pid)
        lived = group.alive()

        group.kill()

        assert leader.stdout.read() == b""  # until it is gone
    assert lived
    assert not group.alive()


def test_who_lives_on_in_a_thread_lives() -> None:
    python = (
        "import ctypes, threading, time; "
        "threading.Thread(target=lambda: time.sleep(1000)).start(); "
        "print(flush=True); ctypes.CDLL(None).pthread_exit(None)"
    )
    with subprocess.Popen(
        [sys.executable, "-c", python], start_new_session=True, stdout=subprocess.PIPE
    ) as leader:
        assert leader.stdout is not None
        leader.stdout.readline()
        stat = Path(f"/proc/{leader.pid}/stat")
        while ") Z " not in stat.read_text():
            leader.poll()
        lived = ProcessSession(leader.pid).alive()
        leader.kill()

    assert lived


def test_where_there_is_no_proc_nobody_can_say_who_lives(tmp_path: Path) -> None:
    assert process_session._living(1, tmp_path / "missing") is None
    assert process_session._living(1, tmp_path) is None


@pytest.mark.parametrize(
    ("refusal", "alive"),
    [
        pytest.param(None, True, id="it takes signals"),
        pytest.param(PermissionError, True, id="it became another user's"),
        pytest.param(ProcessLookupError, False, id="it is gone"),
    ],
)
def test_without_a_proc_the_group_itself_is_asked(
    monkeypatch: pytest.MonkeyPatch, refusal: type[OSError] | None, *, alive: bool
) -> None:
    def refuse(_pgid: int, _number: int) -> None:
        if refusal is not None:
            raise refusal

    monkeypatch.setattr(os, "killpg", refuse)
    monkeypatch.setattr(process_session, "_living", lambda _session: None)

    group = ProcessSession(12345)
    group.kill()
    assert group.alive() is alive
