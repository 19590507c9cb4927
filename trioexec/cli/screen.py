"""``--tui``: whether it can be, and what a run needs for it round itself.

Textual and the ssh transport share one asyncio loop, opened here round both: the
layers below do not know of each other, and trio-asyncio wants one loop round everything.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

from trioexec.model.errors import UsageError

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation
    from trioexec.model.flow import Flow
    from trioexec.sinks.base import Sink
    from trioexec.sinks.console import Console

__all__ = ["HandQuit", "make_screen_sink", "open_console", "require_screen"]

HandQuit = Callable[[Callable[[], None]], None]


def require_screen(call: Invocation) -> None:
    """See that there is a terminal, and textual.

    Raises:
        UsageError: There is not.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if not os.isatty(number):
            raise UsageError(
                f"--tui needs a terminal, and {name} is none.\n"
                "Leave --tui out where output goes to a file, a pipe or CI; -g sums answers up."
            )
    if call.env.get("TERM", "") in ("", "dumb"):
        raise UsageError(
            f"--tui needs a terminal that can place its text, and TERM is "
            f"{call.env.get('TERM') or 'not set'}.\nSet TERM to what the terminal is, "
            "or leave --tui out."
        )
    stdin = call.settings.get("stdin")
    if stdin is not None and stdin.value:
        raise UsageError("--tui and --stdin both read stdin.\nUse --script FILE, or another mode.")
    if find_spec("textual") is None:
        raise UsageError(
            "--tui needs textual, which is not installed.\nInstall it: pip install 'trioexec[tui]'"
        )


@asynccontextmanager
async def open_console(
    flow: Flow, *, on_screen: bool
) -> AsyncIterator[tuple[Console, HandQuit | None]]:
    """Have a run's console, and where there is a screen the loop that it needs.

    Yields:
        The console, and what wants to be told how the run is ended by a key.
    """
    if not on_screen:
        from trioexec.sinks.console import Console  # noqa: PLC0415 - imports trio

        yield Console(flow, on_closed=lambda: None), None
        return
    from trioexec.sinks.tui.console import ScreenConsole  # noqa: PLC0415
    from trioexec.transports.ssh.loop import open_loop  # noqa: PLC0415 - asyncio is slow to import

    sys.stdout.flush()
    async with open_loop():
        console = ScreenConsole(flow, on_closed=lambda: None)
        yield console, console.take_quit


def make_screen_sink(console: Console) -> Sink:
    """Make the sink that draws; `console` is one of `open_console`."""
    from trioexec.sinks.tui.console import ScreenConsole  # noqa: PLC0415 - imports trio
    from trioexec.sinks.tui.sink import TuiSink  # noqa: PLC0415
    from trioexec.transports.ssh.loop import run_in_loop  # noqa: PLC0415

    assert isinstance(console, ScreenConsole)
    return TuiSink(console, run_in_loop)
