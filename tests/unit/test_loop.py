from __future__ import annotations

import asyncio  # noqa: TID251
import contextvars
import gc
import hashlib
import inspect
import os
import random
import selectors
import signal
import socket
import sys
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable
from typing import Any

import pytest
import sniffio
import trio
import trio.testing
import trio_asyncio  # noqa: TID251

from trioexec.transports.ssh import loop as loop_module
from trioexec.transports.ssh import quick_loop
from trioexec.transports.ssh.loop import open_loop, run_in_loop
from trioexec.transports.ssh.quick_loop import OVERRIDDEN, RELIED_ON, QuickLoop, misfit

HANGS_S = 60
STOCK_RUNS = sys.version_info < (3, 14)
"""From then on no task is run that is not the running loop's, and trio-asyncio says of none that it is."""

Program = Callable[[], Awaitable[object]]


def on_asyncio(program: Program) -> object:
    return asyncio.run(program())  # type: ignore[arg-type]


def on_quick(program: Program) -> object:
    async def main() -> object:
        with trio.fail_after(HANGS_S):
            async with open_loop() as loop:
                assert type(loop) is QuickLoop
                return await run_in_loop(loop, program())  # type: ignore[arg-type]

    return trio.run(main)


def on_stock(program: Program) -> object:
    async def main() -> object:
        with trio.fail_after(HANGS_S):
            async with trio_asyncio.open_loop() as loop:
                return await loop.run_aio_coroutine(program())

    return trio.run(main)


# What asyncio promises: each program gives the same on asyncio's loop, the stock loop and ours.


async def callbacks_run_in_the_order_they_were_queued() -> object:
    loop, seen = asyncio.get_running_loop(), []

    def nested(name: str) -> None:
        seen.append(name)
        loop.call_soon(seen.append, name + "'")

    for name in "abc":
        loop.call_soon(nested, name)
    loop.call_soon_threadsafe(seen.append, "d")
    loop.call_soon(seen.append, "cancelled").cancel()
    for _ in range(5):
        await asyncio.sleep(0)
    return seen


async def timers_run_when_they_are_due() -> object:
    loop = asyncio.get_running_loop()
    seen: list[str] = []
    loop.call_later(0.03, seen.append, "c")
    loop.call_later(0.01, seen.append, "a")
    loop.call_at(loop.time() + 0.02, seen.append, "b")
    loop.call_later(0.015, seen.append, "cancelled").cancel()
    loop.call_later(0, seen.append, "now")
    await asyncio.sleep(0.05)
    return seen


async def a_thousand_timers_all_run_in_order() -> object:
    loop = asyncio.get_running_loop()
    seen: list[int] = []
    rng = random.Random(1)  # noqa: S311
    base_s = loop.time() + 0.02
    for i in rng.sample(range(1000), 1000):
        loop.call_at(base_s + i * 1e-5, seen.append, i)
    await asyncio.sleep(0.1)
    return seen == sorted(seen), len(seen)


async def futures_wake_their_tasks() -> object:
    loop = asyncio.get_running_loop()
    future: asyncio.Future[int] = loop.create_future()
    seen: list[object] = []

    async def wait(name: str) -> None:
        seen.append((name, await asyncio.shield(future)))

    tasks = [asyncio.create_task(wait(name)) for name in "abc"]
    future.add_done_callback(lambda done: seen.append(done.result()))
    loop.call_soon(future.set_result, 7)
    await asyncio.gather(*tasks)
    return seen


async def cancels_are_caught_counted_and_told_why() -> object:
    seen: list[object] = []

    async def work() -> None:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError as exc:
            seen.append(exc.args)
            raise
        finally:
            await asyncio.sleep(0)
            seen.append("cleaned up")

    task = asyncio.create_task(work())
    await asyncio.sleep(0)
    task.cancel("enough")
    seen.append(task.cancelling())
    try:
        await task
    except asyncio.CancelledError:
        seen.append("cancelled")
    return seen, task.cancelled()


async def time_limits_and_groups_work() -> object:
    seen: list[object] = []
    try:
        async with asyncio.timeout(0.01):
            await asyncio.sleep(3600)
    except TimeoutError:
        seen.append("timeout")
    try:
        await asyncio.wait_for(asyncio.Event().wait(), 0.01)
    except TimeoutError:
        seen.append("wait_for")
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(3600))
            group.create_task(asyncio.sleep(0, "x"))
            raise ValueError  # noqa: TRY301
    except* ValueError:
        seen.append("group")
    return seen


async def context_follows_the_callback() -> object:
    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable", default="none")
    loop, seen = asyncio.get_running_loop(), []

    def look() -> None:
        seen.append(variable.get())
        variable.set("changed in a callback")

    variable.set("mine")
    other = contextvars.copy_context()
    other.run(variable.set, "other")
    loop.call_soon(look)
    loop.call_soon(look, context=other)
    loop.call_soon_threadsafe(look, context=other)
    loop.call_later(0.001, look)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.send(b"x")
        read = asyncio.Event()
        variable.set("reader's")
        loop.add_reader(ours, lambda: (loop.remove_reader(ours), look(), read.set()))  # type: ignore[func-returns-value]
        variable.set("mine again")
        await read.wait()
    await asyncio.sleep(0.01)
    return sorted(seen), variable.get()


async def readers_and_writers_come_and_go() -> object:
    loop = asyncio.get_running_loop()
    seen: list[object] = []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        done = asyncio.Event()

        def read() -> None:
            data = ours.recv(1)
            seen.append(data)
            if data == b"c":
                seen.append(loop.remove_reader(ours))
                seen.append(loop.remove_reader(ours))
                done.set()

        def wrote() -> None:
            seen.append("writable")
            loop.remove_writer(ours)
            theirs.send(b"abcd")

        loop.add_reader(ours, seen.append, "replaced before it ran")
        loop.add_reader(ours, read)
        loop.add_writer(ours, wrote)
        await done.wait()
        await asyncio.sleep(0.01)
        seen.append(ours.recv(9))
    return seen


async def a_reader_runs_after_what_it_queued_before() -> object:
    """As many rounds of callbacks as asyncio would run between two reads."""
    loop = asyncio.get_running_loop()
    seen: list[object] = []
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.send(b"12345")

        def read() -> None:
            data = ours.recv(1)
            seen.append(data)
            loop.call_soon(seen.append, b"after " + data)
            if data == b"5":
                loop.remove_reader(ours)

        loop.add_reader(ours, read)
        while len(seen) < 10:
            await asyncio.sleep(0)
    return seen


async def streams_carry_everything() -> object:
    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
            await writer.drain()
        writer.close()

    ours, theirs = socket.socketpair()
    server = asyncio.create_task(echo(*await asyncio.open_connection(sock=theirs)))
    reader, writer = await asyncio.open_connection(sock=ours)
    sent = os.urandom(400_000)

    async def send() -> None:
        writer.write(sent)
        await writer.drain()
        writer.write_eof()

    _, got = await asyncio.gather(send(), reader.read())
    await server
    writer.close()
    await writer.wait_closed()
    return got == sent


async def sock_methods_work() -> object:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        got, _ = await asyncio.gather(loop.sock_recv(ours, 10), loop.sock_sendall(theirs, b"hi"))
    return got


async def threads_bring_results_and_errors() -> object:
    loop = asyncio.get_running_loop()
    results = await asyncio.gather(*(loop.run_in_executor(None, pow, 2, i) for i in range(100)))
    with pytest.raises(ZeroDivisionError):
        await loop.run_in_executor(None, divmod, 1, 0)
    return results


async def other_threads_queue_callbacks() -> object:
    loop = asyncio.get_running_loop()
    done: asyncio.Future[int] = loop.create_future()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(done.set_result, 5))
    thread.start()
    result = await done
    thread.join()
    return result


async def abandoned_generators_are_closed() -> object:
    seen: list[object] = []

    async def numbers() -> AsyncGenerator[int, None]:
        try:
            for i in range(10):
                yield i
        finally:
            await asyncio.sleep(0)
            seen.append("closed")

    async def start() -> None:
        async for i in numbers():
            if i == 3:
                seen.append(i)
                return

    await start()
    gc.collect()
    for _ in range(5):
        await asyncio.sleep(0)
    return seen


async def errors_in_callbacks_reach_the_handler() -> object:
    loop, seen = asyncio.get_running_loop(), []
    loop.set_exception_handler(lambda _, context: seen.append(repr(context["exception"])))
    loop.call_soon(int, "x")
    loop.call_later(0.001, divmod, 1, 0)
    ours, theirs = socket.socketpair()
    with ours, theirs:
        theirs.send(b"x")

        def read() -> None:
            loop.remove_reader(ours)
            raise LookupError("in a reader")

        loop.add_reader(ours, read)
        loop.call_soon(seen.append, "still running")
        await asyncio.sleep(0.01)
    loop.set_exception_handler(None)
    return sorted(seen)


async def queues_and_locks_hand_over() -> object:
    queue: asyncio.Queue[int] = asyncio.Queue(3)
    lock = asyncio.Lock()
    seen: list[int] = []

    async def produce() -> None:
        for i in range(50):
            async with lock:
                await queue.put(i)

    async def consume() -> None:
        for _ in range(50):
            seen.append(await queue.get())  # noqa: PERF401

    await asyncio.gather(produce(), consume())
    return seen


PROGRAMS = [
    pytest.param(value, id=name.replace("_", " "))
    for name, value in list(globals().items())
    if inspect.iscoroutinefunction(value) and value.__code__.co_filename == __file__
]


STOCK_DIFFERS = (
    callbacks_run_in_the_order_they_were_queued,  # it puts those of call_soon_threadsafe last
    a_thousand_timers_all_run_in_order,  # it rings one before it has seen those queued later
)


@pytest.mark.parametrize("program", PROGRAMS)
def test_quick_loop_gives_what_asyncio_gives(program: Program) -> None:
    expected = on_asyncio(program)

    assert on_quick(program) == expected
    if STOCK_RUNS and program not in STOCK_DIFFERS:
        assert on_stock(program) == expected


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


async def parked() -> None:
    await trio.testing.wait_all_tasks_blocked()


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


# Upstream

UPSTREAM = {
    "0.16.0": {
        "_add_callback": "5640c39ba75e",
        "_add_reader": "d9b417a95850",
        "_add_writer": "b4bc310d6b84",
        "_cancel_fds": "417049b67996",
        "_main_loop": "45a1198042d3",
        "_main_loop_one": "cbe727d65866",
        "_queue_handle": "25c333f7a57c",
        "_timer_handle_cancelled": "b5a033e367a4",
        "call_at": "812a2a39d1ec",
        "call_later": "c91d8dd7aae1",
        "call_soon": "dbfc6c85474f",
        "call_soon_threadsafe": "a26843e346a5",
        "_cancel_timers": "44009fea1c0f",
        "_main_loop_exit": "beede9a994f2",
        "_main_loop_init": "dbb8156a23e8",
        "run_aio_coroutine": "feb2a2ec7835",
        "__init__": "d1d5d493743f",
        "open_loop": "73bcbe0df39d",
    },
    "0.15.0": {
        "_add_callback": "5640c39ba75e",
        "_add_reader": "d9b417a95850",
        "_add_writer": "b4bc310d6b84",
        "_cancel_fds": "417049b67996",
        "_main_loop": "45a1198042d3",
        "_main_loop_one": "8bad8ff261ca",
        "_queue_handle": "25c333f7a57c",
        "_timer_handle_cancelled": "b5a033e367a4",
        "call_at": "812a2a39d1ec",
        "call_later": "c91d8dd7aae1",
        "call_soon": "dbfc6c85474f",
        "call_soon_threadsafe": "a26843e346a5",
        "_cancel_timers": "44009fea1c0f",
        "_main_loop_exit": "beede9a994f2",
        "_main_loop_init": "dbb8156a23e8",
        "run_aio_coroutine": "feb2a2ec7835",
        "__init__": "d1d5d493743f",
        "open_loop": "73bcbe0df39d",
    },
}


def fingerprint(function: object) -> str:
    return hashlib.sha256(inspect.getsource(function).encode()).hexdigest()[:12]  # type: ignore[arg-type]


def upstream_shape() -> dict[str, str]:
    shape = {
        name: fingerprint(getattr(trio_asyncio.TrioEventLoop, name))
        for name in (*OVERRIDDEN, *RELIED_ON)
    }
    shape["__init__"] = fingerprint(trio_asyncio.BaseTrioEventLoop.__init__)
    shape["open_loop"] = fingerprint(trio_asyncio.open_loop)
    return shape


def test_upstream_has_the_shape_that_the_quick_loop_was_written_for() -> None:
    """When this fails: read what has changed, mend `quick_loop`, then note the new shape here."""
    version = trio_asyncio.__version__

    assert version in UPSTREAM, f"trio-asyncio {version} was never looked at"
    assert upstream_shape() == UPSTREAM[version]


@pytest.mark.skipif(not STOCK_RUNS, reason="trio-asyncio's own loop runs no tasks here")
@pytest.mark.parametrize(
    ("module", "name", "value", "says"),
    [
        pytest.param(trio_asyncio, "__version__", "0.17.0", "0.17.0", id="another version"),
        pytest.param(quick_loop, "RELIED_ON", ("_gone",), "_gone", id="a method is gone"),
        pytest.param(
            trio_asyncio, "open_loop", trio_asyncio.open_loop, "another way", id="another opener"
        ),
        pytest.param(selectors, "DefaultSelector", object, "selector", id="no epoll"),
    ],
)
async def test_where_upstream_or_the_system_differs_the_stock_loop_serves(
    monkeypatch: pytest.MonkeyPatch, module: object, name: str, value: object, says: str
) -> None:
    if name == "open_loop":

        def other() -> object: ...

        stock = trio_asyncio.open_loop

        def opener() -> object:
            return stock()

        opener.__wrapped__ = other  # type: ignore[attr-defined]
        value = opener
    monkeypatch.setattr(module, name, value)

    assert says in (misfit() or "")
    async with loop_module.open_loop() as loop:
        assert type(loop) is trio_asyncio.TrioEventLoop
        assert await run_in_loop(loop, asyncio.sleep(0, 1)) == 1


def test_here_the_quick_loop_serves() -> None:
    assert misfit() is None
