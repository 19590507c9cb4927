"""The live line under what is written."""

from __future__ import annotations

import os
import select
import sys
from pathlib import Path

import pytest
import trio
from trio.testing import wait_all_tasks_blocked

from tests.job_control import open_shell
from tests.unit.writer_rig import HANG_S, read_exactly, unexpected
from trioexec.model.flow import Flow
from trioexec.sinks.writer import (
    FdWriter,
)


async def test_the_live_line_is_wiped_before_text_and_drawn_again_under_it(
    terminal: tuple[int, int],
) -> None:
    outer_fd, inner_fd = terminal
    writer = FdWriter(inner_fd, Flow(), unexpected)
    assert writer.is_terminal

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.serve)
            writer.show_live(b"1/2")
            first = await read_exactly(outer_fd, len(b"1/2\r"))
            writer.write(b"text\n")
            second = await read_exactly(outer_fd, len(b"\r\x1b[Jtext\n1/2\r"))
            writer.show_live(b"2/2")
            third = await read_exactly(outer_fd, len(b"\r\x1b[J2/2\r"))
            writer.close()
            last = await read_exactly(outer_fd, len(b"\r\x1b[J"))

    # The cursor waits at the line's start: there it is found again in a narrower terminal.
    assert first == b"1/2\r"
    assert second == b"\r\x1b[Jtext\n1/2\r"
    assert third == b"\r\x1b[J2/2\r"
    assert last == b"\r\x1b[J"


async def test_a_writer_that_is_cancelled_leaves_no_live_line(terminal: tuple[int, int]) -> None:
    outer_fd, inner_fd = terminal
    writer = FdWriter(inner_fd, Flow(), unexpected)

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.serve)
            writer.show_live(b"1/2")
            await read_exactly(outer_fd, len(b"1/2\r"))
            nursery.cancel_scope.cancel()
        last = await read_exactly(outer_fd, len(b"\r\x1b[J"))

    assert last == b"\r\x1b[J"


async def test_the_live_line_waits_for_the_end_of_a_line(terminal: tuple[int, int]) -> None:
    outer_fd, inner_fd = terminal
    writer = FdWriter(inner_fd, Flow(), unexpected)

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(writer.serve)
            writer.write(b"half")
            assert await read_exactly(outer_fd, 4) == b"half"
            writer.show_live(b"live")
            await wait_all_tasks_blocked()
            writer.write(b" whole\n")
            rest = await read_exactly(outer_fd, len(b" whole\nlive\r"))
            writer.close()

    assert rest == b" whole\nlive\r"


async def test_a_pipe_gets_no_live_line(pipe: tuple[int, int]) -> None:
    writer = FdWriter(pipe[1], Flow(), unexpected)
    writer.show_live(b"live")
    writer.close()

    with trio.fail_after(HANG_S):
        await writer.serve()

    assert not select.select([pipe[0]], [], [], 0)[0]


LIVE = """
import trio.testing
from trioexec.model.flow import Flow
from trioexec.sinks.writer import FdWriter

async def main():
    writer = FdWriter(1, Flow(), lambda: None)
    writer.show_live(b"4/5 done")
    writer.write(b"said\\n")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(writer.serve)
        await trio.testing.wait_all_tasks_blocked()
        writer.close()

trio.run(main)
"""


@pytest.mark.parametrize("background", [True, False])
def test_a_live_line_is_not_drawn_into_what_is_typed_at_a_shell(
    tmp_path: Path,
    background: bool,  # noqa: FBT001
) -> None:
    script = tmp_path / "live.py"
    script.write_text(LIVE)
    with open_shell(PYTHONPATH=os.pathsep.join(sys.path)) as shell:
        shell.type(f"{sys.executable} {script} {'&' if background else ''}\n")
        shell.shows("said\r\n")
        shell.type("wait; echo s''een\n")
        shell.shows("seen")

    assert (b"4/5 done" in shell.raw) is not background
