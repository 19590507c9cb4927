"""The format of a run's record in the journal: gzip of JSON lines, whole or cut off.

Pure: bytes in, bytes out; where they are kept is the business of `settings.journal`.
A header line, the run's events as `event_codec` writes them, a line that counts
what was left out; then, as a gzip member of its own so that a list of runs need not
unpack the rest, one summary line.  ``zcat`` reads it.
"""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec import Struct, field
from msgspec.structs import asdict

from trioexec.model.errors import UsageError
from trioexec.model.event_codec import CodecError, from_json, to_json
from trioexec.model.event_order import EventOrder
from trioexec.model.events import (
    Event,
    NodeConnecting,
    NodeFinished,
    NodeOutput,
    RunFinished,
    RunStarted,
)
from trioexec.model.outcomes import Cancelled, Remote

__all__ = [
    "NODE_BYTES",
    "RUN_BYTES",
    "DamagedError",
    "Encoder",
    "Header",
    "Recorded",
    "Summary",
    "completed",
    "decode",
    "peek_header",
    "peek_summary",
]

RUN_BYTES: Final = 16 * 1024 * 1024
"""Output kept of one run; what comes after is counted only."""

NODE_BYTES: Final = 1024 * 1024
"""Output kept of one node, so that one that babbles leaves room for the others."""

TAIL_BYTES: Final = 4096
"""The summary's gzip member is within this much of a record's end."""

_FORMAT: Final = 1
_EVENT_BYTES: Final = 100
"""What a piece of output costs beside its bytes; counted, as pieces may be tiny."""

_GZIP: Final = 31
_GZIP_START: Final = b"\x1f\x8b\x08"
_LEVEL: Final = 3
_COMMAND_CHARS: Final = 500


class DamagedError(UsageError):
    """A record cannot be read at all."""


class Header(Struct, frozen=True, kw_only=True):
    """What a record says before the run begins; nothing in it is secret."""

    id: str
    unix_s: float
    command: str
    """Shortened; whole in the events."""

    nodes: int
    job: str = "run"
    words: tuple[str, ...] = ()
    """The command as typed, for another run of it."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """By field: what was given that shapes the run; `math.inf` is null in a record."""

    unrecorded: tuple[str, ...] = ()
    """Options whose values are not kept, by the name to give them under again."""

    keeps_output: bool = True


class Summary(Struct, frozen=True, kw_only=True):
    """What a record says when the run is over."""

    nodes: int
    ok: int
    took_s: float
    exit_code: int
    stopped: str | None


class Recorded(Struct, frozen=True, kw_only=True):
    """A record, read."""

    header: Header
    events: Sequence[Event]
    dropped: Mapping[str, int]
    """Bytes of output that were not kept, by node."""

    complete: bool
    """Whether the run's end is there."""


class Encoder:
    """Turns the events of one run into the bytes of its record."""

    def __init__(
        self, header: Header, *, run_bytes: int = RUN_BYTES, node_bytes: int = NODE_BYTES
    ) -> None:
        self._zip = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        self._header = header
        self._room_bytes = run_bytes
        self._node_bytes = node_bytes
        self._used: dict[str, int] = {}
        self._dropped: dict[str, int] = {}
        self._loose = False
        self._nodes = self._ok = 0

    def encode(self, event: Event) -> bytes:
        """Take one event; returns what is to be appended to the record now."""
        match event:
            case RunStarted():
                self._nodes = len(event.nodes)
                head = {"v": _FORMAT, "journal": "trioexec", **asdict(self._header)}
                # JSON has no infinity, which no limit is here.
                options = self._header.options.items()
                head["options"] = {
                    name: None if value == math.inf else value for name, value in options
                }
                return (
                    self._line(json.dumps(head, allow_nan=False).encode())
                    + self._line(to_json(event))
                    + self.flush()
                )
            case NodeConnecting():
                # Before anything can begin: however we end, who is not in the record as
                # connecting has not been touched, and may be told to run it after all.
                return self._line(to_json(event)) + self.flush()
            case NodeOutput():
                return self._output(event)
            case RunFinished():
                return self._line(to_json(event)) + self._end(event)
            case NodeFinished():
                self._ok += event.outcome.ok
        return self._line(to_json(event))

    def flush(self) -> bytes:
        """Give what is not in the record yet of what has been taken: it can be read then."""
        if not self._loose:
            return b""
        self._loose = False
        return self._zip.flush(zlib.Z_SYNC_FLUSH)

    def _output(self, event: NodeOutput) -> bytes:
        used = self._used.get(event.node, 0)
        room = min(self._room_bytes, self._node_bytes - used) - _EVENT_BYTES
        kept = event.data[: max(0, room)] if self._header.keeps_output else b""
        if len(kept) < len(event.data):
            missing = len(event.data) - len(kept)
            self._dropped[event.node] = self._dropped.get(event.node, 0) + missing
        if not kept:
            return b""
        self._used[event.node] = used + len(kept) + _EVENT_BYTES
        self._room_bytes -= len(kept) + _EVENT_BYTES
        shown = NodeOutput(node=event.node, at_s=event.at_s, stream=event.stream, data=kept)
        return self._line(to_json(shown))

    def _end(self, event: RunFinished) -> bytes:
        data = self._line(json.dumps({"dropped": self._dropped}).encode())
        data += self._zip.flush(zlib.Z_FINISH)
        summary = Summary(
            nodes=self._nodes,
            ok=self._ok,
            took_s=event.at_s,
            exit_code=event.exit_code,
            stopped=event.stopped,
        )
        line = json.dumps({"summary": asdict(summary)}).encode() + b"\n"
        last = zlib.compressobj(_LEVEL, zlib.DEFLATED, _GZIP)
        return data + last.compress(line) + last.flush()

    def _line(self, line: bytes) -> bytes:
        self._loose = True
        return self._zip.compress(line + b"\n")


def decode(chunks: Iterable[bytes]) -> Recorded:
    """Read a record, as far as it goes.

    Raises:
        DamagedError: Not even its header can be read.
    """
    lines = _lines(chunks)
    header = _header(next(lines, b""))
    events: list[Event] = []
    dropped: dict[str, int] = {}
    order = EventOrder()
    for line in lines:
        try:
            if line.startswith(b'{"dropped"'):
                dropped = dict(json.loads(line)["dropped"])
            elif not line.startswith(b'{"summary"'):
                event = from_json(line)
                if not order.takes(event):
                    break
                events.append(event)
        except (CodecError, ValueError):
            break  # cut off, or damaged: what was before it holds
    complete = bool(events) and isinstance(events[-1], RunFinished)
    return Recorded(header=header, events=events, dropped=dropped, complete=complete)


def peek_header(start: bytes) -> Header:
    """Read the header from a record's first few kilobytes.

    Raises:
        DamagedError: It is no record.
    """
    return _header(next(_lines([start]), b""))


def peek_summary(end: bytes) -> Summary | None:
    """Read the summary from a record's last `TAIL_BYTES`; None while there is none."""
    at = end.rfind(_GZIP_START)
    while at >= 0:
        try:
            found = json.loads(zlib.decompress(end[at:], _GZIP))["summary"]
            return Summary(**{name: found[name] for name in Summary.__struct_fields__})
        except (zlib.error, ValueError, KeyError, TypeError):
            at = end.rfind(_GZIP_START, 0, at)
    return None


def completed(recorded: Recorded) -> list[Event]:
    """Give a record that was cut off an end: nodes without an outcome count as stopped.

    Where one had begun to connect, its command may have run: what came after may be lost.
    """
    events = list(recorded.events)
    if recorded.complete or not events or not isinstance(events[0], RunStarted):
        return events
    begun = {event.node for event in events if isinstance(event, NodeConnecting)}
    done = {event.node for event in events if isinstance(event, NodeFinished)}
    now_s = events[-1].at_s
    for node in events[0].nodes:
        if node.name not in done:
            was = node.name in begun
            remote: Remote = "not confirmed" if was else "never started"
            end = Cancelled(why="caller", started=was, remote=remote)
            events.append(NodeFinished(node=node.name, at_s=now_s, outcome=end))
    events.append(RunFinished(at_s=now_s, exit_code=1, stopped="caller"))
    return events


def _header(line: bytes) -> Header:
    try:
        found = json.loads(line)
        if found["journal"] != "trioexec" or found["v"] != _FORMAT:
            raise DamagedError("it is no record of a run that this version can read.")
        values = {name: found[name] for name in Header.__struct_fields__ if name in found}
        for name in ("words", "unrecorded"):
            values[name] = tuple(values.get(name, ()))
        values["options"] = {
            name: math.inf if value is None else value
            for name, value in values.get("options", {}).items()
        }
        values["command"] = str(values["command"])[:_COMMAND_CHARS]
        return Header(**values)
    except (ValueError, KeyError, TypeError, AttributeError) as exc:
        raise DamagedError("its beginning is missing or damaged.") from exc


def _lines(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Unpack, over the ends of gzip members, and stop without a word where it is cut off."""
    rest = b""
    for piece in _unpacked(chunks):
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines


def _unpacked(chunks: Iterable[bytes]) -> Iterator[bytes]:
    unzip = zlib.decompressobj(_GZIP)
    for chunk in chunks:
        data = chunk
        while data:
            try:
                yield unzip.decompress(data)
            except zlib.error:
                return
            data = unzip.unused_data
            if data:
                unzip = zlib.decompressobj(_GZIP)
