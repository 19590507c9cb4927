"""Whatever way a run ends, none of its processes is left on the node."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest
import trio

from tests.e2e.rig import Cli, Marker, Running

NODE = "127.0.1.1"

NEEDS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may log in as root here")
USERS = [
    pytest.param((), id="user"),
    pytest.param(("-l", "root"), id="root", marks=NEEDS_ROOT),
]

WAITS_LONGER = """\
from trioexec.__main__ import main
from trioexec.transports.ssh import ending
ending.STOP_MARGIN_S = ending.LINGER_MARGIN_S = 40.0
main()
"""

PLAIN = "sleep 1000"
DEAF = "trap '' TERM; sh -c 'sleep 1000'; sleep 1000"
TWO = "sh -c 'sleep 1000 & sleep 1000'"
APART = "timeout 1000 sleep 1000; :"
"""In a process group of its own, as what a shell with job control starts."""

LEAVES_ONE_APART = (
    "timeout 1000 sleep 1000 >/dev/null 2>&1 & p=$!; "
    'until read -r _ _ _ _ g _ </proc/$p/stat && [ "$g" = $p ]; do :; done'
)
"""It has left the group when the rest begins."""

HUNG_UP_ON = "(trap '' TERM HUP; echo up; exec sleep 1000) & sleep 0.5"
"""On a terminal its channel is closed when the leader has gone, whoever is still there."""


@pytest.fixture(params=USERS)
def user(request: pytest.FixtureRequest) -> tuple[str, ...]:
    return tuple(request.param)


class Patient(Cli):
    """A command line that waits for the news of an end as long as a busy machine may take.

    So what it says of the end does not depend on the machine: all have to be confirmed.
    How long it waits by itself is another test's business, below.
    """

    def argv(self, *words: str) -> list[str]:
        argv = super().argv(*words)
        assert argv[1:3] == ["-m", "trioexec"]
        return [argv[0], "-c", WAITS_LONGER, *argv[3:]]


@pytest.fixture
def patient(cli: Cli) -> Cli:
    return Patient(cli.sshd, cli.folder)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        pytest.param(("--timeout", "1"), "timed out running", id="timeout"),
        pytest.param(("--idle-timeout", "1"), "timed out with no output", id="idle timeout"),
        pytest.param(("--deadline", "12"), "ran into the deadline", id="deadline"),
    ],
)
async def test_limits_end_commands_of_every_kind(
    patient: Cli, mark: Marker, user: tuple[str, ...], options: tuple[str, ...], says: str
) -> None:
    kinds = [PLAIN, DEAF, TWO, "sleep 1000 | sleep 1000", "exec sleep 1000", APART]
    node_of = [f"127.0.1.{number}" for number in range(1, len(kinds) + 1)]
    command = _by_node(dict(zip(node_of, kinds, strict=True)))

    done = await patient("-H", ",".join(node_of), *user, *options, *mark.options, command)

    assert done.code == 124
    assert f"  {says}: 127.0.1.[1-6]\n" in done.stderr
    await mark.are_gone()


async def test_what_a_command_leaves_in_the_background_ends_with_it(
    cli: Cli, mark: Marker, user: tuple[str, ...]
) -> None:
    done = await cli(
        *("-H", NODE, *user, *mark.options),
        "sleep 1000 >/dev/null 2>&1 & sh -c 'sleep 1000 & sleep 1000' >/dev/null 2>&1 & exit 3",
    )

    assert done.code == 3
    await mark.are_gone()


async def test_what_a_command_leaves_that_kills_its_whole_group_ends_all_the_same(
    cli: Cli, mark: Marker, user: tuple[str, ...]
) -> None:
    done = await cli("-H", NODE, *user, *mark.options, f"{LEAVES_ONE_APART}; kill -KILL 0")

    assert done.code == 128 + signal.SIGKILL
    await mark.are_gone()


async def test_a_command_that_stopped_its_whole_group_is_ended_all_the_same(
    patient: Cli, mark: Marker, user: tuple[str, ...]
) -> None:
    stops = f"{LEAVES_ONE_APART}; kill -STOP 0"

    done = await patient("-H", NODE, *user, "--timeout", "3", *mark.options, stops)

    assert done.code == 124
    await mark.are_gone()


async def test_fail_fast_ends_what_runs(patient: Cli, mark: Marker, user: tuple[str, ...]) -> None:
    begun = patient.sshd.shared / mark.text
    command = _by_node(
        {
            "127.0.1.1": f"touch {begun}.1; {DEAF}",
            "127.0.1.2": f"touch {begun}.2; {TWO}",
            "127.0.1.3": f"until [ -e {begun}.1 ] && [ -e {begun}.2 ]; do sleep 0.05; done; exit 7",
        }
    )

    done = await patient("-H", "127.0.1.[1-3]", *user, "-k", *mark.options, command)

    assert done.code == 1
    assert "  stopped (fail-fast): 127.0.1.[1-2]\n" in done.stderr
    await mark.are_gone()


@pytest.mark.parametrize("how", ["interrupt", "cut short", "killed"])
async def test_our_own_end_ends_commands_of_every_kind(
    patient: Cli, mark: Marker, user: tuple[str, ...], how: str
) -> None:
    kinds = {"127.0.1.1": PLAIN, "127.0.1.2": DEAF, "127.0.1.3": TWO, "127.0.1.4": APART}
    command = _by_node(kinds)
    nodes = "127.0.1.[1-4]"
    async with patient.start("-H", nodes, *user, *mark.options, f"echo up; {command}") as run:
        await run.prints(b"up\n", times=4)
        await mark.are_running("sleep 1000", count=5)

        await _end(run, how)
        await run.exits()

    if how == "interrupt":
        assert f"  stopped (interrupt): {nodes}\n" in run.stderr
    # Without us the watchdogs go by themselves: EOF, TERM, a grace of 2 s, KILL.
    await mark.are_gone()


async def _end(run: Running, how: str) -> None:
    match how:
        case "interrupt":
            await run.press_twice()
        case "cut short":
            await run.press_twice()
            run.press()
        case "killed":
            run.press(signal.SIGKILL)


@pytest.mark.parametrize("how", ["interrupt", "killed"])
async def test_commands_with_a_stdin_of_their_own_end_too(
    patient: Cli, mark: Marker, user: tuple[str, ...], tmp_path: Path, how: str
) -> None:
    script = tmp_path / "script"
    script.write_text("#!/bin/sh\necho up\nsh -c 'sleep 1000 & sleep 1000'\n")
    kinds = [
        ("--script", str(script)),
        ("--stdin", f"cat; echo up; {TWO}"),
        ("--tty", f"echo up; {TWO}"),
        ("--tty", "echo up; sleep 1000 & timeout 1000 sleep 1000; :"),
    ]

    async def start_and_end(*command: str) -> None:
        async with patient.start("-H", NODE, *user, *mark.options, *command) as run:
            await run.prints(b"up")
            await mark.are_running("sleep 1000", count=2)
            await _end(run, how)
            await run.exits()
        if how == "interrupt":
            assert "  stopped (interrupt): 127.0.1.1\n" in run.stderr, command

    async with trio.open_nursery() as nursery:
        for kind in kinds:
            nursery.start_soon(start_and_end, *kind)

    await mark.are_gone()


async def test_without_setsid_on_the_node_a_command_with_a_stdin_ends_too(
    patient: Cli, mark: Marker, user: tuple[str, ...]
) -> None:
    programs = patient.sshd.shared / mark.text
    programs.mkdir()
    for name in ("cat", "sh", "sleep"):
        (programs / name).symlink_to(shutil.which(name) or "")
    path = ("--env", f"PATH={programs}", *mark.options)

    done = await patient("-H", NODE, *user, "--stdin", "--timeout", "2", *path, f"cat; {TWO}")

    assert done.code == 124
    assert f"  timed out running: {NODE}\n" in done.stderr
    await mark.are_gone()


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param((f"{HUNG_UP_ON}; exit 3",), 3, id="by itself"),
        pytest.param(("--timeout", "2", f"{HUNG_UP_ON}; sleep 1000"), 124, id="timeout"),
    ],
)
async def test_the_end_on_a_terminal_is_not_told_before_all_is_gone(
    patient: Cli, mark: Marker, user: tuple[str, ...], words: tuple[str, ...], code: int
) -> None:
    done = await patient("-H", NODE, *user, "--tty", *mark.options, *words)
    left = mark.processes()

    assert done.code == code
    assert b"up" in done.stdout
    assert "not confirmed" not in done.stderr
    assert not left


async def test_servers_that_allow_less_are_cleaned_up_all_the_same(
    patient: Cli, mark: Marker
) -> None:
    forced, one_session = "127.0.7.1", "127.0.8.1"
    nodes = ("-H", f"{forced},{one_session}", "--timeout", "1")

    plain = await patient(*nodes, *mark.options, TWO)
    fed = await patient(*nodes, "--tty", *mark.options, TWO)

    assert "  timed out running: 127.0.[7-8].1\n" in plain.stderr
    assert fed.code == 124
    await mark.are_gone()


async def test_with_one_session_a_command_with_a_stdin_has_ended_when_that_is_said(
    patient: Cli, mark: Marker
) -> None:
    """There is no second session to ask for its end; by itself it would notice a second later."""
    done = await patient(
        "-H", "127.0.8.1", "--stdin", "--timeout", "2", *mark.options, "exec sleep 1000"
    )
    left = [each for each in mark.processes() if each.split(" ", 1)[1].rstrip() == "sleep 1000"]

    assert done.last_line == "  timed out running: 127.0.8.1", done.stderr
    assert left == []


async def test_without_the_watchdog_the_end_is_not_confirmed(cli: Cli, mark: Marker) -> None:
    done = await cli("-H", NODE, "--no-wrap", "--timeout", "1", f": {mark.text}; {PLAIN}")

    assert done.code == 124
    assert "  timed out running (remote end not confirmed): 127.0.1.1\n" in done.stderr


async def test_a_node_that_does_not_answer_any_more_is_bounded_and_not_confirmed(
    cli: Cli, mark: Marker
) -> None:
    async with cli.start("-H", NODE, *mark.options, f"echo up $PPID; {PLAIN}") as run:
        await run.prints(b"\n")
        sshd = int(run.stdout.split()[-1])
        os.kill(sshd, signal.SIGSTOP)
        try:
            await run.press_twice()
            assert await run.exits() == 130
        finally:
            os.kill(sshd, signal.SIGCONT)

    assert "  stopped (interrupt) (remote end not confirmed): 127.0.1.1\n" in run.stderr
    await mark.are_gone()


async def test_a_server_that_dies_under_us_is_said_and_cleaned_up(cli: Cli, mark: Marker) -> None:
    async with cli.start("-H", NODE, *mark.options, f"echo up $PPID; {TWO}") as run:
        await run.prints(b"\n")
        os.kill(int(run.stdout.split()[-1]), signal.SIGKILL)

        assert await run.exits() == 255
    assert "unreachable: connection lost (remote end not confirmed): 127.0.1.1\n" in run.stderr
    await mark.are_gone()


def _by_node(commands: dict[str, str]) -> str:
    cases = " ".join(f"*' {node} '*) {text};;" for node, text in commands.items())
    return f"case $SSH_CONNECTION in {cases} esac"
