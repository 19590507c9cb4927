"""What one node says differently from another, or from what most say."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Static

from trioexec.sinks.masks import Mask
from trioexec.sinks.tui.board import Row
from trioexec.sinks.tui.compare import compare
from trioexec.sinks.tui.screens.base import TickingScreen
from trioexec.sinks.tui.widgets.text import TextView

__all__ = ["DiffLines", "DiffScreen"]

MASKS: Final[tuple[tuple[Mask, ...], ...]] = (
    (),
    ("host",),
    ("host", "time"),
    ("host", "time", "number"),
)
"""What `m` goes through."""

_KINDS: Final = {"+": "added", "-": "removed", "@": "place", "#": "note"}


class DiffLines:
    """Lines of a comparison, for a view."""

    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines

    def __len__(self) -> int:
        return len(self._lines)

    def read(self, first: int, count: int) -> Sequence[tuple[str, str, str]]:
        """Give some lines."""
        some = self._lines[max(0, first) : max(0, first + count)]
        return [
            (_KINDS.get(line[:1], "stdout"), " ", line[2:] if line[:1] == "#" else line)
            for line in some
        ]


class DiffScreen(TickingScreen):
    """Compares again while one of them still runs."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "mask", "ignore host, time, number"),
        Binding("x", "swap", "swap"),
    ]

    def __init__(self, before: Row, after: Row, *, alike: int = 0) -> None:
        """Compare two nodes; `alike` says how many say what `before` says, where it is the most."""
        super().__init__()
        self._before, self._after = before, after
        self._alike = alike
        self._mask = 0
        self._versions = (-1, -1)

    def compose(self) -> ComposeResult:
        """Lay out."""
        yield Static("", id="title", classes="title", markup=False)
        yield TextView(DiffLines([]), id="text")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin."""
        self.query_one(TextView).focus()
        self.tick()

    def tick(self) -> None:
        """Compare, where there is something new: when both are done, or for the first time."""
        versions = (self._before.version, self._after.version)
        running = self._before.outcome is None or self._after.outcome is None
        if versions == self._versions or (running and self._versions != (-1, -1)):
            return
        self._versions = versions
        self.compare()

    def compare(self) -> None:
        """Show the difference as it is now."""
        masks = MASKS[self._mask]
        found = compare(self._before, self._after, masks)
        name = self._before.name
        if self._alike:
            name = f"majority ({self._alike:,} node{'s' * (self._alike != 1)}, as {name})"
        note = f"   without {', '.join(masks)}" if masks else ""
        note += "" if self._before.outcome and self._after.outcome else "   so far"
        self.query_one("#title", Static).update(
            f"- {name}   + {self._after.name}   {found.removed} removed, {found.added} added{note}"
        )
        self.query_one(TextView).show_lines(DiffLines(found.lines))

    def action_mask(self) -> None:
        """Leave out more of what always differs, or nothing again."""
        self._mask = (self._mask + 1) % len(MASKS)
        self.compare()

    def action_swap(self) -> None:
        """Turn it round."""
        self._before, self._after = self._after, self._before
        self._alike = 0
        self.compare()
