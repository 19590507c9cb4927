"""How the loop ends, and who may come in and go out."""

from __future__ import annotations

import asyncio  # noqa: TID251
import os
import signal
import socket

import pytest
import trio
import trio.testing
import trio_asyncio  # noqa: TID251

from tests.unit.loop_rig import HANGS_S, STOCK_RUNS
from trioexec.transports.ssh.loop import open_loop, run_in_loop

# The end of the loop


async def test_what_was_queued_before_the_end_runs_and_tasks_are_cancelled() -> None:
    seen: list[str] = []

    async def forever() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            await asyncio.sleep(0)
            seen.append("cancelled")

    with trio.fail_after(HANGS_S):
        async with open_loop() as loop:
            loop.create_task(forever())
            loop.call_soon(lambda: loop.call_soon(seen.append, "queued"))
            loop.call_later(3600, seen.append, "never")

    assert seen == ["queued", "cancelled"]
    assert loop.is_closed()
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon(int)
    with pytest.raises(RuntimeError, match="closed"):
        loop.call_soon_threadsafe(int)


async def test_a_stopped_loop_still_runs_what_upstream_drains() -> None:
    seen: list[str] = []

    async def trio_side() -> None:
        seen.append("trio task")

    with trio.fail_after(HANGS_S):
        async with open_loop() as loop:
            loop.call_later(0.001, seen.append, "due")
            await loop.stop().wait()  # type: ignore[attr-defined]
            await loop.wait_stopped()  # type: ignore[attr-defined]
            loop.call_soon(seen.append, "late")
            await trio.sleep(0.01)
            assert not loop.is_running()

    assert sorted(seen) == ["due", "late"]


async def test_descriptors_given_to_the_loop_are_closed_with_it_and_readers_dropped() -> None:
    ours, theirs = socket.socketpair()
    with theirs:
        async with open_loop() as loop:
            loop.add_reader(ours, int)
            loop.autoclose(ours)  # type: ignore[attr-defined]
            await trio.lowlevel.checkpoint()
            descriptor = ours.fileno()
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(descriptor)
        ours.detach()


async def test_an_error_in_a_callback_ends_the_loop_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with pytest.RaisesGroup(ZeroDivisionError, allow_unwrapped=True, flatten_subgroups=True):
        async with open_loop() as loop:
            loop.call_soon(divmod, 1, 0)
            await trio.sleep(HANGS_S)

    assert "Exception in callback" in caplog.text


async def test_a_cancel_round_the_loop_ends_it() -> None:
    with trio.fail_after(HANGS_S), trio.move_on_after(0.02) as scope:
        async with open_loop() as loop:
            await run_in_loop(loop, asyncio.sleep(3600))

    assert scope.cancelled_caught


async def test_debug_mode_checks_what_is_queued() -> None:
    async with open_loop() as loop:
        loop.set_debug(enabled=True)
        with pytest.raises(TypeError, match="callable"):
            loop.call_soon("no function")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="callable"):
            loop.call_soon_threadsafe("no function")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="callable"):
            loop.call_later(1, "no function")  # type: ignore[arg-type]


async def test_signal_handlers_of_asyncio_run() -> None:
    with trio.fail_after(HANGS_S):
        async with open_loop() as loop:
            event = trio.Event()
            loop.add_signal_handler(signal.SIGUSR2, event.set)
            os.kill(os.getpid(), signal.SIGUSR2)
            await event.wait()
            loop.remove_signal_handler(signal.SIGUSR2)


# Crossing


async def test_run_in_loop_returns_raises_and_is_cancelled() -> None:
    seen: list[str] = []

    async def fails() -> None:
        raise LookupError

    async def sleeps() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            seen.append("cancelled")
            raise

    async with open_loop() as loop:
        assert await run_in_loop(loop, asyncio.sleep(0, 5)) == 5
        with pytest.raises(LookupError):
            await run_in_loop(loop, fails())
        with trio.move_on_after(0.01) as scope:
            await run_in_loop(loop, sleeps())

    assert scope.cancelled_caught
    assert seen == ["cancelled"]


async def test_code_in_the_block_sees_the_callers_loop_or_none() -> None:
    async def current() -> object:
        return asyncio.get_running_loop()

    async with open_loop() as ours:
        assert trio_asyncio.current_loop.get() is None
        assert await run_in_loop(ours, current()) is ours
    async with trio_asyncio.open_loop() as mine:
        async with open_loop() as ours:
            assert trio_asyncio.current_loop.get() is mine
            assert await run_in_loop(ours, current()) is ours
            if STOCK_RUNS:
                assert await trio_asyncio.aio_as_trio(current)() is mine
        assert mine.is_running()


async def test_any_task_may_cross_into_a_loop() -> None:
    async def program() -> object:
        async with asyncio.timeout(60):
            await asyncio.sleep(0)
        return asyncio.get_running_loop()

    async def hold(*, task_status: trio.TaskStatus[asyncio.AbstractEventLoop]) -> None:
        async with open_loop() as loop:
            task_status.started(loop)
            await trio.sleep_forever()

    with trio.fail_after(HANGS_S):
        async with trio.open_nursery() as nursery:
            loop = await nursery.start(hold)
            assert await run_in_loop(loop, program()) is loop
            nursery.cancel_scope.cancel()


async def test_of_two_loops_either_may_end_first() -> None:
    async def hold(
        over: trio.Event, *, task_status: trio.TaskStatus[asyncio.AbstractEventLoop]
    ) -> None:
        async with open_loop() as loop:
            task_status.started(loop)
            await over.wait()

    with trio.fail_after(HANGS_S):
        async with trio.open_nursery() as nursery:
            over = trio.Event()
            async with open_loop() as first:
                second = await nursery.start(hold, over)
                assert await run_in_loop(first, asyncio.sleep(0, 1)) == 1
            assert await run_in_loop(second, asyncio.sleep(0, 2)) == 2
            over.set()


@pytest.mark.parametrize("where", ["callback", "coroutine"])
def test_a_ctrl_c_inside_of_asyncio_comes_out_in_trio(where: str) -> None:
    """Raised in there, it would leave whoever waits for the future waiting for ever."""
    after: list[str] = []

    async def program() -> None:
        if where == "callback":
            asyncio.get_running_loop().call_soon(signal.raise_signal, signal.SIGINT)
        else:
            signal.raise_signal(signal.SIGINT)
        after.append("went on")
        await asyncio.sleep(3600)

    async def main() -> None:
        with trio.fail_after(HANGS_S):
            async with open_loop() as loop:
                await run_in_loop(loop, program())

    with pytest.RaisesGroup(KeyboardInterrupt, allow_unwrapped=True, flatten_subgroups=True):
        trio.run(main)
    assert after == ["went on"]
