"""Pipes and terminals at the other end of a writer, for its tests."""

from __future__ import annotations

import fcntl
import os
import sys
import termios
from collections.abc import Callable

import pytest
import trio

from trioexec.sinks.writer import FdWriter

HANG_S = 30


def calls() -> tuple[list[str], Callable[[], None]]:
    called: list[str] = []
    return called, lambda: called.append("closed")


def unexpected() -> None:
    pytest.fail("the reader was taken for closed")


def waiting_in(fd: int) -> int:
    return int.from_bytes(fcntl.ioctl(fd, termios.FIONREAD, bytes(4)), sys.byteorder)


async def until(claim: Callable[[], object]) -> None:
    while not claim():  # noqa: ASYNC110 -- what the kernel does sets no event
        await trio.sleep(0.001)


async def read_exactly(fd: int, size_bytes: int) -> bytes:
    data = b""
    while len(data) < size_bytes:
        await trio.lowlevel.wait_readable(fd)
        data += os.read(fd, size_bytes - len(data))
    return data


async def read_slowly(writer: FdWriter, fd: int, *, until: bytes, patience_s: float) -> bytes:
    """Close a writer whose reader takes its time; what that reads, to these last words."""
    read = b""

    async def read_it() -> None:
        nonlocal read
        while not read.endswith(until):
            await trio.lowlevel.wait_readable(fd)
            read += os.read(fd, 1024)
            await trio.sleep(0.001)

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read_it)
            nursery.start_soon(writer.serve)
            writer.close(patience_s=patience_s)
    return read
