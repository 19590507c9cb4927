"""Whether events are those of one run, in an order in which they can happen."""

from __future__ import annotations

from trioexec.model.events import Event, NodeConnecting, NodeStarted, RunFinished, RunStarted

__all__ = ["EventOrder"]


class EventOrder:
    """Takes the events of a record one by one: who reads them relies on their order."""

    def __init__(self) -> None:
        self._names: frozenset[str] | None = None
        self._begun: set[str] = set()

    def takes(self, event: Event) -> bool:
        """Say whether an event can come next."""
        match event:
            case RunStarted():
                is_first = self._names is None
                self._names = frozenset(node.name for node in event.nodes)
                return is_first
            case RunFinished():
                return self._names is not None
            case NodeConnecting():
                self._begun.add(event.node)
            case NodeStarted() if event.node not in self._begun:
                return False
        return self._names is not None and event.node in self._names
