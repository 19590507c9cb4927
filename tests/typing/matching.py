"""Events and outcomes are closed unions: who matches on all is told of a new one."""

from __future__ import annotations

from typing import Literal, assert_never, assert_type

from trioexec import (
    Cancelled,
    Denied,
    Event,
    Exited,
    Fleet,
    HostKeyRejected,
    Killed,
    Node,
    NodeConnecting,
    NodeFinished,
    NodeOutput,
    NodeQueued,
    NodeStarted,
    Outcome,
    RunFinished,
    RunStarted,
    SudoDenied,
    TimedOut,
    Unreachable,
)
from trioexec.model.outcomes import StopReason


async def follow(fleet: Fleet) -> None:
    async with fleet.stream("uptime", input=b"", env={}) as events:
        async for event in events:
            assert_type(event, Event)
            assert_type(event.at_s, float)
            tell(event)


def tell(event: Event) -> str:
    match event:
        case RunStarted(nodes=nodes):
            assert_type(nodes, tuple[Node, ...])
            return event.command
        case NodeQueued() | NodeConnecting() | NodeStarted():
            return event.node
        case NodeOutput(stream=stream, data=data):
            assert_type(stream, Literal["stdout", "stderr"])
            assert_type(data, bytes)
            return stream
        case NodeFinished(outcome=outcome):
            return explain(outcome)
        case RunFinished(exit_code=code):
            assert_type(code, int)
            assert_type(event.stopped, StopReason | None)
            return str(code)
        case _:
            assert_never(event)


def explain(outcome: Outcome) -> str:
    assert_type(outcome.ok, bool)
    assert_type(outcome.exit_code, int)
    assert_type(outcome.text, str)
    match outcome:
        case Exited(code=number) | Killed(signal=number):
            assert_type(number, int)
            return str(number)
        case TimedOut(phase=phase):
            assert_type(phase, Literal["connect", "auth", "command", "idle", "deadline"])
            return phase
        case Unreachable() | Denied() | SudoDenied() | HostKeyRejected():
            assert_type(outcome.reason, str)
            return outcome.reason
        case Cancelled(why=why, started=started):
            assert_type(why, StopReason)
            assert_type(started, bool)
            return why
        case _:
            assert_never(outcome)
