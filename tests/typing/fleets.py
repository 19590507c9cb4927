"""What a program on trio sees of fleets, as type checkers see it; nothing here is run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_type

import trio

from trioexec import (
    Command,
    Event,
    Fleet,
    FleetNode,
    Node,
    NodeError,
    NodeResult,
    NodeTimedOutError,
    Outcome,
    Process,
    Report,
    SshOptions,
    open_fleet,
)


async def open_it(nodes: Sequence[Node], watch: list[Event]) -> None:
    async with open_fleet("web[1-3]") as fleet:
        assert_type(fleet, Fleet)
        assert_type(len(fleet), int)
        assert_type(list(fleet), list[FleetNode])
        assert_type(fleet.nodes, tuple[Node, ...])
        assert_type(fleet.node("web1"), FleetNode)
        assert_type(fleet.only(nodes), Fleet)
    async with open_fleet(
        ["web1", *nodes],
        parallel=float("inf"),
        fail_fast=True,
        connect_timeout_s=2.5,
        ssh=SshOptions(user="root", strict_host_key_checking="yes"),
        watch=[lambda: watch.append],
    ) as fleet:
        assert_type(fleet, Fleet)


async def run_it(fleet: Fleet) -> None:
    report = await fleet.run("df", input=b"", env={"LC_ALL": "C"}, keep_output=False)
    assert_type(report, Report)
    assert_type(await fleet.run(Command(text="df", tty=True)), Report)
    assert_type(await fleet.ping(), Report)
    for node in fleet:
        assert_type(node.name, str)
        assert_type(await node.run("df"), NodeResult)


def read_it(report: Report) -> None:
    assert_type(report.ok, bool)
    assert_type(report.command, str)
    assert_type(report.took_s, float)
    assert_type(report.results, tuple[NodeResult, ...])
    assert_type(report.succeeded, tuple[Node, ...])
    assert_type(report.failed, tuple[Node, ...])
    assert_type(report.not_started, tuple[Node, ...])
    assert_type(report.by_text(), dict[str, list[Node]])
    assert_type(list(report), list[NodeResult])
    row = report["web1"]
    assert_type(row, NodeResult)
    assert_type(row.node, Node)
    assert_type(row.outcome, Outcome)
    assert_type(row.stdout, bytes)
    assert_type(row.finished_s - row.started_s, float)
    assert_type(row.node.port, int | None)


def raise_it(report: Report) -> None:
    try:
        assert_type(report.raise_for_failures(), None)
    except* NodeTimedOutError as late:
        assert_type(late, ExceptionGroup[NodeTimedOutError])
    except* NodeError as failures:
        for error in failures.exceptions:
            if isinstance(error, NodeError):
                assert_type(error.node, Node)
                assert_type(error.outcome, Outcome)


async def converse(fleet: Fleet) -> Outcome:
    async with fleet.node("web1").open_process("bc", env={"LC_ALL": "C"}) as process:
        assert_type(process, Process)
        await process.stdin.send_all(b"1 + 1\n")
        await process.stdin.aclose()
        assert_type(await process.stdout.receive_some(), bytes)
        assert_type(process.started, bool)
        assert_type(process.outcome, Outcome | None)
        both: tuple[trio.abc.SendStream, trio.abc.ReceiveStream] = process.stdin, process.stderr
        del both
        async for piece in process.stdout:
            assert_type(piece, bytes | bytearray)
        process.terminate()
        return await process.wait()
