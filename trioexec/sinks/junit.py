"""JUnit XML in a file, for CI servers; what is in it is decided by `model.junit`."""

from __future__ import annotations

import socket
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from trioexec.model.events import Event, RunFinished
from trioexec.model.junit import OUTPUT_BYTES, TOTAL_BYTES, junit_xml
from trioexec.model.record import Recorder
from trioexec.sinks.document import Document

__all__ = ["JunitSink"]


class JunitSink:
    """Writes the file when the run is over, however it ended."""

    def __init__(
        self,
        path: Path,
        *,
        say: Callable[[str], None],
        properties: Mapping[str, str] | None = None,
        dissenters: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """Prepare; the file is not touched yet.

        Args:
            path: Replaced whole.
            say: Shows one line to the user, where the file cannot be written.
            properties: What else to say about the run.
            dissenters: Names, at the end, the nodes that fail for their answer alone.
        """
        self._document = Document(path, say=say)
        self._properties = dict(properties or {})
        self._dissenters = dissenters
        self._recorder = Recorder(node_bytes=OUTPUT_BYTES, total_bytes=TOTAL_BYTES)

    @property
    def error(self) -> OSError | None:
        """Why there is no file, where it could not be written."""
        return self._document.error

    def handle(self, event: Event) -> None:
        """Take one event; write with the last."""
        self._recorder.handle(event)
        if isinstance(event, RunFinished):
            record = self._recorder.record(self._dissenters())
            text = junit_xml(record, hostname=socket.gethostname(), properties=self._properties)
            self._document.write(text, event.stopped)

    async def serve(self) -> None:
        """Wait for who reads, where it is no file."""
        await self._document.serve()
