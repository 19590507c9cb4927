"""The TUI as a sink: takes the events, and has the app on the terminal from start to `q`.

The app runs in asyncio.  Who that loop belongs to is not known here: `run_asyncio`
runs a coroutine in it, as the ssh transport's own `run_in_loop` does.
"""

from __future__ import annotations

import math
import os
from collections.abc import Awaitable, Coroutine
from typing import TYPE_CHECKING, Any, Protocol

import trio
from msgspec.structs import replace

from trioexec.model.events import Event, RunStarted
from trioexec.sinks.progress import Progress, ProgressSink
from trioexec.sinks.tui.board import Board
from trioexec.sinks.tui.console import ScreenConsole
from trioexec.sinks.tui.terminal import own_terminal

if TYPE_CHECKING:
    from trioexec.sinks.tui.app import TuiApp

__all__ = ["RunAsyncio", "TuiSink"]


class RunAsyncio(Protocol):
    """Runs an asyncio coroutine from trio; a cancel of ours is one of the coroutine."""

    def __call__(self, coro: Coroutine[Any, Any, None], /) -> Awaitable[None]:
        """Run it to its end."""


class TuiSink:
    """Shows the run on the whole terminal, and stays until the user quits."""

    def __init__(self, console: ScreenConsole, run_asyncio: RunAsyncio) -> None:
        """Prepare the sink.

        Args:
            console: Holds back what is said while the screen is there.
            run_asyncio: Runs a coroutine in an asyncio loop.
        """
        self._console = console
        self._run_asyncio = run_asyncio
        self._zero_s = math.nan
        self._progress = ProgressSink(console)
        self.board: Board = Board(
            on_spool_error=lambda exc: console.say(
                f"trioexec: output is kept in memory: no temporary file ({exc.strerror})"
            )
        )

    def handle(self, event: Event) -> None:
        """Take one event."""
        if isinstance(event, RunStarted):
            self._zero_s = trio.current_time()
        self._progress.handle(event)
        self.board.handle(event)

    async def serve(self) -> None:
        """Have the terminal until the user quits, or the run was told to end.

        Raises:
            Exception: What broke the app: a bug.  The terminal is as it was.
        """
        try:
            with own_terminal() as (terminal, strays):
                from trioexec.sinks.tui.driver import make_driver  # noqa: PLC0415 - slow

                app = self.make_app()
                app.driver_class = make_driver(terminal)
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(self._say_strays, strays)
                    await self._run_asyncio(app.run_async())
                    nursery.cancel_scope.cancel(reason="the screen is gone")
        finally:
            if trio.current_effective_deadline() == -math.inf:
                # A signal after the end, or the last Ctrl-C: whoever writes is cancelled as well.
                self._console.give_back_at_once()
            self._console.give_back()
        if app._exception is not None:  # noqa: SLF001 - textual has no other way to ask
            raise app._exception  # noqa: SLF001

    def make_app(self) -> TuiApp:
        """Make the app; tests run it without a terminal."""
        from trioexec.sinks.tui.app import Source, TuiApp  # noqa: PLC0415 - slow to import

        return TuiApp(
            Source(
                board=self.board,
                look=self.look,
                now_s=self.now_s,
                said=self._console.held,
                press=self._console.press,
                shows_again=self._console.shows_again,
            )
        )

    def now_s(self) -> float:
        """Give the time on the run's clock; it stands still when the run is over."""
        if not math.isnan(self.board.ended_s):
            return self.board.ended_s
        return 0.0 if math.isnan(self._zero_s) else trio.current_time() - self._zero_s

    def look(self) -> Progress:
        """Say how far the run is."""
        return replace(self._progress.look(), elapsed_s=self.now_s())

    async def _say_strays(self, reader: int) -> None:
        """Show what others wanted to write to the terminal."""
        os.set_blocking(reader, False)
        rest = b""
        async with trio.lowlevel.FdStream(reader) as stream:
            async for data in stream:
                *lines, rest = (rest + data).split(b"\n")
                for line in lines:
                    self._console.say(line.decode("utf-8", "backslashreplace"))
