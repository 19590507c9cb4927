"""One node: how it stands, and all that it has said."""

from __future__ import annotations

from typing import ClassVar

from textual import on, work
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.widgets import Footer, Input, Static

from trioexec.sinks.tui.board import Row
from trioexec.sinks.tui.describe import describe
from trioexec.sinks.tui.screens.base import TickingScreen
from trioexec.sinks.tui.widgets.text import TextView, TranscriptLines

__all__ = ["DetailScreen"]


class DetailScreen(TickingScreen):
    """Follows the end while the node runs, unless it is told otherwise."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "follow", "follow"),
        Binding("slash", "search", "search", key_display="/"),
        Binding("n", "again(False)", "next", show=False),
        Binding("N", "again(True)", "previous", show=False),
        Binding("left_square_bracket", "step(-1)", "previous node", key_display="["),
        Binding("right_square_bracket", "step(1)", "next node", key_display="]"),
        Binding("d", "diff", "diff"),
    ]

    def __init__(self, row: Row, around: list[Row]) -> None:
        """Show `row`; the keys go to its neighbours in `around`."""
        super().__init__()
        self.row: Row = row
        self._around = around
        self._described = ""

    def compose(self) -> ComposeResult:
        """Lay out."""
        yield Static("", id="title", classes="title", markup=False)
        yield TextView(TranscriptLines(self.row.said), follow=self.row.outcome is None, id="text")
        yield Input(placeholder="search", id="search", classes="prompt", compact=True)
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin."""
        self.query_one("#search").display = False
        self.query_one(TextView).focus()
        self.tick()

    def tick(self) -> None:
        """See what has changed."""
        view = self.query_one(TextView)
        view.catch_up()
        text = describe(self.row, self.tui.now_s())
        state = ["follows"] if view.follow else []
        if view.needle:
            state.append(f"search: {view.needle}")
        described = "   ".join([text, *state])
        if described != self._described:
            self._described = described
            self.query_one("#title", Static).update(described)

    def action_follow(self) -> None:
        """Stay at the end, or stop that."""
        view = self.query_one(TextView)
        view.follow = not view.follow
        self.tick()

    def action_search(self) -> None:
        """Ask for what to look for."""
        box = self.query_one("#search", Input)
        box.display = True
        self.set_focus(box)  # at once: the next keys may be here already

    def action_leave(self) -> None:
        """Leave the search, or the node."""
        box = self.query_one("#search", Input)
        view = self.query_one(TextView)
        if box.display or view.needle:
            box.display = False
            view.needle = ""
            view.found = -1
            view.refresh()
            self.set_focus(view)
            self.tick()
        else:
            super().action_leave()

    @on(Input.Submitted, "#search")
    def begin_search(self, event: Input.Submitted) -> None:
        """Look for it."""
        event.input.display = False
        view = self.query_one(TextView)
        self.set_focus(view)
        view.found = -1
        if event.value:
            self.find(event.value, backwards=False)

    def action_again(self, backwards: bool) -> None:  # noqa: FBT001 - from a key
        """Look for the next one."""
        if needle := self.query_one(TextView).needle:
            self.find(needle, backwards=backwards)

    @work(exclusive=True)
    async def find(self, needle: str, *, backwards: bool) -> None:
        """Look, and say where there is none."""
        if not await self.query_one(TextView).find(self.row.said, needle, backwards=backwards):
            self.tui.hint(f"{needle!r} is nowhere in what {self.row.name} has said")

    def action_step(self, by: int) -> None:
        """Show the next node."""
        if self.row in self._around:
            at = (self._around.index(self.row) + by) % len(self._around)
            self.row = self._around[at]
            view = self.query_one(TextView)
            view.follow = self.row.outcome is None
            view.show_lines(TranscriptLines(self.row.said))
            self.tick()

    def action_diff(self) -> None:
        """Compare with what most say."""
        self.tui.show_diff_to_majority(self.row)
