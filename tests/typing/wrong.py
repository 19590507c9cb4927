"""What has to be an error for type checkers; each says so here, or their run fails."""

from __future__ import annotations

from typing import assert_never

import trioexec
import trioexec.testing
from trioexec import Event, Fleet, Node, NodeFinished, NodeOutput, Report, open_fleet
from trioexec.testing import ScriptedNode, StartFleet


def names_that_are_not_there() -> None:
    trioexec.open_sesame  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  # noqa: B018
    trioexec.testing.open_sesame  # type: ignore[attr-defined]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType]  # noqa: B018


async def arguments_that_are_wrong(fleet: Fleet) -> None:
    await fleet.run(["df", "-h"])  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await fleet.run("df", input="text")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    await fleet.run("df", timeout=3)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await fleet.run("df", None)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    async with open_fleet(3):  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
        pass
    ScriptedNode(name="a", answers=1.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def fleets_of_the_fixture(ssh_fleet: StartFleet) -> None:
    await ssh_fleet(2, answer="x")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]
    await ssh_fleet(2.5)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


async def what_is_not_awaited(fleet: Fleet) -> None:
    fleet.run("df")  # type: ignore[unused-coroutine]  # pyright: ignore[reportUnusedCoroutine]
    with fleet.stream("df"):  # type: ignore[attr-defined]  # pyright: ignore[reportGeneralTypeIssues]
        pass


def values_that_do_not_change(report: Report, node: Node) -> None:
    report.command = "df"  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    node.port = 22  # type: ignore[misc]  # pyright: ignore[reportAttributeAccessIssue]
    Node("web1", "web1")  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


def not_every_event(event: Event) -> str:
    match event:
        case NodeOutput() | NodeFinished():
            return event.node
        case _:
            assert_never(event)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def an_outcome_is_not_always_an_exit(report: Report) -> int:
    return report["web1"].outcome.code  # type: ignore[union-attr]  # pyright: ignore[reportAttributeAccessIssue, reportUnknownMemberType, reportUnknownVariableType]
