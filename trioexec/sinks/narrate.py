"""What ``-v`` adds: each step of each node, as it happens, on stderr."""

from __future__ import annotations

from typing import TYPE_CHECKING

from trioexec.model.events import Event, NodeConnecting, NodeFinished, NodeStarted
from trioexec.model.outcomes import brief

if TYPE_CHECKING:
    from trioexec.sinks.console import Console

__all__ = ["NarrateSink"]


class NarrateSink:
    """Says when a node is connected to, when its command starts, and how it ends."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def handle(self, event: Event) -> None:
        """Take one event; output is not our business."""
        match event:
            case NodeConnecting():
                self._say(event.at_s, event.node, "connecting")
            case NodeStarted():
                self._say(event.at_s, event.node, "started")
            case NodeFinished():
                self._say(event.at_s, event.node, brief(event.outcome.text))

    async def serve(self) -> None:
        """Nothing takes time here: the console writes."""

    def _say(self, at_s: float, node: str, what: str) -> None:
        self._console.say(f"[{at_s:.3f} s] {node}: {what}")
