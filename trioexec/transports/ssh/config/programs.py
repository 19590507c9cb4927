"""Programs that a look-up waits for: ``Match exec``, KnownHostsCommand.

They run in threads, which nobody can cut, and which may be left behind when a node has no
time any more.  The programs may not: they end with their run at the latest.
"""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Sequence
from contextlib import suppress

__all__ = ["Programs"]


class Programs:
    """Those of a run; may be asked from several threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: set[subprocess.Popen[bytes]] = set()
        self._over = False

    def begin(self) -> None:
        """Have programs (again)."""
        with self._lock:
            self._over = False

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
        """
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
