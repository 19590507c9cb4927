"""The state of one call; what the engine makes of it is held by `test_run`."""

from __future__ import annotations

import math

import trio
from trio.testing import MockClock

from trioexec.engine.call import NodeCall
from trioexec.model.command import Limits
from trioexec.model.flow import Flow
from trioexec.model.goodbyes import Goodbyes
from trioexec.model.nodes import Node
from trioexec.model.outcomes import TimedOut


def make_call(**limits: float) -> NodeCall:
    return NodeCall(
        Node(name="a", host="a"),
        limits=Limits(**limits),  # type: ignore[arg-type]
        flow=Flow(),
        goodbyes=Goodbyes(),
        emit=lambda _: None,
        zero_s=0.0,
    )


async def test_a_command_that_starts_after_the_connect_limit_has_not_timed_out_itself(
    autojump_clock: MockClock,
) -> None:
    call = make_call(connect_timeout_s=10)

    with call.scope:
        call.reached("auth")
        try:
            await trio.sleep_forever()
        finally:  # the transport waits a little for the answer, and it comes now
            call.reached("command")
            call.note_remote(ended=True)

    assert call.timed_out() == TimedOut(phase="auth", remote="ended")


async def test_a_run_that_is_stopped_takes_no_new_connect_limit(autojump_clock: MockClock) -> None:
    call = make_call(connect_timeout_s=10)

    call.lift_limits()
    call.limit_connect(3)

    assert call.scope.deadline == math.inf


async def test_a_command_that_starts_while_the_run_is_stopped_has_no_limit(
    autojump_clock: MockClock,
) -> None:
    call = make_call(timeout_s=1)

    call.lift_limits()
    call.reached("command")

    assert call.scope.deadline == math.inf
