"""Ctrl-C and its kin: the state machine, and what it says.

A table and a clock reading, no signals and no terminal; `engine.signals` owns
those and does what is decided here.
"""

from __future__ import annotations

import math
from enum import Enum, auto
from typing import Final, Protocol

from msgspec import Struct
from msgspec.structs import replace

from trioexec.model.tally import Tally

__all__ = ["DOUBLE_PRESS_S", "Interrupt", "Manners", "Stage", "status_line", "text_for"]

DOUBLE_PRESS_S: Final = 1.0
"""A second press this soon after the first one terminates; later it is a first one again."""


class Stage(Enum):
    """How far the user has gone."""

    RUNNING = auto()
    WARNED = auto()
    STOPPING = auto()
    CUTTING = auto()


_NEXT: Final = {
    # (stage, pressed again in time): stage after the press
    (Stage.RUNNING, False): Stage.WARNED,
    (Stage.WARNED, True): Stage.STOPPING,
    (Stage.WARNED, False): Stage.WARNED,
    (Stage.STOPPING, True): Stage.CUTTING,
    (Stage.STOPPING, False): Stage.CUTTING,
    (Stage.CUTTING, True): Stage.CUTTING,
    (Stage.CUTTING, False): Stage.CUTTING,
}


class Interrupt(Struct, frozen=True, kw_only=True):
    """Where we are; `press` answers with where a Ctrl-C takes us."""

    batch: bool = False
    """One press is enough."""

    stage: Stage = Stage.RUNNING
    pressed_at_s: float = -math.inf

    def press(self, now_s: float) -> Interrupt:
        """Take one Ctrl-C."""
        in_time = now_s - self.pressed_at_s <= DOUBLE_PRESS_S
        stage = _NEXT[self.stage, in_time]
        if self.batch and stage is Stage.WARNED:
            stage = Stage.STOPPING
        return replace(self, stage=stage, pressed_at_s=now_s)

    def is_fresh(self, now_s: float) -> bool:
        """Whether a press that only warned is so recent that another one would terminate."""
        return self.stage is Stage.WARNED and now_s - self.pressed_at_s <= DOUBLE_PRESS_S

    def terminate(self) -> Interrupt:
        """Take a SIGTERM or SIGHUP: stop as in batch mode, cut where we were stopping already."""
        already = self.stage in (Stage.STOPPING, Stage.CUTTING)
        return replace(self, stage=Stage.CUTTING if already else Stage.STOPPING)


class Manners(Protocol):
    """What a program of another name says instead of us."""

    @property
    def cancels_queued(self) -> bool:
        """Whether a Ctrl-Z this soon after a Ctrl-C cancels the nodes that wait."""

    def on_press(self, state: Interrupt, tally: Tally) -> list[str]:
        """Say what a press has led to, a line each."""

    def on_cancel_queued(self, count: int) -> str:
        """Say how many nodes will not be started."""


def text_for(state: Interrupt) -> str:
    """Say what a press has led to; empty where there is nothing to say."""
    match state.stage:
        case Stage.WARNED:
            return "Received Ctrl+C. Press Ctrl+C again within 1 second to terminate."
        case Stage.STOPPING if state.batch:
            return "Received Ctrl+C (batch mode). Terminating all jobs..."
        case Stage.STOPPING:
            return "Received second Ctrl+C. Terminating all jobs..."
        case _:
            return ""


def status_line(*, running: int, completed: int, queued: int) -> str:
    """The line under the first press's warning."""
    line = f"Status: {running} running, {completed} completed"
    return f"{line}, {queued} queued" if queued else line
