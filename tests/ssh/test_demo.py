"""`trioexec demo` by its command line: what it shows, what it exits with, what it leaves."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import uuid
from collections.abc import Sequence
from pathlib import Path

import pytest
import trio

HANG_S = 120.0
TAG = "TRIOEXEC_TEST_TAG"


def left_of(tag: str) -> list[str]:
    """Live processes that inherited the tag, whoever their parents are now."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            environ = (folder / "environ").read_bytes()
            state = (folder / "stat").read_bytes().rpartition(b")")[2].split()[0]
            command = (folder / "cmdline").read_bytes()
        except OSError:
            continue
        if f"{TAG}={tag}".encode() in environ.split(b"\0") and state != b"Z":
            found.append(command.decode(errors="replace"))
    return found


def fleet_folders(folder: Path) -> list[Path]:
    return list(folder.glob("trioexec-fleet-*"))


async def wait_until_gone(tag: str) -> None:
    with trio.fail_after(HANG_S):
        while left_of(tag):
            await trio.sleep(0.05)


@pytest.fixture
def tagged(tmp_path: Path) -> tuple[str, dict[str, str]]:
    tag = uuid.uuid4().hex
    return tag, {**os.environ, TAG: tag, "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}


async def demo(words: Sequence[str], env: dict[str, str]) -> subprocess.CompletedProcess[bytes]:
    with trio.fail_after(HANG_S):
        return await trio.run_process(
            [sys.executable, "-m", "trioexec", "demo", *words],
            env=env,
            check=False,
            capture_stdout=True,
            capture_stderr=True,
        )


async def test_the_default_demo_has_one_node_that_fails(
    tagged: tuple[str, dict[str, str]], tmp_path: Path
) -> None:
    tag, env = tagged

    done = await demo(["--nodes", "4", "--any-failure"], env)

    assert done.returncode == 3, done.stderr
    assert b"demo1: disk ok\n" in done.stdout
    assert b"demo4: disk: /var is full" in done.stderr
    assert b"4 nodes: 3 ok, 1 failed" in done.stderr
    assert left_of(tag) == []
    assert not fleet_folders(tmp_path)


async def test_a_command_of_ones_own_runs_on_every_node(
    tagged: tuple[str, dict[str, str]],
) -> None:
    tag, env = tagged

    done = await demo(["--nodes", "3", "echo", "I am $HOSTNAME"], env)

    assert done.returncode == 0, done.stderr
    assert sorted(done.stdout.splitlines()) == [
        b"demo1: I am demo1",
        b"demo2: I am demo2",
        b"demo3: I am demo3",
    ]
    assert left_of(tag) == []


async def test_two_nodes_are_too_few_for_a_failing_one(
    tagged: tuple[str, dict[str, str]],
) -> None:
    _, env = tagged

    done = await demo(["--nodes", "2", "--require-all-success"], env)

    assert done.returncode == 0, done.stderr


async def test_a_demo_that_fail_fast_stops_leaves_nothing(
    tagged: tuple[str, dict[str, str]],
) -> None:
    tag, env = tagged

    done = await demo(["--nodes", "4", "-k"], env)

    assert done.returncode != 0
    assert left_of(tag) == []


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="Ctrl-C"),
        pytest.param(signal.SIGTERM, 143, id="SIGTERM"),
        pytest.param(signal.SIGKILL, -9, id="SIGKILL"),
    ],
)
async def test_a_demo_that_is_ended_leaves_no_command(
    tagged: tuple[str, dict[str, str]], number: signal.Signals, code: int
) -> None:
    tag, env = tagged
    process = await trio.lowlevel.open_process(
        [sys.executable, "-m", "trioexec", "demo", "--nodes", "3", "-b", "sleep 3159 & sleep 3159"],
        env=env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with trio.fail_after(HANG_S):
        while sum("sleep\0003159" in command for command in left_of(tag)) < 6:
            await trio.sleep(0.05)

    process.send_signal(number)

    with trio.fail_after(HANG_S):
        assert await process.wait() == code
    if number == signal.SIGKILL:
        await wait_until_gone(tag)  # nobody was there to wait for the guards
    assert left_of(tag) == []


SIGNAL_AT_START = """\
import os, sys
from trioexec.testing.server import NodeServer

listen, servers, number = NodeServer.listen, [], int(sys.argv.pop(1))

async def listen_and_signal(server):
    await listen(server)
    servers.append(server)
    if len(servers) == 3:
        os.kill(os.getpid(), number)

NodeServer.listen = listen_and_signal
from trioexec.__main__ import main
main()
"""


@pytest.mark.parametrize(
    ("number", "options", "code", "says"),
    [
        pytest.param(
            signal.SIGINT,
            ["-b"],
            130,
            b"Received Ctrl+C (batch mode). Terminating all jobs...\n",
            id="Ctrl-C",
        ),
        pytest.param(
            signal.SIGINT,
            [],
            0,
            b"Received Ctrl+C. Press Ctrl+C again within 1 second to terminate.\n"
            b"Status: 0 running, 0 completed, 6 queued\n",
            id="a first Ctrl-C",
        ),
        pytest.param(signal.SIGTERM, [], 143, b"", id="SIGTERM"),
        pytest.param(signal.SIGHUP, [], 129, b"", id="SIGHUP"),
    ],
)
async def test_a_demo_that_is_ended_while_it_starts_leaves_nothing(
    tagged: tuple[str, dict[str, str]],
    *,
    number: signal.Signals,
    options: Sequence[str],
    code: int,
    says: bytes,
) -> None:
    tag, env = tagged

    with trio.fail_after(HANG_S):
        done = await trio.run_process(
            [
                *(sys.executable, "-c", SIGNAL_AT_START, str(int(number))),
                *("demo", "--nodes", "6", *options, "true"),
            ],
            env=env,
            check=False,
            capture_stdout=True,
            capture_stderr=True,
        )

    assert done.returncode == code, done.stderr
    assert says in done.stderr
    if code:
        assert b"  not started (" in done.stderr
    assert left_of(tag) == []
    assert not fleet_folders(Path(env["TMPDIR"]))
