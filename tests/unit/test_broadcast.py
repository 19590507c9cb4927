from __future__ import annotations

import errno
import os
import resource
from collections.abc import Callable

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from trioexec.engine import broadcast as broadcast_module
from trioexec.engine.broadcast import AHEAD_BYTES, PIECE_BYTES, Broadcast
from trioexec.model.feed import BytesFeed, Cursor, Feed, feed_of


async def _read_all(feed: Feed, *, slowly: Callable[[], object] = lambda: None) -> bytes:
    more = trio.Event()

    def wake() -> None:
        more.set()

    cursor = feed.attach(wake)
    got = b""
    while (data := cursor.read(4096)) is not None:
        slowly()
        if not data:
            await more.wait()
            more = trio.Event()
        got += data
    cursor.close()
    return got


async def test_every_reader_gets_all_of_it_also_one_that_comes_late() -> None:
    read_end, write_end = os.pipe()
    broadcast = Broadcast(read_end)
    text = os.urandom(300_000)
    got: list[bytes] = []

    async def reader() -> None:
        got.append(await _read_all(broadcast))

    async def writer() -> None:
        async with await trio.open_file(write_end, "wb") as file:
            await file.write(text)

    with trio.fail_after(60):
        async with trio.open_nursery() as serving:
            serving.start_soon(broadcast.serve)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(writer)
                nursery.start_soon(reader)
                nursery.start_soon(reader)
            got.append(await _read_all(broadcast))
            serving.cancel_scope.cancel()
    os.close(read_end)

    assert got == [text] * 3


async def test_it_reads_no_further_than_a_bound_beyond_the_slowest() -> None:
    with open("/dev/zero", "rb") as endless:  # noqa: ASYNC230, PTH123
        broadcast = Broadcast(endless.fileno())
        fast, slow = broadcast.attach(lambda: None), broadcast.attach(lambda: None)

        with trio.fail_after(60):
            async with trio.open_nursery() as serving:
                serving.start_soon(broadcast.serve)
                read = await _drain(fast)
                assert AHEAD_BYTES <= read <= AHEAD_BYTES + PIECE_BYTES
                slow.close()
                assert await _drain(fast) > 0
                serving.cancel_scope.cancel()


async def _drain(cursor: Cursor) -> int:
    """Read until the feed itself waits for somebody else."""
    read, idle = 0, 0
    while idle < 50 and read < 3 * AHEAD_BYTES:
        data = cursor.read(PIECE_BYTES)
        assert data is not None
        read += len(data)
        idle = 0 if data else idle + 1
        await trio.sleep(0.005)
        await wait_all_tasks_blocked()
    return read


async def test_a_read_that_never_returns_does_not_hold_up_a_cancel() -> None:
    read_end, write_end = os.pipe()
    broadcast = Broadcast(read_end)
    broadcast.attach(lambda: None)

    with trio.fail_after(60):
        async with trio.open_nursery() as serving:
            serving.start_soon(broadcast.serve)
            await wait_all_tasks_blocked()
            serving.cancel_scope.cancel()
    os.close(write_end)


async def test_bytes_are_a_feed_that_is_all_there() -> None:
    feed = feed_of(b"abc")
    assert isinstance(feed, BytesFeed)
    cursor = feed.attach(lambda: None)

    assert [cursor.read(2), cursor.read(2), cursor.read(2)] == [b"ab", b"c", None]


def test_a_feed_stays_itself() -> None:
    feed = BytesFeed(b"")

    assert feed_of(feed) is feed


async def test_who_still_reads_when_it_is_cut_off_is_told_of_no_end() -> None:
    read_end, write_end = os.pipe()
    broadcast = Broadcast(read_end)
    os.write(write_end, b"half of it")

    with trio.fail_after(60):
        async with trio.open_nursery() as serving:
            early = broadcast.attach(lambda: None)
            serving.start_soon(broadcast.serve)
            while not early.read(4):
                await trio.lowlevel.checkpoint()
            serving.cancel_scope.cancel()
    late = broadcast.attach(lambda: None)

    assert (early.read(100), late.read(100)) == (b"", b"")
    early.close()
    late.close()
    os.close(read_end)
    os.close(write_end)


async def test_a_full_disk_is_an_error_of_the_input_and_no_end_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(broadcast_module, "SPOOL_IN_MEMORY_BYTES", 1)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    errors = 0

    def note() -> None:
        nonlocal errors
        errors += 1

    with open("/dev/zero", "rb") as endless:  # noqa: ASYNC230, PTH123
        broadcast = Broadcast(endless.fileno())
        broadcast.on_error = note
        cursor = broadcast.attach(lambda: None)
        resource.setrlimit(resource.RLIMIT_FSIZE, (3 * PIECE_BYTES // 2, hard))
        try:
            with trio.fail_after(60):
                async with trio.open_nursery() as serving:
                    serving.start_soon(broadcast.serve)
                    while broadcast.error is None:
                        assert cursor.read(PIECE_BYTES) is not None
                        await trio.sleep(0.001)
                    after = cursor.read(PIECE_BYTES)
                    serving.cancel_scope.cancel()
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert broadcast.error.errno == errno.EFBIG
    assert broadcast.error.strerror == "File too large where temporary files are kept"
    assert errors == 1
    assert after == b""
