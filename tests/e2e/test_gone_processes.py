"""Runs whose holder, workers or neighbours are killed, stopped or told to go in the middle."""

from __future__ import annotations

import os
import shutil
import signal
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.e2e.rig import Cli, Marker, Running, until
from tests.e2e.ssh_rig import own_sshd
from tests.e2e.sshd_rig import Sshd, keygen
from tests.e2e.test_hold import NODES, Held, held

__all__ = ["held"]  # a fixture


class Tally:
    """Which nodes have started the command, each as often as it did."""

    def __init__(self, sshd: Sshd, mark: Marker) -> None:
        self.path = sshd.shared / mark.text
        self.path.touch()
        self.path.chmod(0o666)

    def command(self, *sticks: str) -> str:
        return (
            f"set -- $SSH_CONNECTION; echo $3 >>{self.path}; "
            f"case $3 in {'|'.join(sticks)}) sleep 1000;; esac; echo did"
        )

    def gated(self) -> str:
        """A command that ends when the gate is opened."""
        return (
            f"set -- $SSH_CONNECTION; echo $3 >>{self.path}; "
            f"until [ -e {self.path}.gate ]; do sleep 0.1; done"
        )

    def open_gate(self) -> None:
        self.path.with_name(f"{self.path.name}.gate").touch()

    def started(self) -> list[str]:
        return sorted(self.path.read_text().split())


@pytest.fixture
def tally(sshd: Sshd, mark: Marker) -> Tally:
    return Tally(sshd, mark)


async def test_nodes_that_a_killed_holder_was_not_asked_for_are_run_on_all_the_same(
    held: Held, mark: Marker, tally: Tally
) -> None:
    words = ("--parallel", "2", *mark.options, tally.command("127.0.1.1", "127.0.1.2"))
    await held("-H", NODES, "--persist", "5m", "true")
    holder = await held.holder()

    async with held.cli.start("-H", NODES, "--persist", "5m", *words, env=held.env) as running:
        await mark.are_running("sleep 1000", count=2)
        os.kill(holder, signal.SIGKILL)
        code = await running.exits()

    assert code == 255
    assert (
        "unreachable: the holder of its connection died (remote end not confirmed): 127.0.1.[1-2]"
        in running.stderr
    )
    assert "5 nodes: 3 ok, 2 failed" in running.stderr
    assert sorted(running.stdout.decode().split()) == sorted(
        ["127.0.1.3:", "did", "127.0.1.4:", "did", "127.0.1.5:", "did"]
    )
    assert tally.started() == [f"127.0.1.{number}" for number in range(1, 6)]
    await mark.are_gone()


@pytest.mark.parametrize("killed", [1, 2], ids=["one of two", "both"])
async def test_nodes_that_a_killed_worker_was_not_asked_for_are_run_on_all_the_same(
    cli: Cli, mark: Marker, tally: Tally, killed: int
) -> None:
    sticks = ("127.0.1.1", "127.0.1.2")
    words = ("-v", "--workers", "2", "--parallel", "2", *mark.options, tally.command(*sticks))

    async with cli.start("-H", "127.0.1.[1-6]", *words) as running:
        await mark.are_running("sleep 1000", count=2)
        for worker in _children(running.pid)[:killed]:
            os.kill(worker, signal.SIGKILL)
        await running.prints(b": did\n", times=4)
        if killed == 1:
            await running.press_twice()
        await running.exits()

    assert tally.started() == [f"127.0.1.{number}" for number in range(1, 7)]
    assert "died (remote end not confirmed)" in running.stderr
    assert ("this one does" in running.stderr) is (killed == 2)
    await mark.are_gone()


async def test_fail_fast_and_ctrl_c_hold_for_nodes_that_are_reached_after_a_death(
    held: Held, mark: Marker, tally: Tally
) -> None:
    words = ("--parallel", "2", *mark.options)
    await held("-H", NODES, "--persist", "5m", "true")
    command = tally.command("127.0.1.*")

    async with held.cli.start("-H", NODES, *words, command, env=held.env) as running:
        await mark.are_running("sleep 1000", count=2)
        os.kill(await held.holder(), signal.SIGKILL)
        await until(lambda: len(tally.started()) == 4, what="two more nodes started")
        await mark.are_running("sleep 1000", count=2)
        await running.press_twice()
        code = await running.exits()
    await mark.are_gone(limit_s=10)
    first = tally.started()
    await held("-H", NODES, "--persist", "5m", "true")

    async with held.cli.start("-k", "-H", NODES, *words, command, env=held.env) as failing:
        await mark.are_running("sleep 1000", count=2)
        os.kill(await held.holder(), signal.SIGKILL)
        await failing.exits()

    assert code == 130
    assert "stopped (interrupt): 127.0.1.[3-4]" in running.stderr
    assert first == [f"127.0.1.{number}" for number in range(1, 5)]
    assert tally.started() == sorted([*first, "127.0.1.1", "127.0.1.2"])
    await mark.are_gone(limit_s=10)


@pytest.mark.parametrize("told", [True, False], ids=["told", "not told"])
async def test_nobody_is_asked_in_mid_run_for_what_the_dead_holder_knew(
    tmp_path: Path, *, told: bool
) -> None:
    key = keygen(tmp_path / "client_key", passphrase="open sesame")
    (tmp_path / "run").mkdir(mode=0o700)
    with own_sshd(tmp_path) as server:
        held = Held(Cli(server, tmp_path), tmp_path / "run")
        held.env["TRIOEXEC_KEY_PASSPHRASE"] = "open sesame"
        words = ("-i", str(key), "-H", "127.0.1.[1-2]", "--parallel", "1")
        if not told:
            await held(*words, "--persist", "5m", "true")
            del held.env["TRIOEXEC_KEY_PASSPHRASE"]

        command = "set -- $SSH_CONNECTION; case $3 in 127.0.1.1) echo up; sleep 1000;; esac"
        how = ("--persist", "5m") if told else ()
        async with held.cli.start(*words, *how, command, env=held.env) as running:
            await running.prints(b"up\n")
            os.kill(await held.holder(), signal.SIGKILL)
            await running.exits()

    denied = f"{key}: its passphrase is not known: 127.0.1.2"
    assert ("2 nodes: 1 ok, 1 failed" in running.stderr) is told
    assert (denied in running.stderr) is not told, running.stderr


async def test_a_killed_run_leaves_neither_workers_nor_commands(cli: Cli, mark: Marker) -> None:
    words = ("-H", NODES, "--workers", "2", *mark.options, "sleep 1000")

    async with cli.start(*words) as running:
        await mark.are_running("sleep 1000", count=5)
        workers = _children(running.pid)
        os.kill(running.pid, signal.SIGKILL)
    await mark.are_gone()

    assert len(workers) == 2
    for worker in workers:
        await until(partial(_is_over, worker), what="the workers gone")


async def test_a_holder_that_was_killed_between_runs_is_replaced_unseen(held: Held) -> None:
    words = ("-H", NODES, "-g", "echo here")
    told = ("--persist", "5m", *words)
    usual = [await held(*told), await held(*words)]
    first = await held.holder()

    os.kill(first, signal.SIGKILL)
    direct = await held(*words)
    again = await held(*told)
    since = len(held.cli.sshd.log)
    after = await held(*words)

    said = {_without_times(done.stderr) for done in (*usual, direct, again, after)}
    assert len(said) == 1
    assert len({done.stdout for done in (*usual, direct, again, after)}) == 1
    assert await held.holder() != first
    assert held.cli.sshd.logins(since) == 0


async def test_a_stopped_holder_is_asked_for_no_more_nodes(
    held: Held, mark: Marker, tally: Tally
) -> None:
    words = ("--parallel", "2", "--timeout", "8", *mark.options)
    await held("-H", NODES, "--persist", "5m", "true")
    holder = await held.holder()

    command = tally.command("127.0.1.1", "127.0.1.2")
    async with held.cli.start("-H", NODES, *words, command, env=held.env) as running:
        await mark.are_running("sleep 1000", count=2)
        os.kill(holder, signal.SIGSTOP)
        code = await running.exits()
    os.kill(holder, signal.SIGCONT)

    assert code == 124
    assert "timed out running (remote end not confirmed): 127.0.1.[1-2]" in running.stderr
    assert running.stdout.count(b": did\n") == 3
    assert tally.started() == [f"127.0.1.{number}" for number in range(1, 6)]
    await mark.are_gone()


async def test_a_run_goes_on_though_its_holder_is_told_to_stop(
    held: Held, mark: Marker, tally: Tally
) -> None:
    await held("-H", NODES, "--persist", "5m", "true")
    holder, since = await held.holder(), len(held.cli.sshd.log)
    words = ("-H", NODES, "--parallel", "2", *mark.options, tally.gated())

    async with held.cli.start(*words, env=held.env) as running:
        await until(lambda: len(tally.started()) == 2, what="two nodes running")
        said = await held.hold("stop")
        listed = await held.hold()
        tally.open_gate()
        code = await running.exits()

    assert (
        said
        == f"1 holder stopped.\nholder {holder}: goes when what it runs has ended: 2 commands\n"
    )
    assert listed.startswith("Nothing is held")
    assert code == 0, running.stderr
    assert held.cli.sshd.logins(since) == 0
    assert tally.started() == [f"127.0.1.{number}" for number in range(1, 6)]
    await until(partial(_is_over, holder), what="the holder gone")


async def test_a_run_goes_on_though_the_runtime_directory_is_removed(
    held: Held, mark: Marker, tally: Tally
) -> None:
    await held("-H", NODES, "--persist", "5m", "true")
    holder = await held.holder()
    words = ("--persist", "1", "-H", NODES, "--parallel", "2", *mark.options, tally.gated())

    async with held.cli.start(*words, env=held.env) as running:
        await until(lambda: len(tally.started()) == 2, what="two nodes running")
        shutil.rmtree(held.folder)
        meanwhile = await held("-H", "127.0.1.1", "echo direct")
        anew = await held("-H", "127.0.1.1", "--persist", "5m", "echo held")
        tally.open_gate()
        code = await running.exits()

    assert (code, len(tally.started())) == (0, 5)
    assert (meanwhile.stdout, anew.stdout) == (b"127.0.1.1: direct\n", b"127.0.1.1: held\n")
    assert await held.holder() != holder
    await until(partial(_is_over, holder), what="the first one gone")


async def test_runs_that_are_killed_leave_nothing_in_the_holder(held: Held, mark: Marker) -> None:
    await held("-H", NODES, "--persist", "5m", "true")
    holder = await held.holder()
    before = _descriptors(holder)

    async def kill_one(command: str) -> None:
        async with held.cli.start("-H", NODES, *mark.options, command, env=held.env) as running:
            ready.append(running)
            await all_run.wait()
            os.kill(running.pid, signal.SIGKILL)

    for _ in range(5):
        ready: list[Running] = []
        all_run = trio.Event()
        async with trio.open_nursery() as nursery:
            for command in ("sleep 1000", "yes", "while :; do echo 0123456789; done", "cat"):
                nursery.start_soon(kill_one, command)
            await mark.are_running("sleep 1000", count=5)
            await mark.are_running("yes", count=5)
            most = _descriptors(holder)
            all_run.set()
        await mark.are_gone()
    await until(lambda: _descriptors(holder) <= before, what="no more descriptors than before")

    assert most > before
    assert "5 connections, 0 commands running" in await held.hold()


async def test_a_run_that_is_stopped_while_output_flows_fills_nobodys_memory(
    held: Held, mark: Marker
) -> None:
    await held("-H", NODES, "--persist", "5m", "true")
    holder = await held.holder()
    talks = "exec head -c 1000000000 /dev/zero"

    async with held.cli.start(
        "-H", NODES, *mark.options, talks, env=held.env, stdout=os.open(os.devnull, os.O_WRONLY)
    ) as running:
        await until(lambda: len(mark.processes()) >= 5, what="commands running")
        os.kill(running.pid, signal.SIGSTOP)
        await _is_at_rest(holder)
        full_bytes = _memory_bytes(holder)
        other = await held("-H", NODES, "-q", "echo others go on")
        os.kill(running.pid, signal.SIGKILL)
    await mark.are_gone()

    assert full_bytes < 150 * 1024 * 1024
    assert other.code == 0
    assert other.stdout.count(b"others go on\n") == 5


def _is_over(pid: int) -> bool:
    """Whether a process has ended; some containers have an init that never reaps."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


async def _is_at_rest(pid: int) -> None:
    """Wait until a process has used no processor time for a while."""
    last, still = -1, 0
    while still < 10:
        used = _ticks(pid)
        still = still + 1 if used == last else 0
        last = used
        await trio.sleep(0.1)


def _ticks(pid: int) -> int:
    found = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(found[11]) + int(found[12])


def _memory_bytes(pid: int) -> int:
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _children(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _without_times(stderr: str) -> str:
    return stderr.partition(" in ")[0]
