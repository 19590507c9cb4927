from __future__ import annotations

import contextlib
import os
from pathlib import Path

import trio

from trioexec.model.flow import Flow
from trioexec.sinks.tui.console import ScreenConsole


async def test_what_is_said_is_held_for_the_screen_and_written_after_it(tmp_path: Path) -> None:
    with (tmp_path / "err").open("wb") as file:
        console = ScreenConsole(
            Flow(), lambda: None, stdout_fd=file.fileno(), stderr_fd=file.fileno()
        )
        console.say("while it is there\x1b")
        assert console.held == ["while it is there\x1b"]
        assert (tmp_path / "err").read_bytes() == b""

        console.give_back()
        console.say("after")
        console.give_back()
        console.close()
        with trio.fail_after(30):
            await console.serve()

    assert (tmp_path / "err").read_bytes() == b"while it is there\\x1b\nafter\n"


async def test_a_console_that_is_closed_without_a_screen_loses_nothing() -> None:
    reader, writer = os.pipe()
    console = ScreenConsole(Flow(), lambda: None, stdout_fd=writer, stderr_fd=writer)

    console.say("early")
    console.close()
    with trio.fail_after(30):
        await console.serve()

    os.close(writer)
    assert os.read(reader, 99) == b"early\n"
    os.close(reader)


def test_a_press_reaches_the_run_once_that_is_known() -> None:
    presses: list[int] = []
    console = ScreenConsole(Flow(), lambda: None)

    console.press()
    console.take_quit(lambda: presses.append(1))
    console.press()

    assert presses == [1]


def test_where_nobody_waits_any_more_it_is_written_as_far_as_it_goes() -> None:
    reader, writer = os.pipe()
    console = ScreenConsole(Flow(), lambda: None, stdout_fd=writer, stderr_fd=writer)
    console.say("last words\x1b")

    console.give_back_at_once()
    console.give_back_at_once()
    console.give_back()

    os.close(writer)
    assert os.read(reader, 99) == b"last words\\x1b\n"
    os.close(reader)


def test_a_terminal_that_takes_nothing_does_not_hold_up_the_last_words() -> None:
    reader, writer = os.pipe()
    console = ScreenConsole(Flow(), lambda: None, stdout_fd=writer, stderr_fd=writer)
    os.set_blocking(writer, False)
    with contextlib.suppress(BlockingIOError):
        while True:
            os.write(writer, b"x" * 4096)
    os.set_blocking(writer, True)
    console.say("never read")

    console.give_back_at_once()

    os.close(reader)
    os.close(writer)
