"""Textual's driver, on a terminal that is ours: a terminal that is stuck never stops the loop.

The stock driver queues thirty writes and then blocks, and with it every node's
connection.  Here the queue has no end; `backlog_bytes` tells the app when to
draw nothing new, so it stays short all the same.

Ctrl-Z and SIGTSTP stop us as they stop any program.  Stock, that and any SIGCONT is obeyed
inside the signal handler, where no loop runs: here the handlers only tell the loop.
"""

from __future__ import annotations

import asyncio  # noqa: TID251 - inside textual
import os
import signal
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, Final

from textual.drivers.linux_driver import LinuxDriver

if TYPE_CHECKING:
    from textual.app import App

    from trioexec.sinks.tui.terminal import OwnTerminal

__all__ = ["ScreenDriver", "make_driver"]

LAST_WRITES_S: Final = 1.0
"""How long the end may wait for a terminal that takes nothing."""


class _Writer(threading.Thread):
    """Writes in order; dies with the process where the terminal is stuck."""

    def __init__(self, fd: int) -> None:
        super().__init__(daemon=True, name="trioexec-screen")
        self.waiting_bytes = 0
        self._fd = fd
        self._queue: deque[bytes | None] = deque()
        self._wake = threading.Semaphore(0)

    def put(self, data: bytes | None) -> None:
        self.waiting_bytes += len(data or b"")
        self._queue.append(data)
        self._wake.release()

    def run(self) -> None:
        while True:
            self._wake.acquire()
            data = self._queue.popleft()
            if data is None:
                return
            try:
                self._write(data)
            except OSError:
                return  # the terminal is gone, and SIGHUP says so
            self.waiting_bytes -= len(data)

    def _write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            view = view[os.write(self._fd, view) :]


class ScreenDriver(LinuxDriver):
    """Draws on `terminal`; made by `make_driver`."""

    terminal: OwnTerminal

    def __init__(self, app: App[Any], **options: Any) -> None:  # noqa: ANN401 - textual's own
        self._loop = asyncio.get_running_loop()
        self._stopped = False
        super().__init__(app, **options)
        self._out: _Writer | None = None

    @property
    def backlog_bytes(self) -> int:
        """What the terminal has not taken yet."""
        return self._out.waiting_bytes if self._out is not None else 0

    def _get_terminal_size(self) -> tuple[int, int]:
        try:
            size = os.get_terminal_size(self.terminal.fd)
        except OSError:
            return 80, 25
        return size.columns or 80, size.lines or 25

    def write(self, data: str) -> None:
        """Queue; never blocks."""
        if self._out is not None:
            self._out.put(data.encode("utf-8", "replace"))

    def start_application_mode(self) -> None:
        """Take the terminal over."""
        self._out = _Writer(self.terminal.fd)
        self._out.start()
        super().start_application_mode()  # type: ignore[no-untyped-call]
        self.terminal.entered()

    def _sigtstp_application(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._stop_process)

    def _sigcont_application(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._come_back)

    def _stop_process(self) -> None:
        """Give the terminal back, and stop until somebody continues us."""
        if self._stopped:
            return
        self._stopped = True
        self.suspend_application_mode()
        # The default action, as SIGSTOP would also stop whom no shell could continue.
        ours = signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, ours)
        self._come_back()

    def _come_back(self) -> None:
        """Take the terminal again, once it is ours; until then, stop as writing to it would."""
        if not self._stopped:
            return
        if not self.terminal.is_ours():
            signal.raise_signal(signal.SIGTTOU)  # `fg` comes with another SIGCONT
            return
        self._stopped = False
        self.resume_application_mode()
        self._app.refresh(layout=True)  # all of it: the terminal shows nothing of ours any more

    def stop_application_mode(self) -> None:
        """Put it back."""
        super().stop_application_mode()
        self.write("\x1b[?1016l")  # the one mode that textual sets and leaves

    def close(self) -> None:
        """Wait until all is written, as long as the terminal takes it."""
        super().close()
        if self._out is not None:
            self._out.put(None)
            self._out.join(LAST_WRITES_S)
            if not self._out.is_alive():
                self.terminal.left()


def make_driver(terminal: OwnTerminal) -> type[ScreenDriver]:
    """Make the class that textual makes its driver of."""
    return type("TerminalDriver", (ScreenDriver,), {"terminal": terminal})
