from __future__ import annotations

import os
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trioexec.model.flow import Flow
from trioexec.sinks.console import Console

HANG_S = 30


def unexpected() -> None:
    pytest.fail("the reader was taken for closed")


async def test_what_is_said_is_one_line_whatever_is_in_it(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as out, (tmp_path / "err").open("wb") as err:
        console = Console(Flow(), unexpected, stdout_fd=out.fileno(), stderr_fd=err.fileno())

        console.say("reason: a\nweb2: forged\x1b[2J\u202e\udcff ü")

    assert (tmp_path / "out").read_bytes() == b""
    assert (tmp_path / "err").read_bytes() == (
        b"reason: a\\nweb2: forged\\x1b[2J\\u202e\\udcff \xc3\xbc\n"
    )


def test_one_file_for_both_gets_lines_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    with (tmp_path / "both").open("wb") as both, (tmp_path / "both").open("wb") as again:
        console = Console(Flow(), unexpected, stdout_fd=both.fileno(), stderr_fd=again.fileno())

        console.stdout.write(b"1\n")
        console.say("2")
        console.stdout.write(b"3\n")

    assert console.stdout is console.stderr
    assert (tmp_path / "both").read_bytes() == b"1\n2\n3\n"


async def test_both_are_written_until_it_is_closed() -> None:
    read_fds, write_fds = zip(os.pipe(), os.pipe(), strict=True)
    console = Console(Flow(), unexpected, stdout_fd=write_fds[0], stderr_fd=write_fds[1])

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(console.serve)
            console.stdout.write(b"out\n")
            console.say("err")
            console.close()

    assert [os.read(fd, 100) for fd in read_fds] == [b"out\n", b"err\n"]
    for fd in (*read_fds, *write_fds):
        os.close(fd)


async def test_a_stderr_that_went_away_does_not_stop_the_run(tmp_path: Path) -> None:
    read_fd, write_fd = os.pipe()
    os.close(read_fd)
    with (tmp_path / "out").open("wb") as out:
        console = Console(Flow(), unexpected, stdout_fd=out.fileno(), stderr_fd=write_fd)
        console.say("swallowed")
        console.stdout.write(b"kept\n")
        console.close()

        with trio.fail_after(HANG_S):
            await console.serve()

    os.close(write_fd)
    assert console.stderr.closed
    assert (tmp_path / "out").read_bytes() == b"kept\n"


async def test_a_full_disk_is_said_and_ends_the_run(tmp_path: Path) -> None:
    called: list[str] = []
    fd = os.open("/dev/full", os.O_WRONLY)
    with (tmp_path / "err").open("wb") as err:
        console = Console(
            Flow(), lambda: called.append("closed"), stdout_fd=fd, stderr_fd=err.fileno()
        )
        console.stdout.write(b"x\n")
        console.close()

        with trio.fail_after(HANG_S):
            await console.serve()

    os.close(fd)
    assert called == ["closed"]
    assert (tmp_path / "err").read_bytes() == (
        b"trioexec: cannot write to stdout: No space left on device\n"
    )


async def test_a_stuck_reader_is_not_waited_for_longer_than_told_and_the_loss_is_said(
    tmp_path: Path,
) -> None:
    called: list[str] = []
    read_fd, write_fd = os.pipe()
    with (tmp_path / "err").open("wb") as err:
        console = Console(
            Flow(), lambda: called.append("closed"), stdout_fd=write_fd, stderr_fd=err.fileno()
        )
        console.stdout.write(b"x" * 1_000_000)

        with trio.fail_after(HANG_S):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(console.serve)
                await wait_all_tasks_blocked()
                console.close(patience_s=0.05)

    assert called == ["closed"]
    assert (tmp_path / "err").read_bytes() == (
        b"trioexec: cannot write to stdout: nobody reads it, and the rest is lost\n"
    )
    os.close(read_fd)
    os.close(write_fd)


async def test_a_slow_reader_is_waited_for_as_long_as_it_reads() -> None:
    read_fd, write_fd = os.pipe()
    console = Console(Flow(), unexpected, stdout_fd=write_fd)
    console.stdout.write(b"x" * 200_000)
    read = 0

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(console.serve)
            await wait_all_tasks_blocked()
            console.close(patience_s=HANG_S)
            while read < 200_000:
                await trio.sleep(0.01)
                read += len(os.read(read_fd, 30_000))

    assert read == 200_000
    os.close(read_fd)
    os.close(write_fd)
