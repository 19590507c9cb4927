from __future__ import annotations

from tests.unit.sink_fakes import FakeConsole, out, run_of
from trioexec.sinks.narrate import NarrateSink


async def test_each_step_of_a_node_is_said_and_nothing_of_its_output() -> None:
    console = FakeConsole()
    sink = NarrateSink(console.as_console)

    for event in run_of(("web1", [out("web1", b"secret\n")], 3)):
        sink.handle(event)
    await sink.serve()

    assert console.stderr.written.decode().splitlines() == [
        "[0.100 s] web1: connecting",
        "[0.200 s] web1: started",
        "[1.000 s] web1: exit 3",
    ]
    assert console.stdout.written == b""
