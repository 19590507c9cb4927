"""The console of a run that has the terminal as a screen: what is said is shown there.

All of it is written to stderr as well, once the screen is gone: the closing summary
comes as in every mode, and no warning is lost.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
from collections.abc import Callable

from trioexec.model.flow import Flow
from trioexec.sinks.console import Console
from trioexec.sinks.visible import visible_line

__all__ = ["ScreenConsole"]


class ScreenConsole(Console):
    """Holds back what is said, from the start to `give_back`."""

    def __init__(
        self,
        flow: Flow,
        on_closed: Callable[[], None],
        *,
        stdout_fd: int = 1,
        stderr_fd: int = 2,
    ) -> None:
        """Take over two descriptors of a terminal; see `Console`."""
        super().__init__(flow, on_closed, stdout_fd=stdout_fd, stderr_fd=stderr_fd)
        self.held: list[str] = []
        """What has been said, for the screen to show."""
        self._holding = True
        self._stderr_fd = stderr_fd
        self.shows_again: bool = True
        """Whether the run was over long ago: there is nothing to end."""
        self._press: Callable[[], None] = lambda: None

    def take_quit(self, press: Callable[[], None]) -> None:
        """Learn what ends the run, which goes on just now."""
        self.shows_again = False
        self._press = press

    def press(self) -> None:
        """End the run, as a Ctrl-C does; again: at once."""
        self._press()

    def say(self, line: str) -> None:
        """Hold one line for the screen; write it, once that is gone."""
        if self._holding:
            self.held.append(line)
        else:
            super().say(line)

    def give_back(self) -> None:
        """Write what was held: the screen is gone.  Once is enough."""
        self._holding = False
        held, self.held = self.held, []
        for line in held:
            super().say(line)

    def give_back_at_once(self) -> None:
        """Write what was held, as far as the terminal takes it now: nobody waits any more."""
        self._holding = False
        held, self.held = self.held, []
        text = b"".join(visible_line(line) + b"\n" for line in held)
        _, writable, _ = select.select([], [self._stderr_fd], [], 0)
        if text and writable:
            with contextlib.suppress(OSError):
                os.write(self._stderr_fd, text)

    def close(self, *, patience_s: float = math.inf) -> None:
        """Let `serve` return when all is written."""
        self.give_back()
        super().close(patience_s=patience_s)
