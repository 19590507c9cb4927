"""Programs that a look-up waits for: ``Match exec``, KnownHostsCommand.

They run in threads, which nobody can cut, and which may be left behind when a node has no
time any more.  The programs may not: they end with their run at the latest.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Sequence
from contextlib import suppress

from trioexec.model.command import TimeLeft

__all__ = ["NoTimeLeftError", "Programs"]


class NoTimeLeftError(Exception):
    """What runs before a run has taken all the time that the run has."""


class Programs:
    """Those of a run; may be asked from several threads."""

    before: TimeLeft | None = None
    """What those before the run may take, all together; they diminish it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._over = False

    def begin(self) -> None:
        """Have programs (again), under the limits of the run that begins."""
        with self._lock:
            self._over = False
        self.before = None

    def end(self) -> None:
        """End what runs, and have none from now on."""
        with self._lock:
            self._over = True
            for child in self._running:
                _kill(child)

    def run(self, argv: Sequence[str], *, limit_s: float, hear: bool = False) -> tuple[int, bytes]:
        """Run a program in a session of its own; give its exit code, and what was to `hear` of it.

        Raises:
            OSError: It cannot be started, or programs have ended.
            subprocess.TimeoutExpired: It took too long, and was killed.
            NoTimeLeftError: It took all that is left `before` the run, and was killed.
        """
        before = self.before
        if before is None:
            return self._run(argv, limit_s, hear=hear)
        began_s = time.monotonic()
        try:
            if before.seconds > 0:
                return self._run(argv, min(limit_s, before.seconds), hear=hear)
        except subprocess.TimeoutExpired:
            if before.seconds > limit_s:
                raise
        finally:
            before.seconds -= time.monotonic() - began_s
        raise NoTimeLeftError

    def _run(self, argv: Sequence[str], limit_s: float, *, hear: bool) -> tuple[int, bytes]:
        with self._lock:
            if self._over:
                raise InterruptedError("the run is over")
            child = subprocess.Popen(
                argv,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE if hear else subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
            self._running.add(child)
        said = b""
        with child:
            try:
                if hear:
                    said, _ = child.communicate(timeout=limit_s)
                else:
                    child.wait(limit_s)
            except BaseException:  # too late, or a signal that asks us to go
                _kill(child)
                raise
            finally:
                with self._lock:
                    self._running.discard(child)
        return child.returncode, said


def _kill(child: subprocess.Popen[bytes]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
