"""What asyncio promises: each program gives the same on asyncio's loop, the stock loop and ours."""

from __future__ import annotations

import asyncio  # noqa: TID251
import contextvars
import gc
import inspect
import os
import random
import socket
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable

import pytest
import trio
import trio.testing
import trio_asyncio  # noqa: TID251

from tests.unit.loop_rig import HANGS_S, STOCK_RUNS
from trioexec.transports.ssh.loop import open_loop, run_in_loop
from trioexec.transports.ssh.quick_loop import QuickLoop

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
