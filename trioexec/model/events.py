"""What happens in a run, in the order in which it happens.

Sinks `match` on these; adding a field breaks nobody.  `event_codec` turns them
into JSON and back.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from trioexec.model.nodes import Node
from trioexec.model.outcomes import Outcome, StopReason

__all__ = [
    "Event",
    "NodeConnecting",
    "NodeFinished",
    "NodeOutput",
    "NodeQueued",
    "NodeStarted",
    "RunFinished",
    "RunStarted",
    "Stream",
]

Stream = Literal["stdout", "stderr"]


class RunStarted(Struct, frozen=True, kw_only=True):
    """The first event of a run."""

    at_s: float
    """Seconds on the run's clock, which starts at 0 here; the same for every event."""

    command: str
    """The command's text; empty where the run's job is not a command."""

    nodes: tuple[Node, ...]
    """All of the run, in the order of their ranks."""

    unix_s: float
    """Wall clock at the start, seconds since 1970: for people and journals only."""


class NodeQueued(Struct, frozen=True, kw_only=True):
    """The node waits for a free slot."""

    node: str
    """The node's name."""

    at_s: float
    """Seconds since `RunStarted`."""


class NodeConnecting(Struct, frozen=True, kw_only=True):
    """A slot was free and the connection attempt has begun."""

    node: str
    """The node's name."""

    at_s: float
    """Seconds since `RunStarted`."""


class NodeStarted(Struct, frozen=True, kw_only=True):
    """The node has let us in and the command was started."""

    node: str
    """The node's name."""

    at_s: float
    """Seconds since `RunStarted`."""


class NodeOutput(Struct, frozen=True, kw_only=True):
    """A piece of one stream, in the order in which that node sent it."""

    node: str
    """The node's name."""

    at_s: float
    """Seconds since `RunStarted`."""

    stream: Stream
    """``"stdout"`` or ``"stderr"``."""

    data: bytes
    """As received: not decoded, not split into lines; never empty."""


class NodeFinished(Struct, frozen=True, kw_only=True):
    """The last event of a node; every node of a run has exactly one, and no output after it."""

    node: str
    """The node's name."""

    at_s: float
    """Seconds since `RunStarted`."""

    outcome: Outcome
    """How it ended."""


class RunFinished(Struct, frozen=True, kw_only=True):
    """The last event of a run: every node has finished."""

    at_s: float
    """Seconds since `RunStarted`."""

    exit_code: int
    """What the run as a whole counts as; of a `Fleet`'s commands, the largest of all nodes."""

    stopped: StopReason | None = None
    """Why the run ended early; None when it did not."""


Event = (
    RunStarted | NodeQueued | NodeConnecting | NodeStarted | NodeOutput | NodeFinished | RunFinished
)
"""What a run consists of: `RunStarted` first, `RunFinished` last, one `NodeFinished` a node."""
