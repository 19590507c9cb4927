"""What of a run is shown, by what our streams lead to."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Literal

from trioexec.cli.options import OutputOptions
from trioexec.cli.view import Streams, View, is_pipe, view_of

TERMINAL = Streams(stdout_tty=True, stderr_tty=True)
INTO_A_PIPE = Streams(stdout_pipe=True, stderr_tty=True)
INTO_A_FILE = Streams(stderr_tty=True)


def view(
    streams: Streams, *, progress: Literal["auto", "always", "never"] = "auto", term: str = "xterm"
) -> View:
    return view_of(
        OutputOptions(progress=progress),
        color_given=False,
        env={"TERM": term},
        streams=streams,
    )


def test_the_live_line_is_where_nobody_else_writes() -> None:
    assert view(TERMINAL).progress
    assert view(INTO_A_FILE).progress
    assert not view(INTO_A_PIPE).progress, "what reads the pipe may print to the same terminal"
    assert not view(Streams()).progress
    assert not view(TERMINAL, term="dumb").progress


def test_who_asks_for_the_live_line_gets_it() -> None:
    assert view(INTO_A_PIPE, progress="always").progress
    assert not view(TERMINAL, progress="never").progress


def test_what_another_program_reads_is_a_pipe(tmp_path: Path) -> None:
    ends = socket.socketpair()
    read_fd, write_fd = os.pipe()
    try:
        assert is_pipe(write_fd)
        assert is_pipe(ends[0].fileno())
    finally:
        os.close(read_fd)
        os.close(write_fd)
        for end in ends:
            end.close()
    with (tmp_path / "out").open("wb") as file:
        assert not is_pipe(file.fileno())
