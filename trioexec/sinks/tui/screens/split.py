"""Several nodes side by side, each at its end."""

from __future__ import annotations

import math
from typing import ClassVar, Final

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Grid
from textual.widgets import Footer

from trioexec.sinks.tui.board import Row
from trioexec.sinks.tui.describe import describe
from trioexec.sinks.tui.screens.base import TickingScreen
from trioexec.sinks.tui.widgets.text import TextView, TranscriptLines

__all__ = ["MOST", "SplitScreen"]

MOST: Final = 12
"""More would leave nothing to read of each."""

PANE_COLUMNS: Final = 40


class SplitScreen(TickingScreen):
    """Tab goes from one to the next, Enter opens it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("tab", "app.focus_next", "next node"),
        Binding("enter", "open", "open"),
        Binding("f", "follow", "follow"),
        Binding("d", "diff", "diff the first two"),
    ]

    def __init__(self, rows: list[Row]) -> None:
        """Show these nodes, at most `MOST`."""
        super().__init__()
        self._rows = rows
        self._views: list[TextView] = []

    def compose(self) -> ComposeResult:
        """Lay out."""
        self._views = [
            TextView(TranscriptLines(row.said), follow=row.outcome is None) for row in self._rows
        ]
        with Grid():
            for view in self._views:
                view.add_class("pane")
                yield view
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin."""
        self.lay_out()
        self._views[0].focus()
        self.tick()

    def on_resize(self) -> None:
        """Find the best grid."""
        self.lay_out()

    def lay_out(self) -> None:
        """Take as many columns as are wide enough, and no more rows than needed."""
        count = len(self._views)
        fit = max(1, self.app.size.width // PANE_COLUMNS)
        columns = min(fit, math.ceil(math.sqrt(count)))
        grid = self.query_one(Grid)
        grid.styles.grid_size_columns = columns
        grid.styles.grid_size_rows = math.ceil(count / columns)

    def tick(self) -> None:
        """See what has changed."""
        for row, view in zip(self._rows, self._views, strict=True):
            view.catch_up()
            view.show_title(describe(row, self.tui.now_s()))
            view.set_class(row.state.name == "FAILED", "failed")

    def focused_row(self) -> Row:
        """The node whose pane has the focus."""
        for row, view in zip(self._rows, self._views, strict=True):
            if view.has_focus:
                return row
        return self._rows[0]

    def action_open(self) -> None:
        """Show one alone."""
        self.tui.show_detail(self.focused_row(), self._rows)

    def action_follow(self) -> None:
        """Stay at the end, or stop that: all of them."""
        follow = not all(view.follow for view in self._views)
        for view in self._views:
            view.follow = follow

    def action_diff(self) -> None:
        """Compare the first two."""
        self.tui.show_diff(*self._rows[:2])
