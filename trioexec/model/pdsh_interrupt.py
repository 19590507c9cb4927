"""What pdsh says on Ctrl-C, for those whose scripts and fingers know it.  Pure."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from trioexec.model.interrupt import Interrupt, Stage
from trioexec.model.tally import Tally

__all__ = ["PdshManners"]


class PdshManners(Struct, frozen=True, kw_only=True):
    """The first press lists who is busy, ^Z then cancels who waits, the second press aborts."""

    who: str
    """How lines begin: ``pdsh@thishost``."""

    labels: Mapping[str, str]
    debug: bool = False
    """Whether nodes that wait or are done are listed as well."""

    cancels_queued = True

    def on_press(self, state: Interrupt, tally: Tally) -> list[str]:
        """Say what a press has led to."""
        match state.stage:
            case Stage.WARNED:
                return [
                    f"{self.who}: interrupt (one more within 1 sec to abort)",
                    f"{self.who}:  (^Z within 1 sec to cancel pending threads)",
                    *self._status(tally),
                ]
            case Stage.STOPPING:
                mode = "batch mode interrupt" if state.batch else "interrupt"
                return [f"{self.who}: {mode}, aborting."]
            case _:
                return []

    def on_cancel_queued(self, count: int) -> str:
        """Say how many nodes will not be started."""
        return f"{self.who}: Canceled {count} pending threads."

    def _status(self, tally: Tally) -> list[str]:
        lines = []
        for node in tally.nodes:
            state = self._state(tally, node.name)
            if state:
                lines.append(f"{self.who}: {self.labels.get(node.name, node.name)}: {state}")
        return lines

    def _state(self, tally: Tally, name: str) -> str:
        if name in tally.running:
            return "connecting" if tally.is_connecting(name) else "command in progress"
        if not self.debug:
            return ""
        if name in tally.queued:
            return "[new]"
        return "[done]" if tally.outcomes[name].ok else "[failed]"
