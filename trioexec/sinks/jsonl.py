"""The events themselves, one JSON object a line, as they happen."""

from __future__ import annotations

from typing import Final

from trioexec.model.event_codec import to_json
from trioexec.model.events import Event, NodeFinished, NodeOutput, Stream
from trioexec.sinks.console import Console

__all__ = ["JsonSink"]

_LEADS: Final = {1: range(0xC2, 0xF5), 2: range(0xE0, 0xF5), 3: range(0xF0, 0xF5)}
"""Bytes that begin a character of more than so many bytes."""


class JsonSink:
    """Writes events to stdout, for programs.

    A piece of output that ends inside a character is cut before it, and the rest
    comes with the next piece: so text stays text, and no byte changes.
    """

    def __init__(self, console: Console) -> None:
        self._writer = console.stdout
        self._cut: dict[tuple[str, Stream], bytes] = {}

    def handle(self, event: Event) -> None:
        """Write one event."""
        match event:
            case NodeOutput():
                if event.data[-1] < 0x80 and not self._cut:  # noqa: PLR2004 -- ASCII
                    self._write(event)
                else:
                    self._write_whole_characters(event)
                return
            case NodeFinished() if self._cut:
                for key in [key for key in self._cut if key[0] == event.node]:
                    data = self._cut.pop(key)
                    self._write(
                        NodeOutput(node=event.node, at_s=event.at_s, stream=key[1], data=data)
                    )
        self._write(event)

    async def serve(self) -> None:
        """Nothing takes time here: the console writes."""

    def _write_whole_characters(self, event: NodeOutput) -> None:
        key = (event.node, event.stream)
        data = self._cut.pop(key, b"") + event.data
        cut_bytes = _unfinished_bytes(data)
        if cut_bytes:
            self._cut[key] = data[-cut_bytes:]
            data = data[:-cut_bytes]
        if data:
            self._write(
                NodeOutput(node=event.node, at_s=event.at_s, stream=event.stream, data=data)
            )

    def _write(self, event: Event) -> None:
        self._writer.write(to_json(event) + b"\n")


def _unfinished_bytes(data: bytes) -> int:
    """How many bytes at the end begin a character that is not complete."""
    for back in (1, 2, 3):
        if back > len(data):
            return 0
        byte = data[-back]
        if byte in _LEADS[back]:
            return back
        if not 0x80 <= byte < 0xC0:  # noqa: PLR2004 -- not the inside of a character
            return 0
    return 0
