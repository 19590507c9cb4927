"""``--tui``: whether it can be, and the console and the sink that it needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from importlib.util import find_spec
from typing import TYPE_CHECKING

from trioexec.model.errors import UsageError

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation
    from trioexec.model.flow import Flow
    from trioexec.sinks.base import Sink
    from trioexec.sinks.console import Console

__all__ = ["HandQuit", "make_console", "make_screen_sink", "require_screen"]

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


def make_console(flow: Flow, *, on_screen: bool) -> tuple[Console, HandQuit | None]:
    """Make a run's console.

    Returns:
        The console, and, where there is a screen, what wants to be told how the run is
        ended by a key.
    """
    if not on_screen:
        from trioexec.sinks.console import Console  # noqa: PLC0415 - imports trio

        return Console(flow, on_closed=lambda: None), None
    from trioexec.sinks.tui.console import ScreenConsole  # noqa: PLC0415

    sys.stdout.flush()
    console = ScreenConsole(flow, on_closed=lambda: None)
    return console, console.take_quit


def make_screen_sink(console: Console) -> Sink:
    """Make the sink that draws; `console` is one of `make_console`."""
    from trioexec.sinks.tui.console import ScreenConsole  # noqa: PLC0415 - imports trio
    from trioexec.sinks.tui.sink import TuiSink  # noqa: PLC0415
    from trioexec.transports.ssh.loop import run_in_own_loop  # noqa: PLC0415 - asyncio is slow

    assert isinstance(console, ScreenConsole)
    return TuiSink(console, run_in_own_loop)
