"""Holders where something is wrong: with them, with their place, or with what they were told."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
from pathlib import Path

import pytest
import trio

from tests.e2e.rig import Cli, Done, Marker, until
from tests.e2e.ssh_rig import account, need_root, own_sshd
from tests.e2e.sshd_rig import closed_port, keygen, silent_server
from tests.e2e.test_hold import NODES, Held, held, sessions_of
from trioexec.transports.ssh.hops import SILENT_S

__all__ = ["held"]  # a fixture

PASSWORD = "open sesame"


def _runtime(folder: Path) -> Path:
    path = folder / "run"
    path.mkdir(mode=0o700)
    return path


async def test_a_place_that_is_unsafe_stops_no_run_that_wants_no_holder(held: Held) -> None:
    held.folder.mkdir(mode=0o755)

    done = await held("-H", "127.0.1.1", "echo here")
    held.folder.chmod(0o700)

    assert (done.code, done.stdout) == (0, b"127.0.1.1: here\n"), done.stderr


async def test_what_the_first_run_named_by_its_directory_is_found(tmp_path: Path) -> None:
    with own_sshd(tmp_path) as server:
        cli = Cli(server, tmp_path)
        held = Held(cli, _runtime(tmp_path))
        words = ("-F", "ssh_config", "-i", "client_key")

        first = await held("-H", "127.0.1.1", "--persist", "5m", *words, "true")
        second = await held("-H", "127.0.1.1", *words, "true")
        logins = server.logins()
        await held.hold("stop")

    assert (first.code, second.code) == (0, 0), first.stderr + second.stderr
    assert logins == 1


async def test_what_is_sent_of_the_environment_is_the_runs_own(tmp_path: Path) -> None:
    with own_sshd(tmp_path, "AcceptEnv TOLD") as server:
        cli = Cli(server, tmp_path)
        held = Held(cli, _runtime(tmp_path))
        words = ("-i", "client_key", "-o", "SendEnv=TOLD", "-N", "echo $TOLD")
        said = []

        for value in ("one", "two"):
            held.env["TOLD"] = value
            done = await held("-H", "127.0.1.1", "--persist", "5m", *words)
            said.append(done.stdout)
        await held.hold("stop")

    assert said == [b"one\n", b"two\n"]


async def test_the_connect_limit_is_the_runs_own(held: Held) -> None:
    with silent_server() as port:
        node = f"127.0.1.1:{port}"
        await held("-H", node, "--connect-timeout", "0.5", "--persist", "5m", "true")

        patient = await held("-H", node, "--connect-timeout", "3", "true")

    assert f"timed out connecting (no SSH greeting): {node}" in patient.stderr
    assert patient.seconds > 2.5


async def test_there_may_be_more_nodes_than_descriptors(held: Held) -> None:
    few = ("sh", "-c", 'ulimit -n 80; exec "$@"', "sh")
    words = ("-H", "127.0.1.[1-90]", "--parallel", "0", "--persist", "5m", "-S", "true")

    async with held.cli.start(*words, env=held.env, prefix=few) as running:
        code = await running.exits()

    assert code == 0, running.stderr
    assert ": 30 connections" in await held.hold()


@pytest.mark.parametrize(
    "way",
    [(), ("--output-dir", "out"), ("--workers", "2"), ("--persist", "5m")],
    ids=["alone", "files", "workers", "held"],
)
async def test_nodes_wait_for_descriptors(held: Held, way: tuple[str, ...]) -> None:
    few = ("sh", "-c", 'ulimit -n 40; exec "$@"', "sh")
    words = ("-H", "127.0.1.[1-60]", "--parallel", "0", "-S", *way, "echo out; sleep 0.2")

    async with held.cli.start(*words, env=held.env, prefix=few) as running:
        code = await running.exits()

    assert code == 0, running.stderr
    assert running.stderr.startswith("60 nodes: 60 ok in ")


async def test_too_few_descriptors_for_any_run_are_told_in_two_lines(held: Held) -> None:
    few = ("sh", "-c", 'ulimit -n 10; exec "$@"', "sh")

    async with held.cli.start("-H", "127.0.1.1", "true", env=held.env, prefix=few) as running:
        code = await running.exits()

    assert code == 2
    assert running.stderr == (
        "trioexec: 10 open files are too few for this process.\n"
        "Allow more of them: ulimit -n 1024\n"
    )


async def test_the_soft_limit_of_descriptors_is_none(held: Held) -> None:
    few = ("sh", "-c", 'ulimit -Sn 80; exec "$@"', "sh")
    words = ("-H", "127.0.1.[1-90]", "--parallel", "10", "--persist", "5m", "-q", "true")

    async with held.cli.start(*words, env=held.env, prefix=few) as running:
        code = await running.exits()

    assert code == 0, running.stderr
    assert ": 90 connections" in await held.hold()


async def test_a_password_that_was_wrong_is_replaced_by_the_next_runs(tmp_path: Path) -> None:
    need_root()
    user = account("trioexec-held", PASSWORD)
    with own_sshd(tmp_path, "PasswordAuthentication yes", user=user) as server:
        held = Held(Cli(server, tmp_path), _runtime(tmp_path))
        words = ("-o", "IdentityFile=none", "--persist", "5m", "true")

        codes = []
        for password in ("wrong", PASSWORD):
            held.env["TRIOEXEC_PASSWORD"] = password
            codes.append((await held("-H", "127.0.1.1", *words)).code)
        del held.env["TRIOEXEC_PASSWORD"]
        codes.append((await held("-H", "127.0.1.2", *words)).code)
        await held.hold("stop")

    assert codes == [255, 0, 0]


async def test_a_passphrase_that_was_missed_is_asked_for_by_the_next_run(tmp_path: Path) -> None:
    key = keygen(tmp_path / "client_key", passphrase=PASSWORD)
    with own_sshd(tmp_path) as server:
        held = Held(Cli(server, tmp_path), _runtime(tmp_path))
        words = ("-H", "127.0.1.1", "-i", str(key), "true")

        without = await held("--persist", "5m", *words)
        held.env["TRIOEXEC_KEY_PASSPHRASE"] = PASSWORD
        told = await held(*words)
        await held.hold("stop")

    assert "its passphrase is not known" in without.stderr
    assert told.code == 0, told.stderr


async def test_files_are_read_again_for_each_run(tmp_path: Path) -> None:
    with own_sshd(tmp_path) as server:
        held = Held(Cli(server, tmp_path), _runtime(tmp_path))
        key, known_hosts = tmp_path / "client_key", tmp_path / "known_hosts"
        words = ("-i", str(key), "true")
        stranger = keygen(tmp_path / "stranger").with_name("stranger.pub").read_text()

        first = await held("-H", "127.0.1.1", "--persist", "5m", *words)
        recorded = known_hosts.read_text()
        known_hosts.write_text(f"[127.0.1.2]:{server.port} {stranger}")
        wrong_host = await held("-H", "127.0.1.2", *words)
        known_hosts.write_text(recorded)
        key.chmod(0o644)
        wrong_mode = await held("-H", "127.0.1.2", *words)
        key.chmod(0o600)
        right = await held("-H", "127.0.1.2", *words)
        listed = await held.hold()
        await held.hold("stop")

    assert (first.code, wrong_host.code, wrong_mode.code, right.code) == (0, 255, 255, 0)
    assert "host key" in wrong_host.stderr
    assert "others may read it" in wrong_mode.stderr
    assert "2 connections," in listed


@pytest.mark.parametrize("full", [False, True], ids=["", "and lets nobody in any more"])
async def test_a_stopped_holder_is_gone_round_told_of_and_ended(held: Held, *, full: bool) -> None:
    await held("-H", NODES, "--persist", "5m", "true")
    stopped = await held.holder()
    os.kill(stopped, signal.SIGSTOP)
    if full:
        _fill(next(held.folder.glob("*.sock")))
    since = len(held.cli.sshd.log)

    done = await held("-H", NODES, "true")
    listed = await held.hold()
    said = await held.hold("stop")

    assert done.code == 0
    assert held.cli.sshd.logins(since) == 5
    assert f"holder {stopped}: does not answer" in listed
    assert said == "1 holder stopped.\n"
    await until(lambda: _is_over(stopped), what="the stopped holder gone")
    assert list(held.folder.iterdir()) == []


def _fill(path: Path) -> None:
    """Leave as many connections waiting as a holder lets wait: each run that gave up leaves one."""
    with contextlib.suppress(BlockingIOError):
        while True:
            with socket.socket(socket.AF_UNIX) as connected:
                connected.setblocking(False)
                connected.connect(str(path))


async def test_a_jump_host_that_has_gone_silent_is_connected_to_anew(tmp_path: Path) -> None:
    with own_sshd(tmp_path) as server:
        held = Held(Cli(server, tmp_path), _runtime(tmp_path))
        words = ("-H", "127.0.1.[1-2]", "-J", "127.0.2.1", "-i", str(tmp_path / "client_key"), "-S")

        first = await held(*words, "--persist", "5m", "true")
        silent = sessions_of(server.process.pid)
        for pid in silent:
            os.kill(pid, signal.SIGSTOP)
        try:
            await trio.sleep(SILENT_S)
            again = await held(*words, "true")
        finally:
            for pid in silent:
                os.kill(pid, signal.SIGCONT)
        await held.hold("stop")

    assert first.code == 0, first.stderr
    assert again.code == 0, again.stderr


async def test_ctrl_c_is_obeyed_though_the_holder_is_stopped(held: Held, mark: Marker) -> None:
    await held("-H", NODES, "--persist", "5m", "true")
    holder = await held.holder()

    async with held.cli.start("-H", NODES, *mark.options, "sleep 1000", env=held.env) as running:
        await mark.are_running("sleep 1000", count=5)
        os.kill(holder, signal.SIGSTOP)
        await running.press_twice()
        running.press()
        code = await running.exits()
    os.kill(holder, signal.SIGCONT)

    assert code == 130
    assert "stopped (interrupt) (remote end not confirmed): 127.0.1.[1-5]" in running.stderr
    await mark.are_gone()


async def test_a_successor_is_not_turned_out_by_who_was_there_before(held: Held) -> None:
    await held("-H", "127.0.1.1", "--persist", "2", "true")
    first = await held.holder()
    os.kill(first, signal.SIGSTOP)

    await held("-H", "127.0.1.1", "--persist", "5m", "true")
    os.kill(first, signal.SIGCONT)
    await until(lambda: _is_over(first), what="the first holder gone")

    assert await held.holder() != first


async def test_the_last_word_on_how_long_to_stay_counts(held: Held) -> None:
    await held("-H", "127.0.1.1", "--persist", "1h", "true")

    await held("-H", "127.0.1.1", "--persist", "0.3", "true")

    await until(lambda: not list(held.folder.iterdir()), what="the holder gone")


async def test_runs_at_one_time_share_a_holder(held: Held) -> None:
    since = len(held.cli.sshd.log)
    codes = []

    async def run(code: int) -> None:
        codes.append((await held("-H", NODES, "--persist", "5m", f"exit {code}")).code)

    async with trio.open_nursery() as nursery:
        for code in range(4):
            nursery.start_soon(run, code)

    assert sorted(codes) == [0, 1, 2, 3]
    assert held.cli.sshd.logins(since) <= 20
    assert (await held.hold()).count("holder ") == 1


@pytest.mark.parametrize("way", [("--workers", "2"), ("--persist", "5m")], ids=["workers", "held"])
async def test_what_is_said_with_v_is_said_whoever_connects(
    held: Held, way: tuple[str, str]
) -> None:
    with closed_port() as port:
        words = ("-v", "-H", f"127.0.1.[1-3],127.0.1.4:{port}", "true")
        alone = await held("--no-hold", "--workers", "1", *words)

        other = await held(*way, *words)

    assert _told(alone) == _told(other)
    assert any("connection refused <- ConnectionRefusedError" in line for line in _told(alone))


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(("--no-hold", "--workers", "1"), id="this process"),
        pytest.param(("--workers", "2"), id="workers"),
        pytest.param(("--persist", "5m"), id="held"),
        pytest.param(("--no-hold", "-l", "nobody-of-that-name"), id="nobody let in"),
    ],
)
async def test_host_keys_that_cannot_be_recorded_are_said_in_one_line(
    held: Held, way: tuple[str, ...]
) -> None:
    nowhere = "/proc/nowhere/known_hosts"

    done = await held(*way, "-H", "127.0.1.[1-4]", "-o", f"UserKnownHostsFile={nowhere}", "true")

    assert _told(done) == [line for line in done.stderr.splitlines() if "trioexec: " in line]
    assert _told(done) == [
        f"trioexec: new host keys are not recorded: {nowhere}: no such file or directory"
    ]


async def test_a_program_of_ssh_config_has_no_more_time_than_the_run(
    held: Held, tmp_path: Path
) -> None:
    pid, config = tmp_path / "pid", tmp_path / "config"
    config.write_text(
        f'Match exec "echo $$ >{pid}; exec sleep 1000"\nInclude {held.cli.sshd.config}\n'
    )
    words = ("-F", str(config), "-H", "127.0.1.[1-2]", "--deadline", "1", "true")

    alone = await held(*words)
    starting = await held("--persist", "5m", *words)
    pid.unlink()
    by_holder = await held(*words)

    assert "not started (deadline): 127.0.1.[1-2]" in alone.stderr
    assert "not started (deadline): 127.0.1.[1-2]" in starting.stderr
    assert "ran into the deadline: 127.0.1.[1-2]" in by_holder.stderr
    await until(lambda: _is_over(int(pid.read_text())), limit_s=20)  # sooner than by its own


def _told(done: Done) -> list[str]:
    """List what the log said, each line once: each worker reads the configuration."""
    return sorted({line for line in done.stderr.splitlines() if line.startswith("trioexec: ")})


def _is_over(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True
