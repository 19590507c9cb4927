"""What becomes of what is written, wherever it goes and however slow that is."""

from __future__ import annotations

import errno
import os
import termios
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.unit.writer_rig import (
    HANG_S,
    calls,
    read_exactly,
    read_slowly,
    unexpected,
    until,
    waiting_in,
)
from trioexec.model.flow import Flow
from trioexec.sinks.writer import (
    BATCH_BYTES,
    HIGH_BYTES,
    ITEM_BYTES,
    LOW_BYTES,
    TERMINAL_HIGH_BYTES,
    FdWriter,
)


def test_a_file_is_written_at_once_and_without_serve(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        writer = FdWriter(file.fileno(), Flow(), unexpected)

        writer.write(b"one\n")

        assert (tmp_path / "out").read_bytes() == b"one\n"
        assert not writer.is_terminal


def test_a_file_that_takes_only_a_part_at_a_time_gets_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    with (tmp_path / "out").open("wb") as file:
        writer = FdWriter(file.fileno(), Flow(), unexpected)
        monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:3]))

        writer.write(b"0123456789")

    assert (tmp_path / "out").read_bytes() == b"0123456789"


def test_the_width_is_the_terminals_and_80_elsewhere(
    terminal: tuple[int, int], pipe: tuple[int, int]
) -> None:
    writer = FdWriter(terminal[1], Flow(), unexpected)

    assert writer.columns == 80
    termios.tcsetwinsize(terminal[1], (24, 33))
    assert writer.columns == 33
    assert FdWriter(pipe[1], Flow(), unexpected).columns == 80


async def test_a_terminal_that_hangs_up_is_left_to_its_signal(terminal: tuple[int, int]) -> None:
    writer = FdWriter(terminal[1], Flow(), unexpected)

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.serve)
            await wait_all_tasks_blocked()
            os.close(terminal[0])
            await wait_all_tasks_blocked(0.05)
            writer.close()

    assert not writer.closed


async def test_a_lazy_text_and_what_follows_it_reach_a_file_in_order(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        writer = FdWriter(file.fileno(), Flow(), unexpected)
        writer.write(b"a")
        writer.write_lazily(iter([b"b", b"", b"c"]), 2)
        writer.write(b"d")

        writer.close()
        await writer.serve()

    assert (tmp_path / "out").read_bytes() == b"abcd"


async def test_all_of_it_goes_through_a_pipe_in_order(pipe: tuple[int, int]) -> None:
    read_fd, write_fd = pipe
    writer = FdWriter(write_fd, Flow(), unexpected)
    blocks = [bytes([65 + n]) * 300_000 for n in range(8)]

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.serve)
            for block in blocks[:4]:
                writer.write(block)
            writer.write_lazily(iter(blocks[4:6]), 600_000)
            for block in blocks[6:]:
                writer.write(block)
            writer.close()
            read = await read_exactly(read_fd, 2_400_000)

    assert read == b"".join(blocks)
    assert writer.waiting_bytes == 0


async def test_a_stuck_pipe_holds_the_flow_and_a_drained_one_releases_it(
    pipe: tuple[int, int],
) -> None:
    read_fd, write_fd = pipe
    flow = Flow()
    writer = FdWriter(write_fd, flow, unexpected)
    block = b"x" * 65536
    sent_bytes = 0

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.serve)
            while not flow.held:
                writer.write(block)
                sent_bytes += len(block)
            most_bytes = writer.waiting_bytes
            await read_exactly(read_fd, sent_bytes - LOW_BYTES // 2)
            await until(lambda: not flow.held)
            writer.close()
            await read_exactly(read_fd, LOW_BYTES // 2)

    assert HIGH_BYTES < most_bytes <= HIGH_BYTES + len(block) + 1000


async def test_little_waits_for_a_terminal_so_that_what_is_said_comes_soon(
    terminal: tuple[int, int],
) -> None:
    flow = Flow()
    writer = FdWriter(terminal[1], flow, unexpected)
    line = b"x" * 79 + b"\n"
    while not flow.held:
        writer.write(line)

    assert writer.waiting_bytes <= TERMINAL_HIGH_BYTES + len(line) + ITEM_BYTES
    assert TERMINAL_HIGH_BYTES * 16 <= HIGH_BYTES


async def test_pieces_of_a_byte_count_for_what_they_cost(pipe: tuple[int, int]) -> None:
    flow = Flow()
    writer = FdWriter(pipe[1], flow, unexpected)

    for _ in range(100_000):
        writer.write(b"x")
    held = flow.held
    writer.close()
    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.serve)
            read = await read_exactly(pipe[0], 100_000)

    assert held
    assert read == b"x" * 100_000
    assert not flow.held
    assert writer.waiting_bytes == 0


async def test_a_lazy_text_is_only_read_as_fast_as_the_reader_reads(
    pipe: tuple[int, int],
) -> None:
    asked: list[int] = []

    def parts() -> Iterator[bytes]:
        for number in range(1000):
            asked.append(number)
            yield b"x" * 65536

    flow = Flow()
    writer = FdWriter(pipe[1], flow, unexpected)

    with trio.move_on_after(0.1):
        writer.write_lazily(parts(), 1000 * 65536)
        await writer.serve()

    assert flow.held
    assert len(asked) <= BATCH_BYTES // 65536


async def test_a_cancel_returns_at_once_while_a_write_is_stuck(pipe: tuple[int, int]) -> None:
    writer = FdWriter(pipe[1], Flow(), unexpected)
    writer.write(b"x" * 1_000_000)

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.serve)
            await until(lambda: waiting_in(pipe[0]))
            nursery.cancel_scope.cancel()

    assert nursery.cancel_scope.cancelled_caught
    assert writer.waiting_bytes >= 1_000_000


async def test_a_write_that_is_stuck_already_when_we_close_is_given_up_in_time(
    pipe: tuple[int, int],
) -> None:
    closed: list[str] = []
    writer = FdWriter(pipe[1], Flow(), lambda: closed.append("closed"))
    writer.write(b"x" * HIGH_BYTES)

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.serve)
            while writer._writing is None:
                await trio.lowlevel.checkpoint()
            writer.close(patience_s=0.05)

    assert isinstance(writer.error, TimeoutError)
    assert closed == ["closed"]


async def test_a_reader_that_goes_away_is_told_once_and_the_rest_swallowed(
    pipe: tuple[int, int],
) -> None:
    flow = Flow()
    called, on_closed = calls()
    writer = FdWriter(pipe[1], flow, on_closed)
    writer.write(b"x" * (HIGH_BYTES + 1))
    writer.write_lazily(iter([b"more"]), 4)

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.serve)
            await read_exactly(pipe[0], 10)
            assert flow.held
            os.close(pipe[0])
            await until(lambda: writer.closed)
            writer.write(b"swallowed")
            writer.write_lazily(iter([b"swallowed"]), 9)
            writer.close()

    assert called == ["closed"]
    assert writer.error is None
    assert not flow.held


async def test_a_reader_that_goes_away_is_noticed_without_a_write(pipe: tuple[int, int]) -> None:
    called, on_closed = calls()
    writer = FdWriter(pipe[1], Flow(), on_closed)

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.serve)
            await wait_all_tasks_blocked()
            assert not writer.closed
            os.close(pipe[0])
            await until(lambda: writer.closed)
            writer.close()

    assert called == ["closed"]


async def test_a_device_that_cannot_be_watched_is_written_all_the_same() -> None:
    fd = os.open("/dev/zero", os.O_WRONLY)
    writer = FdWriter(fd, Flow(), unexpected)
    writer.write(b"x" * 100)
    writer.close()

    with trio.fail_after(HANG_S):
        await writer.serve()

    os.close(fd)
    assert writer.waiting_bytes == 0


async def test_a_full_device_is_an_error_that_is_kept() -> None:
    fd = os.open("/dev/full", os.O_WRONLY)
    called, on_closed = calls()
    writer = FdWriter(fd, Flow(), on_closed)
    writer.write(b"x")
    writer.close()

    with trio.fail_after(HANG_S):
        await writer.serve()

    os.close(fd)
    assert called == ["closed"]
    assert writer.error is not None
    assert writer.error.strerror == "No space left on device"


def test_a_file_that_cannot_be_written_is_reported_not_raised(tmp_path: Path) -> None:
    (tmp_path / "out").touch()
    fd = os.open(tmp_path / "out", os.O_RDONLY)
    called, on_closed = calls()
    writer = FdWriter(fd, Flow(), on_closed)

    writer.write(b"x")
    writer.write(b"y")

    os.close(fd)
    assert called == ["closed"]


async def test_a_lazy_text_that_cannot_be_read_ends_the_writer_with_its_error(
    pipe: tuple[int, int],
) -> None:
    def parts() -> Iterator[bytes]:
        yield b"x"
        raise OSError(errno.EDOM, "gone")

    called, on_closed = calls()
    writer = FdWriter(pipe[1], Flow(), on_closed)
    writer.write_lazily(parts(), 2)
    writer.close()

    with trio.fail_after(HANG_S):
        await writer.serve()

    assert called == ["closed"]
    assert writer.error is not None
    assert writer.error.errno == errno.EDOM


async def test_a_descriptor_that_others_made_non_blocking_loses_nothing(
    pipe: tuple[int, int],
) -> None:
    os.set_blocking(pipe[1], False)
    writer = FdWriter(pipe[1], Flow(), unexpected)
    writer.write(b"x" * 500_000)
    writer.close()

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.serve)
            read = await read_exactly(pipe[0], 500_000)

    assert read == b"x" * 500_000


async def test_a_pipe_is_drained_when_its_reader_has_all(pipe: tuple[int, int]) -> None:
    writer = FdWriter(pipe[1], Flow(), unexpected)
    writer.write(b"text")
    waiting = writer.is_drained()
    writer.close()
    with trio.fail_after(HANG_S):
        await writer.serve()
    written = writer.is_drained()

    os.read(pipe[0], 4)

    assert (waiting, written, writer.is_drained()) == (False, False, True)


async def test_of_a_lazy_text_only_what_was_not_shown_counts_as_that(
    terminal: tuple[int, int],
) -> None:
    outer_fd, inner_fd = terminal
    writer = FdWriter(inner_fd, Flow(), unexpected)
    writer.write_lazily(iter([b"lazy\n" * 1000] * 2000), 10_000_000)

    read = await read_slowly(writer, outer_fd, until=b"to wait\n", patience_s=1)

    output, _, told = read.rpartition(b"trioexec: ")
    assert output.startswith(b"lazy\n")
    assert int(told.split()[0].replace(b",", b"")) + len(output.rstrip(b"\n")) in range(
        9_999_990, 10_000_001
    )


async def test_a_slow_terminal_in_a_hurry_gets_what_is_said_and_is_told_of_the_rest(
    terminal: tuple[int, int],
) -> None:
    outer_fd, inner_fd = terminal
    writer = FdWriter(inner_fd, Flow(), unexpected)
    for _ in range(100):
        writer.write(b"output\n" * 100_000)
    writer.write_lazily(iter([b"lazy\n"] * 1000), 5000)
    writer.say(b"3 nodes\n")

    read = await read_slowly(writer, outer_fd, until=b"3 nodes\n", patience_s=3)

    output, told, said = read.rpartition(b"trioexec: ")
    assert output.startswith(b"output\n")
    assert output.endswith(b"\n")
    assert told + said.partition(b" ")[2] == (
        b"trioexec: bytes of output are not shown: the terminal is too slow to wait\n3 nodes\n"
    )
    assert b"lazy" not in read
    assert int(said.split()[0].replace(b",", b"")) + len(output) == 70_005_000
    assert writer.error is None
