"""``node: line`` for each line, as soon as it is complete.

Whole lines only, so that those of different nodes never mix.  A line that does
not end is kept, on disk beyond one spool block, and written whole when it
ends: it is neither cut nor lost, however long.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Final

from trioexec.model.events import Event, NodeFinished, NodeOutput, RunStarted, Stream
from trioexec.sinks.base import Writer
from trioexec.sinks.console import Console
from trioexec.sinks.lines import mark_lines, mark_parts
from trioexec.sinks.spool import Kept, Spool
from trioexec.sinks.visible import visible, visible_line, visible_parts

__all__ = ["StreamSink"]

_COLORS: Final = (36, 33, 32, 35, 34, 96, 93, 92, 95, 94)
"""SGR numbers for prefixes, by rank; red is left to errors."""


class StreamSink:
    """Shows output as it comes: stdout on stdout, stderr on stderr."""

    def __init__(
        self,
        console: Console,
        *,
        prefix: bool,
        color: bool,
        color_stderr: bool | None = None,
    ) -> None:
        """Prepare the sink.

        Args:
            console: Where lines go.
            prefix: Whether to say whose line it is.
            color: Whether prefixes on stdout are coloured, by node.
            color_stderr: The same for stderr; None: as on stdout.
        """
        self._writers: dict[Stream, Writer] = {
            "stdout": console.stdout,
            "stderr": console.stderr,
        }
        self._color: dict[Stream, bool] = {
            "stdout": color,
            "stderr": color if color_stderr is None else color_stderr,
        }
        self._prefix = prefix
        self._spool = Spool(
            memory_bytes=0,
            on_error=lambda exc: console.say(
                f"trioexec: long lines are kept in memory: no temporary file ({exc.strerror})"
            ),
        )
        self._ranks: dict[str, int] = {}
        self._lines: dict[tuple[str, Stream], _Lines] = {}

    def handle(self, event: Event) -> None:
        """Take one event."""
        match event:
            case NodeOutput():
                key = (event.node, event.stream)
                lines = self._lines.get(key)
                if lines is None:
                    lines = self._lines[key] = self._open(event.node, event.stream)
                lines.feed(event.data)
            case NodeFinished():
                for stream in self._writers:
                    if lines := self._lines.pop((event.node, stream), None):
                        lines.end()
            case RunStarted():
                self._ranks = {node.name: node.rank for node in event.nodes}

    async def serve(self) -> None:
        """Nothing takes time here: the console writes."""

    def _open(self, node: str, stream: Stream) -> _Lines:
        mark = b""
        if self._prefix:
            mark = visible_line(node) + b": "
            if self._color[stream]:
                color = _COLORS[self._ranks.get(node, 0) % len(_COLORS)]
                mark = b"\x1b[%dm%b\x1b[0m " % (color, mark[:-1])
        return _Lines(self._writers[stream], mark, self._spool)


class _Lines:
    """One stream of one node: the start of a line that has not ended yet, and what to do then."""

    __slots__ = ("_kept", "_mark", "_spool", "_writer")

    def __init__(self, writer: Writer, mark: bytes, spool: Spool) -> None:
        self._writer = writer
        self._mark = mark
        self._spool = spool
        self._kept = Kept(spool)

    def feed(self, data: bytes) -> None:
        """Take a piece, cut anywhere."""
        end = data.rfind(b"\n") + 1
        if not end:
            self._kept.append(data)
            return
        if self._kept.size_bytes:
            short = self._kept.take_short()
            if short is None:
                start = data.find(b"\n") + 1
                self._finish_long(data[:start])
                data = data[start:]
                end -= start
            else:
                data = short + data
                end += len(short)
        if end:
            self._emit(data[:end])  # no copy where the piece is whole lines
        if end < len(data):
            self._kept.append(data[end:])

    def end(self) -> None:
        """Complete a last line that has no newline."""
        if self._kept.size_bytes:
            short = self._kept.take_short()
            if short is None:
                self._finish_long(b"\n")
            else:
                self._emit(short + b"\n")

    def _finish_long(self, rest: bytes) -> None:
        kept, self._kept = self._kept, Kept(self._spool)
        parts: Iterator[bytes] = chain(kept.parts(), (rest,), _dropping(kept))
        if self._writer.is_terminal:
            parts = visible_parts(parts)
        self._writer.write_lazily(mark_parts(parts, self._mark), kept.size_bytes + len(rest))

    def _emit(self, block: bytes) -> None:
        if self._writer.is_terminal:
            block = visible(block)
        self._writer.write(mark_lines(block, self._mark))


def _dropping(kept: Kept) -> Iterator[bytes]:
    """Yield nothing, and give the blocks back once everything before was read."""
    kept.drop()
    yield from ()
