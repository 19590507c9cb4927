"""An asyncio loop inside trio that costs about what asyncio's own loop costs.

With `loop`, which opens it, the only module that knows trio-asyncio's private parts.
Its stock loop sends each callback through a memory channel and gives it a scheduler
pass of its own, and each readable socket a trio task with a round trip per read.
Here, one trio task waits on an epoll of the loop's own, runs what is ready, and hands
back to trio after at most `CALLBACKS_A_TURN` callbacks, so that signals and deadlines
get their turn.
"""

# ruff: noqa: SLF001  (this is the module that knows them)

from __future__ import annotations

import _asyncio
import asyncio  # noqa: TID251
import heapq
import os
import selectors
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, Final

import trioexec.transports.ssh.plain_asyncio  # noqa: F401 - before anything imports trio-asyncio

# isort: split

import sniffio
import trio
import trio_asyncio  # noqa: TID251
from trio.lowlevel import cancel_shielded_checkpoint, enable_ki_protection, wait_readable
from trio_asyncio import TrioEventLoop  # noqa: TID251
from trio_asyncio._base import TrioAsyncioExit  # noqa: TID251
from trio_asyncio._handles import AsyncHandle  # noqa: TID251

__all__ = ["CALLBACKS_A_TURN", "OVERRIDDEN", "RELIED_ON", "QuickLoop", "misfit"]

CALLBACKS_A_TURN: Final = 64
"""After so many callbacks trio's other tasks run.  The dearest is a key exchange of about
a millisecond, so Ctrl-C waits tens of milliseconds at worst; more would save nothing."""

DEAD_TIMERS: Final = 100
"""So many cancelled timers may lie in the heap before it is swept, if they are the half of it."""

KNOWN_VERSIONS: Final = ("0.15.", "0.16.")

OVERRIDDEN: Final = (
    "_add_callback",
    "_add_reader",
    "_add_writer",
    "_cancel_fds",
    "_main_loop",
    "_main_loop_one",
    "_queue_handle",
    "_timer_handle_cancelled",
    "call_at",
    "call_later",
    "call_soon",
    "call_soon_threadsafe",
)
"""Methods of the stock loop that are replaced; a test holds their upstream text."""

RELIED_ON: Final = ("_cancel_timers", "_main_loop_exit", "_main_loop_init", "run_aio_coroutine")


class _Inbox:
    """Stands where upstream has the sending end of its channel; trio's thread only."""

    def __init__(self, put: Callable[[asyncio.Handle], object]) -> None:
        self.send_nowait = put


class QuickLoop(TrioEventLoop):  # type: ignore[misc]
    """trio-asyncio's loop with asyncio's own way of queueing and of watching sockets.

    No wake-up may be lost.  Whoever queues something while the task of the loop is
    parked writes to the loop's self-pipe, which its epoll watches and which stays
    readable until the loop has read it.  `_parked` is set *before* the queue is looked
    at, since the garbage collector may run a finalizer that queues at any point.
    """

    def __init__(self, queue_len: int | None = None) -> None:
        super().__init__(queue_len)
        self._q_send: Any
        self._q_send.close()
        self._q_recv.close()
        self._q_send = _Inbox(self._put)
        self._ready: deque[asyncio.Handle] = deque()
        self._timers: list[asyncio.TimerHandle] = []
        self._dead_timers = 0
        self._polled = 0
        """Of the queue, how many stood there when the sockets were last looked at."""
        self._parked = False
        self._alarm = trio.CancelScope()
        # Upstream's selector never selects; what it was given so far is the self-pipe.
        self._selector: Any  # the base class declares no fileno
        placeholder, self._selector = self._selector, selectors.DefaultSelector()
        for key in placeholder.get_map().values():
            self._selector.register(key.fd, key.events, key.data)

    # Queueing

    def call_soon(
        self, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.Handle:
        """Queue a callback; what it is, is checked in debug mode only, as asyncio does."""
        self._check_closed()
        if self._debug:
            self._check_callback(callback, "call_soon")
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        if self._parked:
            self._wake()
        return handle

    def call_soon_threadsafe(
        self, callback: Callable[..., object], *args: object, context: Context | None = None
    ) -> asyncio.Handle:
        """Queue a callback from any thread."""
        self._check_closed()
        if self._debug:
            self._check_callback(callback, "call_soon_threadsafe")
        handle = asyncio.Handle(callback, args, self, context)
        self._ready.append(handle)
        self._write_to_self()  # always: another thread cannot know whether we are parked
        return handle

    def _queue_handle(self, handle: asyncio.Handle) -> asyncio.Handle:
        self._check_closed()
        self._put(handle)
        return handle

    def _put(self, handle: asyncio.Handle) -> None:
        if isinstance(handle, asyncio.TimerHandle):
            self._put_timer(handle)
            return
        self._ready.append(handle)
        if self._parked:
            self._wake()

    def _add_callback(self, handle: asyncio.Handle) -> None:
        """Queue the handle of a ready socket; asyncio's `_process_events` calls it."""
        if not handle.cancelled():
            self._ready.append(handle)

    def _wake(self) -> None:
        self._parked = False  # one byte is enough until the loop has run again
        self._write_to_self()

    # Timers

    def call_at(
        self,
        when: float,
        callback: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Queue a callback for a time; checked in debug mode only, as `call_soon`."""
        self._check_closed()
        if self._debug:
            self._check_callback(callback, "call_at")
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._put_timer(handle)
        return handle

    def call_later(
        self,
        delay: float,
        callback: Callable[..., object],
        *args: object,
        context: Context | None = None,
    ) -> asyncio.TimerHandle:
        """Queue a callback for so many seconds later."""
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def _put_timer(self, handle: asyncio.TimerHandle) -> None:
        handle._scheduled = True  # type: ignore[attr-defined]
        heapq.heappush(self._timers, handle)
        if self._parked and handle.when() < self._alarm.deadline:
            self._alarm.deadline = handle.when()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        if not handle._scheduled:  # type: ignore[attr-defined]
            return
        self._dead_timers += 1
        if self._dead_timers > DEAD_TIMERS and self._dead_timers * 2 > len(self._timers):
            self._timers = [timer for timer in self._timers if not timer.cancelled()]
            heapq.heapify(self._timers)
            self._dead_timers = 0

    def _ring(self) -> None:
        """Queue the timers that are due, and forget the cancelled ones before the next."""
        timers = self._timers
        now_s = self.time()
        while timers and (timers[0].when() <= now_s or timers[0].cancelled()):
            timer = heapq.heappop(timers)
            timer._scheduled = False  # type: ignore[attr-defined]
            if timer.cancelled():
                self._dead_timers = max(0, self._dead_timers - 1)
            else:
                self._ready.append(timer)

    # Sockets: asyncio's own bookkeeping, which upstream replaces by a task per socket

    _add_reader = asyncio.SelectorEventLoop._add_reader  # type: ignore[attr-defined]
    _add_writer = asyncio.SelectorEventLoop._add_writer  # type: ignore[attr-defined]

    def _cancel_fds(self) -> None:
        for key in list(self._selector.get_map().values()):
            for handle in key.data:
                if handle is not None:
                    handle.cancel()
            if key.fd in self._close_files:
                os.close(key.fd)

    # Running.  A KeyboardInterrupt inside of a callback would leave who waits for its future
    # waiting for ever: trio raises it in the main task instead.

    @enable_ki_protection
    async def _main_loop(
        self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        self._stopped = trio.Event()
        task_status.started()
        try:
            while True:
                # Shielded, as upstream's: what was queued before `stop` still runs, and
                # `open_loop` always comes to stop us.  Left when the alarm goes off.
                with trio.CancelScope(shield=True) as self._alarm:
                    await self._serve()
        except TrioAsyncioExit:
            pass  # raised by what `stop` queued
        finally:
            self._parked = False
            self._stopped.set()

    @enable_ki_protection
    async def _serve(self) -> None:
        while True:
            if self._polled <= 0:  # else a socket that is queued would be queued again
                self._process_events(self._selector.select(0))
                if self._timers:
                    self._ring()
                self._polled = len(self._ready)
            todo = self._run_ready()
            if todo is not None:
                await self._start_task(todo)
                continue
            self._parked = True
            try:
                if self._ready:
                    await cancel_shielded_checkpoint()
                    continue
                if self._timers and self._timers[0].when() < self._alarm.deadline:
                    self._alarm.deadline = self._timers[0].when()
                await wait_readable(self._selector.fileno())
            finally:
                self._parked = False

    @enable_ki_protection
    def _run_ready(self) -> AsyncHandle | None:
        """Run callbacks until none is left, the turn is over, or one must be awaited."""
        ready = self._ready
        flavour, sniffio.thread_local.name = sniffio.thread_local.name, "asyncio"
        # asyncio's parts in C know no context variable: they would take the loop that trio is a
        # guest of for ours, and from Python 3.14 on no task is run that is not the running loop's.
        host = _asyncio._get_running_loop()
        asyncio._set_running_loop(self)
        try:
            for _ in range(CALLBACKS_A_TURN):
                if not ready:
                    break
                handle = ready.popleft()
                self._polled -= 1
                if isinstance(handle, AsyncHandle):
                    return handle
                if not handle._cancelled:
                    handle._run()
        finally:
            asyncio._set_running_loop(host)
            sniffio.thread_local.name = flavour
        return None

    async def _start_task(self, handle: AsyncHandle) -> None:
        """Start a trio task for asyncio, and see it started before any later callback."""
        handle._context.run(self._nursery.start_soon, handle._run, name=handle._callback)
        with trio.CancelScope(shield=True):  # from the alarm; a started task needs no deadline
            await handle._started.wait()

    async def _main_loop_one(self, no_wait: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002
        """Run what is left, for upstream's `_main_loop_exit`, until `WouldBlock`."""
        if self._timers:
            self._ring()
        if not self._ready:
            raise trio.WouldBlock
        todo = self._run_ready()
        if todo is not None:
            await self._start_task(todo)


def misfit() -> str | None:
    """Say why the quick loop cannot serve here, or None when it can."""
    version = trio_asyncio.__version__
    if not version.startswith(KNOWN_VERSIONS):
        return f"trio-asyncio {version} is not known"
    missing = [name for name in OVERRIDDEN + RELIED_ON if not hasattr(TrioEventLoop, name)]
    if missing:
        return f"trio-asyncio has no {', '.join(missing)}"
    if "TrioEventLoop" not in trio_asyncio.open_loop.__wrapped__.__code__.co_names:
        return "trio_asyncio.open_loop makes its loop in another way"
    if not hasattr(selectors.DefaultSelector, "fileno"):
        return "this system's selector cannot be waited for"
    return None
