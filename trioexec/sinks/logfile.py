"""A structured log of a run, for machines that read logs: one JSON object a line, no output.

Appends, so that one file serves many runs; each line says which run it belongs to.
"""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Callable
from typing import Any, Final

from trioexec.model.errors import UsageError, why
from trioexec.model.event_codec import outcome_to_dict
from trioexec.model.events import (
    Event,
    NodeConnecting,
    NodeFinished,
    NodeOutput,
    NodeQueued,
    NodeStarted,
    RunFinished,
    RunStarted,
)
from trioexec.model.flow import Flow
from trioexec.sinks.base import patience_s
from trioexec.sinks.writer import FdWriter

__all__ = ["LogSink", "open_log"]

_EVENTS: Final[dict[type[Event], str]] = {
    NodeQueued: "node_queued",
    NodeConnecting: "node_connecting",
    NodeStarted: "node_started",
}


def open_log(path: str) -> int:
    """Open the file to append to it, readable by its owner alone where it is made here.

    Returns:
        A descriptor, for a `LogSink`.

    Raises:
        UsageError: It cannot be opened.
    """
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC
    try:
        return os.open(path, flags, 0o600)
    except OSError as exc:
        raise UsageError(
            f"--log-file {path}: {why(exc)}.\nName a file that can be written."
        ) from exc


class LogSink:
    """Appends a line an event; output is only counted."""

    def __init__(self, descriptor: int, path: str, *, say: Callable[[str], None]) -> None:
        """Take the file over.

        Args:
            descriptor: Of `open_log`; `serve` closes it when the run is over.
            path: Its name, for the user.
            say: Told once if the file cannot be written any more.
        """
        self._descriptor = descriptor
        self._path = path
        self._say = say
        # A flow of its own: a log is a few lines a node, and holds nobody up.
        self._writer = FdWriter(descriptor, Flow(), self._lose)
        self._run = secrets.token_hex(4)
        self._zero_unix_s = time.time()
        self._bytes: dict[str, int] = {}

    def handle(self, event: Event) -> None:
        """Log one event; output is only counted."""
        match event:
            case NodeOutput():
                self._bytes[event.node] = self._bytes.get(event.node, 0) + len(event.data)
            case RunStarted():
                self._zero_unix_s = event.unix_s
                count = len(event.nodes)
                self._log(event, "run_started", command=event.command, nodes=count)
            case NodeFinished():
                outcome = event.outcome
                self._log(
                    event,
                    "node_finished",
                    level="info" if outcome.ok else "error",
                    node=event.node,
                    outcome=outcome_to_dict(outcome),
                    text=outcome.text,
                    output_bytes=self._bytes.pop(event.node, 0),
                )
            case RunFinished():
                level = "info" if event.exit_code == 0 else "error"
                ended = {"exit_code": event.exit_code, "stopped": event.stopped}
                self._log(event, "run_finished", level=level, **ended)
                self._writer.close(patience_s=patience_s(event.stopped))
            case _:
                self._log(event, _EVENTS[type(event)], level="debug", node=event.node)

    async def serve(self) -> None:
        """Write where that takes time, as into a pipe; let go of the file when all is there."""
        try:
            await self._writer.serve()
        finally:
            os.close(self._descriptor)

    def _log(self, event: Event, name: str, *, level: str = "info", **fields: Any) -> None:  # noqa: ANN401
        at = self._zero_unix_s + event.at_s
        whole = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(at))
        line = {"time": f"{whole}.{int(at % 1 * 1000):03d}Z", "level": level, "event": name}
        line |= {"run": self._run, **fields}
        # One write a line: several runs may share the file.
        self._writer.write(json.dumps(line).encode() + b"\n")

    def _lose(self) -> None:
        error = self._writer.error
        why = "nobody reads it" if error is None else error.strerror
        self._say(f"The log {self._path} is not written any more: {why}.")
