from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from tests.unit.rig import Rig
from trioexec.model.errors import UsageError
from trioexec.model.events import NodeQueued, RunFinished, RunStarted
from trioexec.sinks.logfile import LogSink, open_log
from trioexec.testing.fakes import FakeNode

HANG_S = 60.0


async def test_a_run_is_a_line_an_event(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = tmp_path / "log"
    sink = LogSink(open_log(str(path)), str(path), say=pytest.fail)
    rig = Rig(
        {
            "a": FakeNode(takes_s=1, output=((0.0, "stdout", b"secret"), (0.5, "stderr", b"x"))),
            "b": FakeNode(code=3),
        }
    )

    await rig.run.execute()
    for event in rig.events:
        sink.handle(event)
    await sink.serve()

    lines = [json.loads(line) for line in path.read_text().splitlines()]
    done = {line["node"]: line for line in lines if line["event"] == "node_finished"}
    assert [line["event"] for line in lines][:3] == ["run_started", "node_queued", "node_queued"]
    assert lines[-1]["event"] == "run_finished"
    assert len({line["run"] for line in lines}) == 1
    assert done["a"]["output_bytes"] == 7
    assert (done["a"]["level"], done["b"]["level"]) == ("info", "error")
    assert done["b"]["text"] == "exit 3"
    assert all(line["time"].endswith("Z") for line in lines)
    assert "secret" not in path.read_text()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


async def test_a_second_run_is_appended(tmp_path: Path, autojump_clock: MockClock) -> None:
    path = tmp_path / "log"
    rig = Rig({"a": FakeNode()})
    await rig.run.execute()

    for _ in range(2):
        sink = LogSink(open_log(str(path)), str(path), say=pytest.fail)
        for event in rig.events:
            sink.handle(event)
        await sink.serve()

    assert path.read_text().count("run_started") == 2


def test_a_file_that_cannot_be_opened_is_a_usage_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--log-file"):
        open_log(str(tmp_path))


async def test_a_full_disk_is_said_once_and_ends_nothing(autojump_clock: MockClock) -> None:
    said: list[str] = []
    sink = LogSink(open_log("/dev/full"), "/dev/full", say=said.append)
    rig = Rig({"a": FakeNode()})
    await rig.run.execute()

    for event in rig.events:
        sink.handle(event)
    await sink.serve()

    assert said == ["The log /dev/full is not written any more: No space left on device."]


async def test_a_reader_that_does_not_read_holds_up_nobody_who_was_told_to_go(
    tmp_path: Path,
) -> None:
    path = tmp_path / "log"
    os.mkfifo(path)
    reader = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    said: list[str] = []
    sink = LogSink(open_log(str(path)), str(path), say=said.append)

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(sink.serve)
            sink.handle(RunStarted(at_s=0.0, command="x", nodes=(), unix_s=0.0))
            for number in range(2000):  # much more than a pipe holds
                sink.handle(NodeQueued(node=f"n{number}", at_s=0.0))
            sink.handle(RunFinished(at_s=0.0, exit_code=130, stopped="interrupt"))
    os.close(reader)

    assert said == [
        f"The log {path} is not written any more: nobody reads it, and the rest is lost."
    ]
