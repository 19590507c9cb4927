"""Whatever fans out obeys signals as a run does, and leaves as little: check, rerun and pdsh."""

from __future__ import annotations

import os
import signal
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from functools import partial

import pytest

from tests.e2e.presses import BATCH, STOPPED, WARNED, press_late_then_twice
from tests.e2e.rig import Cli, Marker, Running, until

NODES = "127.0.1.[1-2]"
STATUS = f"Status: 2 running, 0 completed\nRunning: {NODES}\n"

PLAIN = "sleep 1000"
DEAF = "trap '' TERM; sleep 1000; sleep 1000"

Start = Callable[..., Awaitable[AbstractAsyncContextManager[Running]]]


async def start_check(
    cli: Cli, mark: Marker, *options: str, command: str = PLAIN, stdout: int | None = None
) -> AbstractAsyncContextManager[Running]:
    checks = f'nodes = "{NODES}"\n[checks.quick]\ncommand = "true"\n'
    checks += f'[checks.slow]\ncommand = "{command}"\n'
    (cli.folder / "checks.toml").write_text(checks)
    return cli.start("check", "checks.toml", *options, *mark.options, stdout=stdout)


async def start_rerun(
    cli: Cli, mark: Marker, *options: str, command: str = PLAIN, stdout: int | None = None
) -> AbstractAsyncContextManager[Running]:
    journal = {"XDG_STATE_HOME": str(cli.folder / "state")}
    again = cli.sshd.shared / f"{mark.text}.again"
    told = f"[ -e {again} ] || exit 3; echo up; {command}"
    first = await cli("-H", NODES, *mark.options, told, env=journal)
    assert first.code == 3
    again.touch()
    return cli.start("rerun", "last", *options, *mark.options, stdout=stdout, env=journal)


@pytest.fixture(params=[start_check, start_rerun], ids=["check", "rerun"])
def start(request: pytest.FixtureRequest, cli: Cli, mark: Marker) -> Start:
    return partial(request.param, cli, mark)


async def test_two_presses_in_time_terminate_and_late_ones_tell(start: Start, mark: Marker) -> None:
    async with await start() as run:
        await mark.are_running("sleep 1000", count=2)

        said = await press_late_then_twice(run)

        assert await run.exits() == 130
    assert said.endswith(WARNED + STATUS)
    assert STOPPED in run.stderr
    assert b"stopped (interrupt)" in run.stdout + run.raw_stderr
    await mark.are_gone()


async def test_in_batch_mode_one_press_terminates(start: Start, mark: Marker) -> None:
    async with await start("--batch") as run:
        await mark.are_running("sleep 1000", count=2)

        run.press()

        assert await run.exits() == 130
    assert BATCH in run.stderr
    await mark.are_gone()


async def test_a_third_press_cuts_the_goodbyes(start: Start, mark: Marker) -> None:
    async with await start(command=DEAF) as run:
        await mark.are_running("sleep 1000", count=2)

        await run.press_twice()
        run.press()

        assert await run.exits() == 130
    assert b"remote end not confirmed" in run.stdout + run.raw_stderr
    await mark.are_gone()


SIGNALS = [
    pytest.param(signal.SIGTERM, 143, id="TERM"),
    pytest.param(signal.SIGHUP, 129, id="HUP"),
]


@pytest.mark.parametrize(("number", "code"), SIGNALS)
async def test_a_signal_that_asks_us_to_go_terminates(
    start: Start, mark: Marker, number: int, code: int
) -> None:
    async with await start() as run:
        await mark.are_running("sleep 1000", count=2)

        run.press(number)

        assert await run.exits() == code
    await mark.are_gone()


async def test_a_reader_that_goes_away_ends_it_quietly(start: Start, mark: Marker) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    async with await start(stdout=writing) as run:
        os.close(writing)

        assert await run.exits() == 141
    heading = "Again, run "  # of a rerun, at its start
    assert [one for one in run.stderr.splitlines() if not one.startswith(heading)] == []
    await mark.are_gone()


def pdsh(cli: Cli, *words: str, stdout: int | None = None) -> AbstractAsyncContextManager[Running]:
    env = {"PDSH_SSH_ARGS_APPEND": f"-F {cli.sshd.config}"}
    return cli.start("pdsh", "-w", NODES, *words, stdout=stdout, env=env)


@pytest.mark.parametrize(("number", "code"), SIGNALS)
async def test_a_signal_that_asks_it_to_go_ends_pdsh(
    cli: Cli, mark: Marker, number: int, code: int
) -> None:
    async with pdsh(cli, f": {mark.text}; echo up; {PLAIN}; :") as run:
        await run.prints(b"up\n", times=2)

        run.press(number)

        assert await run.exits() == code
    await mark.are_gone()


async def test_two_presses_leave_nothing_of_pdsh(cli: Cli, mark: Marker) -> None:
    async with pdsh(cli, f": {mark.text}; echo up; {PLAIN}; :") as run:
        await run.prints(b"up\n", times=2)

        while run.process.poll() is None and "aborting" not in run.stderr:
            told = run.stderr.count("interrupt (one more")
            run.press()
            await until(
                lambda told=told: (
                    run.process.poll() is not None  # type: ignore[misc]
                    or "aborting" in run.stderr
                    or run.stderr.count("interrupt (one more") > told
                )
            )

        assert await run.exits() == 1
    await mark.are_gone()


async def test_a_reader_that_goes_away_ends_pdsh_quietly(cli: Cli, mark: Marker) -> None:
    reading, writing = os.pipe()
    async with pdsh(cli, f": {mark.text}; yes; :", stdout=writing) as run:
        os.close(writing)
        await until(lambda: len(os.read(reading, 4096)) > 0)
        os.close(reading)

        assert await run.exits() == 141
    assert run.stderr == ""
    await mark.are_gone()
