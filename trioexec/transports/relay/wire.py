"""What crosses the socket between a run and a process that does its connecting.

Frames of a length and a msgpack value.  Both ends are the same version on the same
machine (a holder's socket has it in its name, see `place`): nothing is negotiated.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Final

import msgspec

from trioexec.model.events import Stream
from trioexec.model.outcomes import Remote
from trioexec.transports.base import Reached

__all__ = [
    "VERSION",
    "Ask",
    "Beat",
    "Cancel",
    "Done",
    "Feed",
    "Finished",
    "Frames",
    "FromServer",
    "Held",
    "Hold",
    "Know",
    "LimitConnect",
    "Log",
    "Output",
    "Phase",
    "Request",
    "Status",
    "Tell",
    "ToServer",
    "decode_from_server",
    "decode_to_server",
    "encode",
]

VERSION: Final = 5
"""Of the messages.  One more with every change: who speaks another finds no holder."""

MAX_FRAME_BYTES: Final = 64 * 1024 * 1024
"""More than any message has: a command's text and environment have the system's limit of 2 MiB,
output comes in packets.  Who says more talks nonsense, and is not worth the memory."""

_LENGTH: Final = struct.Struct(">I")


class _Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Base of all messages."""


class Request(_Message, frozen=True, array_like=True, tag=True):
    """Do one node's work; no text asks for a ping."""

    call: int
    name: str
    host: str
    port: int | None
    user: str | None
    rank: int
    reader: int = 0
    """Who takes its output, among the readers of this run; see `Hold`."""

    text: str | None = None
    env: dict[str, str] = {}
    fed: bool = False
    tty: bool = False
    wrap: bool = True
    stop_grace_s: float = 2.0
    sudo_password: str | None = None
    substitute: bool = False


class Feed(_Message, frozen=True, array_like=True, tag=True):
    """More for the command's stdin; None is its end."""

    call: int
    data: bytes | None


class Hold(_Message, frozen=True, array_like=True, tag=True):
    """Send no output to a reader until it is not held any more: `model.flow.Flow`, across."""

    reader: int
    held: bool


class Cancel(_Message, frozen=True, array_like=True, tag=True):
    """End it; at once, without the goodbyes, where `cut`."""

    call: int
    cut: bool = False


class Know(_Message, frozen=True, array_like=True, tag=True):
    """What to log in with from now on; what is not said stays."""

    password: str | None = None
    key_passphrases: list[tuple[str, str]] = []
    """Paths of key files, and theirs."""


class Tell(_Message, frozen=True, array_like=True, tag=True):
    """Have what is logged of this run's calls, from a level of `logging` on, sent as `Log`."""

    level: int


class Beat(_Message, frozen=True, array_like=True, tag=True):
    """Say that one is there; whoever is told says it too."""


class Ask(_Message, frozen=True, array_like=True, tag=True):
    """Ask a holder how it is; or, with `stop`, to end.

    Other versions ask too: what is new has a default, and stands at the end.
    """

    stop: bool = False
    persist_s: float | None = None
    """How long to stay without work from now on."""


class Held(msgspec.Struct, frozen=True, array_like=True):
    """One connection that a holder keeps."""

    name: str
    age_s: float
    idle_s: float


class Status(_Message, frozen=True, array_like=True, tag=True):
    """How a holder is; told to other versions too, as `Ask` says."""

    pid: int
    age_s: float
    persist_s: float
    calls: int
    held: list[Held]
    locked: list[str] = []
    """Key files that a node was not shown, since nobody had told their passphrases."""


class Done(_Message, frozen=True, array_like=True, tag=True):
    """So many bytes of stdin were taken; more may be sent."""

    call: int
    taken: int


class Phase(_Message, frozen=True, array_like=True, tag=True):
    """`Call.reached`."""

    call: int
    phase: Reached


class LimitConnect(_Message, frozen=True, array_like=True, tag=True):
    """`Call.limit_connect`."""

    call: int
    limit_s: float


class Output(_Message, frozen=True, array_like=True, tag=True):
    """`Call.output`."""

    call: int
    stream: Stream
    data: bytes


class Log(_Message, frozen=True, array_like=True, tag=True):
    """A line of the package's log."""

    logger: str
    level: int
    text: str


class Finished(_Message, frozen=True, array_like=True, tag=True):
    """The call's end; `kind` is an outcome's class name, empty after a cancel.

    Then `reason` is what `Call.awaits` said last.
    """

    call: int
    kind: str
    number: int = 0
    reason: str = ""
    remote: Remote = "never started"
    remote_ended: bool = False


ToServer = Request | Feed | Hold | Cancel | Know | Tell | Ask | Beat
FromServer = Phase | LimitConnect | Output | Done | Log | Finished | Status | Beat

_encoder = msgspec.msgpack.Encoder()
_to_server: msgspec.msgpack.Decoder[ToServer] = msgspec.msgpack.Decoder(ToServer)
_from_server: msgspec.msgpack.Decoder[FromServer] = msgspec.msgpack.Decoder(FromServer)


def encode(message: ToServer | FromServer) -> bytes:
    """Make the frame of a message."""
    body = _encoder.encode(message)
    return _LENGTH.pack(len(body)) + body


def decode_to_server(body: bytes) -> ToServer:
    """Read what a run says.

    Raises:
        msgspec.DecodeError: It is no message.
    """
    return _to_server.decode(body)


def decode_from_server(body: bytes) -> FromServer:
    """Read what the other process says.

    Raises:
        msgspec.DecodeError: It is no message.
    """
    return _from_server.decode(body)


class Frames:
    """Puts frames together from what a socket gives."""

    def __init__(self) -> None:
        self._kept = bytearray()

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Take bytes; give the bodies that are complete.

        Raises:
            ValueError: A frame is too long to be one.
        """
        self._kept += data
        at = 0
        while len(self._kept) - at >= _LENGTH.size:
            (length,) = _LENGTH.unpack_from(self._kept, at)
            if length > MAX_FRAME_BYTES:
                raise ValueError(f"a frame of {length} bytes")
            end = at + _LENGTH.size + length
            if len(self._kept) < end:
                break
            yield bytes(self._kept[at + _LENGTH.size : end])
            at = end
        del self._kept[:at]
