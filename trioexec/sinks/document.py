"""One file of a run, written when that is over: at once, or beside the loop where it is a pipe."""

from __future__ import annotations

import errno
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

from trioexec.model.outcomes import StopReason
from trioexec.sinks.atomic import is_other_than_file, write_whole
from trioexec.sinks.base import patience_s

__all__ = ["Document"]


class Document:
    """What a sink writes in the end."""

    def __init__(self, path: Path, *, say: Callable[[str], None]) -> None:
        """Prepare; the file is not touched yet.

        Args:
            path: Replaced whole.
            say: Shows one line to the user, where the file cannot be written.
        """
        self.error: OSError | None = None
        """Why it is not there, where it could not be written."""
        self._path = path
        self._say = say
        self._late = b""
        self._patience_s = math.inf
        self._over = trio.Event()

    def write(self, text: bytes, stopped: StopReason | None) -> None:
        """Write all of it; a file has it when this returns, a pipe gets it from `serve`."""
        if is_other_than_file(self._path):
            self._late, self._patience_s = text, patience_s(stopped)
        else:
            with self._told():
                write_whole(self._path, text)
        self._over.set()

    async def serve(self) -> None:
        """Wait for the end of the run, and for who reads where it is no file."""
        await self._over.wait()
        if self._late:
            with self._told():
                with trio.move_on_after(self._patience_s) as patience:
                    await trio.to_thread.run_sync(
                        write_whole, self._path, self._late, abandon_on_cancel=True
                    )
                if patience.cancelled_caught:
                    raise TimeoutError(errno.ETIMEDOUT, "nobody reads it")

    @contextmanager
    def _told(self) -> Iterator[None]:
        try:
            yield
        except OSError as exc:
            self.error = exc
            self._say(f"trioexec: cannot write {self._path}: {exc.strerror}")
