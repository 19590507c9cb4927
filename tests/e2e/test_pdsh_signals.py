"""Ctrl-C and Ctrl-Z to a pdsh that is us, and to the real one, as real signals to real processes."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.e2e.rig import HANG_S, until


class Pdsh:
    """Ours, while it runs; its output goes to files."""

    def __init__(self, process: subprocess.Popen[bytes], folder: Path) -> None:
        self.process = process
        self._folder = folder

    def out(self) -> str:
        return (self._folder / "out").read_text()

    def err(self) -> str:
        return (self._folder / "err").read_text()

    def is_over(self) -> bool:
        return self.process.poll() is not None


OURS = (sys.executable, "-m", "trioexec", "pdsh")


def real() -> tuple[str, ...]:
    found = shutil.which("pdsh", path="/usr/bin:/usr/local/bin")
    if found is None:
        if os.environ.get("CI"):
            pytest.fail("CI must install pdsh: these tests may not skip")
        pytest.skip("no pdsh on this machine")
    return (found,)


@contextmanager
def pdsh(folder: Path, *words: str, program: tuple[str, ...] = OURS) -> Iterator[Pdsh]:
    with (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        process = subprocess.Popen(
            [*program, "-R", "exec", *words],
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=err,
            cwd=folder,
        )
    try:
        yield Pdsh(process, folder)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)
            process.kill()
        process.wait(HANG_S)


WAITS = ("sh", "-c", "echo up; while ! [ -e go ]; do sleep 0.1; done; echo %h; exit 3")


async def press_both(ours: Pdsh, second: signal.Signals, says: str) -> None:
    """Press Ctrl-C and then another key within a second, on however slow a machine."""

    def told() -> bool:
        return ours.err().count("interrupt (one more") > before

    def obeyed() -> bool:
        stat = Path(f"/proc/{ours.process.pid}/stat").read_text()
        return says in ours.err() or stat.rpartition(")")[2].split()[0] == "T"

    while says not in ours.err():
        before = ours.err().count("interrupt (one more")
        ours.process.send_signal(signal.SIGINT)
        await until(told)
        ours.process.send_signal(second)
        await until(obeyed)
        ours.process.send_signal(signal.SIGCONT)


async def press_until_it_aborts(program: Pdsh) -> None:
    """Press Ctrl-C, each time after the answer to the one before; two within a second abort."""

    def answered() -> bool:
        return program.is_over() or len(program.err()) > before

    while not program.is_over() and "aborting" not in program.err():
        before = len(program.err())
        program.process.send_signal(signal.SIGINT)
        await until(answered)
    await until(program.is_over)


def plain(text: str) -> list[str]:
    """Drop what only the real one says, and what slow presses make it say again."""
    return list(dict.fromkeys(line for line in text.splitlines() if "sending signal" not in line))


async def test_two_presses_abort_as_the_real_ones_do(tmp_path: Path) -> None:
    said = []
    for name, program in (("real", real()), ("ours", OURS)):
        folder = tmp_path / name
        folder.mkdir()
        with pdsh(folder, "-S", "-f", "2", "-w", "a,b,c", *WAITS, program=program) as running:
            await until(lambda: running.out().count("up") == 2)

            await press_until_it_aborts(running)

            said.append((running.process.returncode, plain(running.err()), sorted(running.out())))

    assert said[0] == said[1]
    assert said[1][0] == 1


async def test_a_press_and_ctrl_z_cancel_as_the_real_ones_do(tmp_path: Path) -> None:
    said = []
    for name, program in (("real", real()), ("ours", OURS)):
        folder = tmp_path / name
        folder.mkdir()
        with pdsh(folder, "-S", "-f", "1", "-w", "a,b,c", *WAITS, program=program) as running:
            await until(lambda: "up" in running.out())

            await press_both(running, signal.SIGTSTP, "Canceled 2 pending threads.")
            (folder / "go").touch()
            await until(running.is_over)

            said.append((running.process.returncode, plain(running.err()), running.out()))

    assert said[0] == said[1]
    assert said[1][0] == 3


async def test_ctrl_c_then_ctrl_z_cancels_who_waits(tmp_path: Path) -> None:
    with pdsh(tmp_path, "-S", "-f", "1", "-w", "a,b,c", *WAITS) as ours:
        await until(lambda: "up" in ours.out())

        await press_both(ours, signal.SIGTSTP, "Canceled 2 pending threads.")
        (tmp_path / "go").touch()
        await until(ours.is_over)

        assert ours.process.returncode == 3
        assert ours.out() == "a: up\na: a\n"
        assert ": a: command in progress\n" in ours.err()


async def test_in_batch_mode_one_ctrl_c_aborts_with_1(tmp_path: Path) -> None:
    with pdsh(tmp_path, "-b", "-w", "a", *WAITS) as ours:
        await until(lambda: "up" in ours.out())

        ours.process.send_signal(signal.SIGINT)
        await until(ours.is_over)

        assert ours.process.returncode == 1
        assert "batch mode interrupt, aborting.\n" in ours.err()


async def test_ctrl_z_alone_stops_us_and_we_go_on(tmp_path: Path) -> None:
    with pdsh(tmp_path, "-w", "a", *WAITS) as ours:
        await until(lambda: "up" in ours.out())

        def is_stopped() -> bool:
            stat = Path(f"/proc/{ours.process.pid}/stat").read_text()
            return stat.rpartition(")")[2].split()[0] == "T"

        ours.process.send_signal(signal.SIGTSTP)
        await until(is_stopped)
        (tmp_path / "go").touch()
        ours.process.send_signal(signal.SIGCONT)
        await until(ours.is_over)

        assert ours.process.returncode == 0
        assert ours.out() == "a: up\na: a\n"
