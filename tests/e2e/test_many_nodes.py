"""Runs on many nodes: every one gets its outcome, told apart, and a stop leaves nothing."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable

from tests.e2e.rig import Cli, Marker
from tests.e2e.sshd_rig import closed_port

CLOSED = [f"127.0.2.{number}" for number in range(1, 6)]
LOCKED = ["127.0.9.1", "127.0.9.2", "127.0.9.3"]
SLOW = ["127.0.1.50", "127.0.1.100"]


async def test_200_nodes_of_which_ten_fail_in_three_ways_are_told_apart(
    cli: Cli, mark: Marker
) -> None:
    slow = "|".join(f"*' {node} '*" for node in SLOW)
    command = f"case $SSH_CONNECTION in {slow}) sleep 1000;; esac; echo done"
    with closed_port() as closed:
        nodes = [
            "127.0.1.[1-190]",
            *(f"{node}:{closed}" for node in CLOSED),
            *LOCKED,
            "127.0.3.[1-2]",
        ]

        done = await cli(
            *("-H", ",".join(nodes), "--parallel", "64", "--json", "--connect-timeout", "60"),
            *("--timeout", "8", *mark.options, command),
        )

    events = [json.loads(line) for line in done.stdout.splitlines()]
    ends = {each["node"]: each["outcome"]["kind"] for each in events if "outcome" in each}
    assert len(ends) == 200
    assert Counter(ends.values()) == {"exited": 190, "unreachable": 5, "denied": 3, "timed_out": 2}
    assert {node for node, kind in ends.items() if kind == "denied"} == set(LOCKED)
    assert {node for node, kind in ends.items() if kind == "timed_out"} == set(SLOW)
    assert done.stderr.startswith("200 nodes: 190 ok, 10 failed in ")
    assert f"  unreachable: connection refused: 127.0.2.[1-5]:{closed}\n" in done.stderr
    assert "  timed out running: 127.0.1.[50,100]\n" in done.stderr
    assert ": 127.0.9.[1-3]\n" in done.stderr
    assert [each["text"] for each in events if each["event"] == "node_output"] == ["done\n"] * 190
    await mark.are_gone()


async def test_500_running_nodes_are_all_ended_by_the_second_press(
    cli: Cli, mark: Marker, record_property: Callable[[str, object], None]
) -> None:
    nodes = "127.0.[1-2].[1-250]"
    async with cli.start(
        *("-H", nodes, "--parallel", "500", "--connect-timeout", "300", *mark.options),
        "echo up; exec sleep 1000",
    ) as run:
        await run.prints(b"up\n", times=500)

        await run.press_twice()
        began_s = time.monotonic()

        assert await run.exits() == 130
        record_property("exit_s", round(time.monotonic() - began_s, 2))
    await mark.are_gone()
    record_property("gone_s", round(time.monotonic() - began_s, 2))
    assert "500 nodes: 0 ok, 500 failed" in run.stderr
    assert "not started" not in run.stderr
