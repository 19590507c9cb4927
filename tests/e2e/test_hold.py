"""Connections that outlive a run, and runs that several processes share."""

from __future__ import annotations

import contextlib
import os
import re
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from tests.e2e.rig import Cli, Done, Marker, until
from tests.e2e.ssh_rig import own_sshd
from tests.e2e.sshd_rig import keygen

NODES = "127.0.1.[1-5]"


class Held:
    """The command line with a runtime directory of its own, so that holders are the test's."""

    def __init__(self, cli: Cli, folder: Path) -> None:
        self.cli = cli
        self.env = {"XDG_RUNTIME_DIR": str(folder)}
        self.folder = folder / "trioexec"

    async def __call__(self, *words: str) -> Done:
        return await self.cli(*words, env=self.env)

    async def hold(self, *words: str) -> str:
        done = await trio.run_process(
            [sys.executable, "-m", "trioexec", "hold", *words],
            capture_stdout=True,
            capture_stderr=True,
            check=False,
            env=self.cli.environ(**self.env),
        )
        return (done.stdout + done.stderr).decode()

    async def holder(self) -> int:
        found = re.search(r"holder (\d+):", await self.hold())
        assert found
        return int(found[1])


@pytest.fixture
async def held(cli: Cli, tmp_path: Path) -> AsyncIterator[Held]:
    folder = tmp_path / "runtime"
    folder.mkdir(mode=0o700)
    held = Held(cli, folder)
    yield held
    await held.hold("stop")
    await until(lambda: not list(held.folder.glob("*.sock")), what="holders gone")


async def test_later_runs_use_the_connections_of_the_first(held: Held) -> None:
    since = len(held.cli.sshd.log)

    first = await held("-H", NODES, "--persist", "5m", "echo one; exit 3")
    logins = held.cli.sshd.logins(since)
    second = await held("-H", NODES, "-g", "echo two; exit 4")
    third = await held("-H", "127.0.1.[1-2]", "cat /dev/null; echo err >&2")

    assert (first.code, second.code, third.code) == (3, 4, 0)
    assert second.stdout.decode().splitlines()[1] == "  two"
    assert third.stderr.startswith("127.0.1.")
    assert logins == 5
    assert held.cli.sshd.logins(since) == 5
    assert "5 connections, 0 commands running" in await held.hold()


async def test_other_options_do_not_meet_the_holder(held: Held) -> None:
    since = len(held.cli.sshd.log)

    await held("-H", "127.0.1.1", "--persist", "5m", "true")
    await held("-H", "127.0.1.1", "-o", "Compression=yes", "true")
    await held("-H", "127.0.1.1", "--no-hold", "true")

    assert held.cli.sshd.logins(since) == 3


async def test_nobody_else_can_reach_what_is_held(held: Held) -> None:
    await held("-H", "127.0.1.1", "--persist", "5m", "true")

    modes = {path.suffix: stat.S_IMODE(path.lstat().st_mode) for path in held.folder.iterdir()}
    assert stat.S_IMODE(held.folder.stat().st_mode) == 0o700
    assert modes == {".sock": 0o600, ".lock": 0o600}


async def test_a_directory_that_others_may_enter_is_refused(held: Held) -> None:
    held.folder.mkdir(mode=0o755)

    done = await held("-H", "127.0.1.1", "--persist", "5m", "true")
    held.folder.chmod(0o700)

    assert done.code == 2
    assert "not a directory of yours alone" in done.stderr


async def test_the_holder_goes_when_it_has_had_nothing_to_do(held: Held) -> None:
    await held("-H", "127.0.1.1", "--persist", "0.5", "true")

    await until(lambda: not list(held.folder.glob("*.sock")), what="the holder gone")
    after = await held("-H", "127.0.1.1", "echo direct")

    assert after.stdout == b"127.0.1.1: direct\n"


async def test_a_dead_connection_is_replaced_unseen(held: Held) -> None:
    await held("-H", NODES, "--persist", "5m", "true")
    since = len(held.cli.sshd.log)
    for pid in sessions_of(held.cli.sshd.process.pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)

    done = await held("-H", NODES, "-g", "echo again")

    assert done.code == 0
    assert done.stdout.decode().splitlines()[1] == "  again"
    assert held.cli.sshd.logins(since) == 5


def sessions_of(sshd: int) -> list[int]:
    """Processes of sshd's connections: its children, and theirs, which hold the sockets."""
    listed = subprocess.run(
        ["ps", "-A", "-o", "pid=,ppid="], capture_output=True, text=True, check=True
    ).stdout
    parents = dict(map(int, line.split()) for line in listed.splitlines())
    found = {sshd}
    while more := {pid for pid, ppid in parents.items() if ppid in found} - found:
        found |= more
    return sorted(found - {sshd}, reverse=True)


async def test_limits_and_fail_fast_end_commands_as_without(held: Held, mark: Marker) -> None:
    await held("-H", NODES, "--persist", "5m", "true")
    begun = held.cli.sshd.shared / f"{mark.text}.begun"
    begun.touch()
    begun.chmod(0o666)

    late = await held("-H", NODES, "--timeout", "1", *mark.options, "sleep 1000")
    await mark.are_gone(limit_s=10)
    fast = await held(
        "-H",
        NODES,
        "-k",
        *mark.options,
        f"echo >>{begun}; case $SSH_CONNECTION in *127.0.1.3*) "
        f"until [ $(wc -l <{begun}) = 5 ]; do sleep 0.1; done; exit 9;; esac; sleep 1000",
    )

    assert late.code == 124
    assert "timed out running: 127.0.1.[1-5]" in late.stderr
    assert "not confirmed" not in late.stderr + fast.stderr
    assert "  stopped (fail-fast): 127.0.1.[1-2,4-5]" in fast.stderr
    assert fast.code != 0
    await mark.are_gone(limit_s=10)


async def test_ctrl_c_ends_commands_as_without(held: Held, mark: Marker) -> None:
    await held("-H", NODES, "--persist", "5m", "true")

    async with held.cli.start("-H", NODES, *mark.options, "sleep 1000", env=held.env) as running:
        await mark.are_running("sleep 1000", count=5)
        await running.press_twice()
        code = await running.exits()

    assert code == 130
    assert "stopped (interrupt): 127.0.1.[1-5]" in running.stderr
    await mark.are_gone(limit_s=10)


async def test_a_killed_run_leaves_nothing_though_the_holder_lives(
    held: Held, mark: Marker
) -> None:
    await held("-H", NODES, "--persist", "5m", "true")

    async with held.cli.start("-H", NODES, *mark.options, "sleep 1000", env=held.env) as running:
        await mark.are_running("sleep 1000", count=5)
        os.kill(running.pid, signal.SIGKILL)

    await mark.are_gone()
    assert "5 connections, 0 commands running" in await held.hold()


async def test_a_killed_holder_is_an_outcome_and_leaves_nothing(held: Held, mark: Marker) -> None:
    await held("-H", NODES, "--persist", "5m", "true")
    holder = await held.holder()

    async with held.cli.start("-H", NODES, *mark.options, "sleep 1000", env=held.env) as running:
        await mark.are_running("sleep 1000", count=5)
        os.kill(holder, signal.SIGKILL)
        code = await running.exits()
    after = await held("-H", NODES, "true")

    assert code == 255
    assert "died" in running.stderr
    await mark.are_gone()
    assert after.code == 0


async def test_a_passphrase_reaches_whoever_connects_for_us(tmp_path: Path) -> None:
    key = keygen(tmp_path / "client_key", passphrase="open sesame")
    folder = tmp_path / "run"
    folder.mkdir(mode=0o700)
    here = {"XDG_RUNTIME_DIR": str(folder)}
    told = here | {"TRIOEXEC_KEY_PASSPHRASE": "open sesame"}
    with own_sshd(tmp_path) as server:
        cli = Cli(server, tmp_path)
        words = ("-i", str(key), "-S", "true")

        by_workers = await cli("-H", NODES, "--workers", "2", *words, env=told)
        unknown = await cli("-H", NODES, "--workers", "2", *words, env=here)
        held = Held(cli, folder)
        first = await cli("-H", "127.0.1.1", "--persist", "5m", *words, env=told)
        another_node = await cli("-H", "127.0.1.2", *words, env=here)
        await held.hold("stop")

    assert by_workers.code == 0, by_workers.stderr
    assert unknown.code == 255
    assert "its passphrase is not known" in unknown.stderr
    assert first.code == 0, first.stderr
    assert another_node.code == 0, another_node.stderr


async def test_workers_give_the_same_results(cli: Cli) -> None:
    command = 'echo "$SSH_CONNECTION" | cut -d" " -f3; exit 3'

    done = await cli("-H", "127.0.1.[1-9]", "--workers", "3", "-S", command)

    assert done.code == 3
    assert sorted(done.stdout.decode().split()) == sorted(
        word for number in range(1, 10) for word in (f"127.0.1.{number}:", f"127.0.1.{number}")
    )
    assert "  exit 3: 127.0.1.[1-9]\n" in done.stderr


async def test_ctrl_c_with_workers_leaves_nothing(cli: Cli, mark: Marker) -> None:
    words = ("-H", NODES, "--workers", "2", *mark.options, "sleep 1000")
    async with cli.start(*words) as running:
        await mark.are_running("sleep 1000", count=5)
        await running.press_twice()
        code = await running.exits()

    assert code == 130
    await mark.are_gone(limit_s=10)


async def test_a_worker_that_dies_is_reported_for_its_nodes(cli: Cli, mark: Marker) -> None:
    words = ("-v", "-H", "127.0.1.[1-4]", "--workers", "2", *mark.options, "sleep 1000")
    async with cli.start(*words) as running:
        # What runs on a node need not have been heard of here, nor need a death.
        await running.says(": started\n", times=4)
        await mark.are_running("sleep 1000", count=4)
        os.kill(_a_worker_of(running.pid), signal.SIGKILL)
        await running.says(": unreachable: worker process", times=2)
        await running.press_twice()
        code = await running.exits()

    assert code == 130
    assert re.search(r"unreachable: worker process \d died.*: 127\.0\.1\.\[", running.stderr)
    assert "stopped (interrupt): 127.0.1.[" in running.stderr
    await mark.are_gone()


def _a_worker_of(pid: int) -> int:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(children[0])
