"""Real signals to the real command line: what it says, what it exits with, what it leaves."""

from __future__ import annotations

import fcntl
import json
import os
import re
import signal
import struct
import sys
import termios
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from tests.e2e.presses import BATCH, STOPPED, WARNED, press_late_then_twice
from tests.e2e.rig import MODES, Cli, Marker, until
from tests.e2e.sshd_rig import pids_with, silent_server

TWO_ARE_DONE = "case $SSH_CONNECTION in *' 127.0.1.1 '*|*' 127.0.1.2 '*) exit 0;; esac; sleep 1000"
SIX = ("-H", "127.0.1.[1-6]", "--parallel", "2")


@contextmanager
def unread_pipe() -> Iterator[int]:
    reading, writing = os.pipe()
    try:
        yield writing
    finally:
        os.close(writing)
        os.close(reading)


def waiting_in(pipe: int) -> int:
    (count,) = struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, b"\0\0\0\0"))
    return int(count)


@pytest.mark.parametrize("mode", MODES)
async def test_the_second_press_in_time_terminates_with_counts_right(
    cli: Cli, mark: Marker, mode: str
) -> None:
    async with cli.start(*SIX, *MODES[mode], *mark.options, TWO_ARE_DONE) as run:
        await mark.are_running("sleep 1000", count=2)

        said = await press_late_then_twice(run)

        assert await run.exits() == 130
    status = "Status: 2 running, 2 completed, 2 queued\nRunning: 127.0.1.[3-4]\n"
    assert said == WARNED + status
    rest = run.stderr.partition(STOPPED)[2]
    assert rest.startswith("6 nodes: 2 ok, 4 failed in ")
    assert rest.endswith(
        "  stopped (interrupt): 127.0.1.[3-4]\n  not started (interrupt): 127.0.1.[5-6]\n"
    )
    await mark.are_gone()


@pytest.mark.parametrize("mode", MODES)
async def test_in_batch_mode_one_press_terminates(cli: Cli, mark: Marker, mode: str) -> None:
    async with cli.start(*SIX, "-b", *MODES[mode], *mark.options, TWO_ARE_DONE) as run:
        await mark.are_running("sleep 1000", count=2)

        run.press()

        assert await run.exits() == 130
    assert run.stderr.startswith(f"{BATCH}6 nodes: 2 ok, 4 failed in ")
    await mark.are_gone()


@pytest.mark.parametrize(
    ("number", "code", "why"),
    [
        pytest.param(signal.SIGTERM, 143, "terminate", id="TERM"),
        pytest.param(signal.SIGHUP, 129, "hangup", id="HUP"),
    ],
)
async def test_a_signal_that_asks_us_to_go_terminates(
    cli: Cli, mark: Marker, number: int, code: int, why: str
) -> None:
    command = "echo up; sleep 1000"
    async with cli.start("-H", "127.0.1.[1-2]", *mark.options, command) as run:
        await run.prints(b"up\n", times=2)

        run.press(number)

        assert await run.exits() == code
    assert f"  stopped ({why}): 127.0.1.[1-2]\n" in run.stderr
    await mark.are_gone()


async def test_under_nohup_a_hangup_is_ignored(cli: Cli, mark: Marker) -> None:
    async with cli.start("-H", "127.0.1.1", *mark.options, "sleep 1000", prefix=["nohup"]) as run:
        await mark.are_running("sleep 1000")

        run.press(signal.SIGHUP)
        run.press()
        await run.says("Running: ")
        run.press(signal.SIGTERM)

        assert await run.exits() == 143
    await mark.are_gone()


@pytest.mark.parametrize("mode", MODES)
async def test_a_third_press_cuts_the_goodbyes_to_a_command_deaf_to_term(
    cli: Cli, mark: Marker, mode: str
) -> None:
    deaf = "trap '' TERM; echo deaf >&2; sleep 1000; sleep 1000"
    async with cli.start("-H", "127.0.1.1", *MODES[mode], *mark.options, deaf) as run:
        await mark.are_running("sleep 1000")

        await run.press_twice()
        third_s = run.press()

        assert await run.exits() == 130
        took_s = trio.current_time() - third_s
    # The node's watchdog goes on without us.
    await mark.are_gone()
    assert "  stopped (interrupt) (remote end not confirmed): 127.0.1.1\n" in run.stderr, took_s


@pytest.mark.parametrize("mode", ["stream", "json"])
async def test_a_reader_that_goes_away_ends_the_run_quietly(
    cli: Cli, mark: Marker, mode: str
) -> None:
    reading, writing = os.pipe()
    async with cli.start(
        *("-H", "127.0.1.[1-3]", *MODES[mode], *mark.options, "yes"), stdout=writing
    ) as run:
        os.close(writing)
        await until(lambda: len(os.read(reading, 4096)) > 0)
        os.close(reading)

        assert await run.exits() == 141
    assert run.stderr == ""
    await mark.are_gone()


@pytest.mark.parametrize("mode", ["stream", "json"])
async def test_presses_are_heard_while_nobody_reads_our_output(
    cli: Cli, mark: Marker, mode: str
) -> None:
    with unread_pipe() as pipe:
        async with cli.start(
            *("-H", "127.0.1.[1-3]", *MODES[mode], *mark.options, "yes"), stdout=pipe
        ) as run:
            await mark.are_running("yes", count=3)
            await until(lambda: waiting_in(pipe) >= fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ) - 4096)

            await run.press_twice()

            await mark.are_gone()
            assert await run.exits() == 130
    assert "3 nodes: 0 ok, 3 failed" in run.stderr


async def test_a_press_while_the_last_output_waits_for_its_reader_is_heard(
    cli: Cli, mark: Marker
) -> None:
    with unread_pipe() as pipe:
        async with cli.start(
            *("-H", "127.0.1.1", *mark.options, "head -c 150000 /dev/zero | tr '\\0' '\\n'"),
            stdout=pipe,
        ) as run:
            await run.says("1 node: 1 ok")
            await mark.are_gone()

            await run.press_twice()

            assert await run.exits() == 130


async def test_presses_during_connect_and_authentication_are_heard(cli: Cli) -> None:
    with silent_server() as silent:
        nodes = f"127.0.1.1:{silent},127.0.5.1,127.0.1.2"
        since = len(cli.sshd.log)
        async with cli.start(
            *("-H", nodes, "--parallel", "2", "--connect-timeout", "600", "true")
        ) as run:
            await until(lambda: "Connection from" in cli.sshd.log[since:])

            run.press()
            await run.says("Running: ")
            await run.press_twice()

            assert await run.exits() == 130
    assert "Status: 2 running, 0 completed, 1 queued\n" in run.stderr
    assert "not confirmed" not in run.stderr
    assert re.search(r"3 nodes: 0 ok, 3 failed in .*\n  not started \(interrupt\): ", run.stderr)


PRESS_AT_IMPORT = """\
import os, runpy, signal, sys

class Press:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            sys.meta_path.remove(self)
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Press())
module = sys.argv[1]
sys.argv = ["trioexec", *sys.argv[2:]]
try:
    runpy.run_module("trioexec", run_name="__main__")
finally:
    assert module in sys.modules or True
"""


@pytest.mark.parametrize(
    "module",
    [
        "trioexec.cli.main",
        "trioexec.cli.commands.run",
        "trio",
        "asyncssh",
        "trioexec.engine.signals",
        "trioexec.sinks.stream",
    ],
)
async def test_a_press_while_we_are_being_loaded_ends_us_without_a_traceback(
    cli: Cli, tmp_path: Path, module: str
) -> None:
    launcher = tmp_path / "launch.py"
    launcher.write_text(
        PRESS_AT_IMPORT.replace("sys.argv[1]", repr(module)).replace("[2:]", "[1:]")
    )

    with trio.fail_after(120):
        done = await trio.run_process(
            [sys.executable, str(launcher), *cli.argv("-H", "127.0.1.1", "true")[3:]],
            env=cli.environ(),
            capture_stdout=True,
            capture_stderr=True,
            check=False,
        )

    assert done.stderr == b""
    assert done.returncode == 130


def waits_for_output(pid: int) -> bool:
    """Whether a process sleeps, and has of a child the two pipes that are left once it runs."""
    try:
        ends = [str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()]
    except FileNotFoundError:  # one was closed just now
        return False
    state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return state == "S" and sum(end.startswith("pipe:") for end in ends) == OURS + 2


OURS = 2
"""Pipes that `Cli.start` gives: stdout and stderr."""


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="INT"),
        pytest.param(signal.SIGTERM, 143, id="TERM"),
        pytest.param(signal.SIGHUP, 129, id="HUP"),
    ],
)
async def test_a_program_that_is_asked_for_nodes_ends_with_us(
    cli: Cli, mark: Marker, number: signal.Signals, code: int
) -> None:
    # Known by its last word: its environment is that of our side.
    program = ["sh", "-c", "echo asked >&2; sleep 1000; :", mark.text]
    config = cli.folder / "config.toml"
    config.write_text(f"[commands]\nslow = {json.dumps(program)}\n")

    def asked() -> list[int]:
        return pids_with(mark.text.encode() + b"\0")

    # On a Ctrl-C `subprocess` kills its child, and then warns that it did not wait for it.
    quiet = {"PYTHONWARNINGS": "ignore::ResourceWarning"}
    async with cli.start("--config", str(config), "-H", "@slow", "true", env=quiet) as run:
        # Not sooner than it waits: no program can be sure of a child that it has yet to start.
        await until(lambda: asked() and waits_for_output(run.pid))

        run.press(number)

        assert await run.exits() == code
    await until(lambda: not asked())
    assert run.stderr == ""
