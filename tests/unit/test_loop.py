"""What runs in the loop, in what order, and what wakes it."""

from __future__ import annotations

import asyncio  # noqa: TID251
import os
import random
import signal
import socket
from typing import Any

import pytest
import sniffio
import trio
import trio.testing
import trio_asyncio  # noqa: TID251

from tests.unit.loop_rig import HANGS_S, parked
from trioexec.transports.ssh import quick_loop
from trioexec.transports.ssh.loop import open_loop, run_in_loop

# Turns


async def test_trio_tasks_and_signals_get_their_turn_while_callbacks_spin() -> None:
    spins, turns = 0, 0

    def spin() -> None:
        nonlocal spins
        spins += 1
        loop.call_soon(spin)

    with trio.fail_after(HANGS_S), trio.open_signal_receiver(signal.SIGUSR1) as signals:
        async with open_loop() as loop:
            for _ in range(1000):
                loop.call_soon(spin)
            for _ in range(20):
                await trio.lowlevel.checkpoint()
                turns += 1
            os.kill(os.getpid(), signal.SIGUSR1)
            received = await anext(signals)
            spins_before = spins
            loop._ready.clear()  # type: ignore[attr-defined]

    assert (turns, received) == (20, signal.SIGUSR1)
    assert spins_before > 0


async def test_no_more_callbacks_than_the_bound_run_between_two_trio_steps() -> None:
    ran = 0
    longest = 0

    def step() -> None:
        nonlocal ran
        ran += 1

    with trio.fail_after(HANGS_S):
        async with open_loop() as loop:
            for _ in range(1000):
                loop.call_soon(step)
            while ran < 1000:
                before = ran
                await trio.lowlevel.checkpoint()
                longest = max(longest, ran - before)

    # Trio may put our step first in one batch and last in the next.
    assert longest <= 2 * quick_loop.CALLBACKS_A_TURN


async def test_sockets_and_timers_get_their_turn_while_callbacks_spin() -> None:
    async def program() -> object:
        loop = asyncio.get_running_loop()
        spinning = True

        def spin() -> None:
            if spinning:
                loop.call_soon(spin)

        loop.call_soon(spin)
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        await asyncio.sleep(0.01)
        theirs.send(b"x")
        got = await reader.readexactly(1)
        spinning = False
        writer.close()
        theirs.close()
        return got

    with trio.fail_after(HANGS_S):
        async with open_loop() as loop:
            assert await run_in_loop(loop, program()) == b"x"


async def test_callbacks_of_asyncio_know_that_they_are_asyncio() -> None:
    seen: list[str] = []

    def look() -> None:
        seen.append(sniffio.current_async_library())

    async with open_loop() as loop:
        loop.call_soon(look)
        loop.call_later(0, look)
        ours, theirs = socket.socketpair()
        with ours, theirs:
            loop.add_writer(ours, lambda: (loop.remove_writer(ours), look()))  # type: ignore[func-returns-value]
            await trio.sleep(0.01)
        assert sniffio.current_async_library() == "trio"

    assert seen == ["asyncio"] * 3


# Wake-ups


async def test_a_trio_task_wakes_the_parked_loop() -> None:
    with trio.fail_after(HANGS_S):
        async with open_loop() as loop:
            for _ in range(100):
                await parked()
                event = trio.Event()
                loop.call_soon(event.set)
                await event.wait()


async def test_a_thread_wakes_the_parked_loop() -> None:
    with trio.fail_after(HANGS_S):
        async with open_loop() as loop:
            for _ in range(100):
                await parked()
                event = trio.Event()
                await trio.to_thread.run_sync(loop.call_soon_threadsafe, event.set)
                await event.wait()


async def test_a_timer_set_while_parked_rings_before_the_one_it_was_parked_for() -> None:
    rung: list[str] = []
    with trio.fail_after(HANGS_S):
        async with open_loop() as loop:
            late = loop.call_later(3600, rung.append, "late")
            await parked()
            event = trio.Event()
            loop.call_later(0.01, event.set)
            await event.wait()
            await parked()
            again = trio.Event()
            loop.call_later(0.01, again.set)
            await again.wait()
            late.cancel()

    assert rung == []


async def test_a_finalizer_that_queues_between_the_last_look_and_parking_is_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The garbage collector can run anything anywhere; here it does at the worst moment."""
    event = trio.Event()
    real = trio.lowlevel.wait_readable
    queued = False
    loop: asyncio.AbstractEventLoop | None = None

    async def late_finalizer(fd: int) -> None:
        nonlocal queued
        if loop is not None and not queued:
            queued = True
            loop.call_soon(event.set)
        await real(fd)

    monkeypatch.setattr(quick_loop, "wait_readable", late_finalizer)
    with trio.fail_after(HANGS_S):
        async with open_loop() as loop:
            loop.call_soon(int)  # parks again, this time with a finalizer
            await event.wait()

    assert queued


async def test_nothing_is_lost_under_tasks_timers_sockets_and_threads_at_once() -> None:  # noqa: C901
    threads, each, tasks = 4, 500, 200
    heard = 0

    def hear() -> None:
        nonlocal heard
        heard += 1

    async def chatter(seed: int) -> int:
        rng = random.Random(seed)  # noqa: S311
        loop = asyncio.get_running_loop()
        ours, theirs = socket.socketpair()
        reader, writer = await asyncio.open_connection(sock=ours)
        other_reader, other_writer = await asyncio.open_connection(sock=theirs)
        for i in range(20):
            match rng.randrange(5):
                case 0:
                    await asyncio.sleep(rng.random() / 500)
                case 1:
                    await loop.run_in_executor(None, int)
                case 2:
                    writer.write(b"%03d" % i)
                    assert await other_reader.readexactly(3) == b"%03d" % i
                case 3:
                    with pytest.raises(TimeoutError):
                        await asyncio.wait_for(reader.read(), rng.random() / 1000)
                case _:
                    await asyncio.sleep(0)
        writer.close()
        other_writer.close()
        return 1

    def shout() -> None:
        for _ in range(each):
            loop.call_soon_threadsafe(hear)

    finished: list[int] = []

    async def one(seed: int) -> None:
        finished.append(await run_in_loop(loop, chatter(seed)))

    with trio.fail_after(HANGS_S):
        async with open_loop() as loop, trio.open_nursery() as nursery:
            for _ in range(threads):
                nursery.start_soon(trio.to_thread.run_sync, shout)
            for seed in range(tasks):
                nursery.start_soon(one, seed)

    assert (len(finished), heard) == (tasks, threads * each)


# Timers


async def test_cancelled_timers_do_not_pile_up() -> None:
    async with open_loop() as loop:
        keep = loop.call_later(3600, int)
        for _ in range(10_000):
            loop.call_later(60, int).cancel()
        piled = len(loop._timers)  # type: ignore[attr-defined]
        keep.cancel()

    assert piled <= 2 * quick_loop.DEAD_TIMERS + 2


async def test_a_cancelled_timer_that_was_due_first_does_not_stop_the_next() -> None:
    with trio.fail_after(HANGS_S):
        async with open_loop() as loop:
            first = loop.call_later(0.005, int)
            event = trio.Event()
            loop.call_later(0.02, event.set)
            await parked()
            first.cancel()
            first.cancel()
            await event.wait()


# Trio tasks for asyncio


async def test_a_trio_task_is_started_before_the_next_callback() -> None:
    seen: list[str] = []

    async def trio_side() -> str:
        seen.append("task")
        await trio.lowlevel.checkpoint()
        return "result"

    async def program() -> object:
        loop: Any = asyncio.get_running_loop()
        future = loop.trio_as_future(trio_side)
        loop.call_soon(seen.append, "callback")
        return await future

    async with open_loop() as loop:
        result = await run_in_loop(loop, program())

    assert (seen, result) == (["task", "callback"], "result")


async def test_a_cancelled_future_cancels_its_trio_task() -> None:
    async def program() -> object:
        loop: Any = asyncio.get_running_loop()
        future = loop.trio_as_future(trio.sleep_forever)
        await asyncio.sleep(0)
        future.cancel()
        never = loop.trio_as_future(trio.sleep_forever)
        if trio_asyncio.__version__ < "0.16":  # which forgets the future
            await asyncio.sleep(0)
        never.cancel()
        return [
            type(result) for result in await asyncio.gather(future, never, return_exceptions=True)
        ]

    with trio.fail_after(HANGS_S):
        async with open_loop() as loop:
            assert await run_in_loop(loop, program()) == [asyncio.CancelledError] * 2
