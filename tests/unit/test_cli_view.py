"""What of a run is shown, by what our streams lead to."""

from __future__ import annotations

import os
import socket
from pathlib import Path
from typing import Literal

import pytest
from msgspec.structs import replace

from tests.unit.sink_fakes import FakeConsole, finished, out, started
from trioexec.cli.letters import unicode_allowed
from trioexec.cli.options import OutputOptions
from trioexec.cli.view import Streams, View, is_pipe, make_sinks, view_of
from trioexec.sinks.progress import ProgressSink

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
    typing = Streams(stdout_tty=True, stderr_tty=True, stdin_typed=True)
    assert not view(typing).progress, "it would be drawn over what is being typed"
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


@pytest.mark.parametrize(
    ("env", "allowed"),
    [
        pytest.param({"LANG": "de_DE.UTF-8"}, True, id="LANG"),
        pytest.param({"LANG": "C.utf8"}, True, id="other spelling"),
        pytest.param({"LC_ALL": "C", "LANG": "de_DE.UTF-8"}, False, id="LC_ALL wins"),
        pytest.param({}, False, id="nothing known"),
        pytest.param({"LC_CTYPE": "C.UTF-8", "LANG": "C"}, False, id="what Python makes of C"),
        pytest.param({"LC_CTYPE": "C.UTF-8", "LANG": "C.UTF-8"}, True, id="both"),
    ],
)
def test_only_a_utf_8_locale_allows_unicode(env: dict[str, str], allowed: bool) -> None:  # noqa: FBT001
    assert unicode_allowed(env) is allowed


async def test_groups_count_their_answers_on_the_live_line() -> None:
    console = FakeConsole(is_terminal=True)
    grouped = replace(view(TERMINAL), mode="group")
    sinks = make_sinks(grouped, console.as_console, fold=", ".join)
    for event in (started("a", "b", "c"), finished("a"), out("b", b"other\n"), finished("b")):
        for sink in sinks:
            sink.handle(event)

    (progress,) = (sink for sink in sinks if isinstance(sink, ProgressSink))
    progress.draw()

    assert b"2/3 done" in console.stderr.live
    assert b"  2 answers" in console.stderr.live
