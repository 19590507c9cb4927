from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from trioexec.transports import process_group
from trioexec.transports.process_group import ProcessGroup


def test_the_dead_that_nobody_reaps_do_not_count_as_alive() -> None:
    child = subprocess.Popen(["true"], start_new_session=True)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not ProcessGroup(child.pid).alive()

    child.wait()


def test_a_group_that_is_gone_takes_a_signal_without_a_word() -> None:
    child = subprocess.Popen(["true"], start_new_session=True)
    child.wait()

    ProcessGroup(child.pid).terminate()

    assert not ProcessGroup(child.pid).alive()


def test_where_there_is_no_proc_a_group_that_takes_signals_is_alive(tmp_path: Path) -> None:
    assert process_group._any_runs(1, tmp_path / "missing")
    assert process_group._any_runs(1, tmp_path)


def test_a_group_that_became_another_users_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_pgid: int, _number: int) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "killpg", refuse)

    group = ProcessGroup(12345)
    group.kill()
    assert group.alive()
