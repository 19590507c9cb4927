"""What trioexec itself had to say; it is written to stderr as well, after the end."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.widgets import Footer, Static

from trioexec.sinks.tui.screens.base import TickingScreen
from trioexec.sinks.tui.widgets.text import TextView
from trioexec.sinks.visible import visible_line

__all__ = ["LogScreen"]


class _LogLines:
    def __init__(self, lines: Sequence[str]) -> None:
        self._lines = lines

    def __len__(self) -> int:
        return len(self._lines)

    def read(self, first: int, count: int) -> Sequence[tuple[str, str, str]]:
        some = self._lines[max(0, first) : max(0, first + count)]
        return [("stdout", " ", visible_line(line).decode()) for line in some]


class LogScreen(TickingScreen):
    """Follows."""

    def __init__(self, lines: Sequence[str]) -> None:
        super().__init__()
        self._lines = lines

    def compose(self) -> ComposeResult:
        """Lay out."""
        yield Static("What trioexec had to say", classes="title", markup=False)
        yield TextView(_LogLines(self._lines), follow=True, id="text")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin."""
        self.query_one(TextView).focus()

    def tick(self) -> None:
        """See what has come."""
        self.query_one(TextView).catch_up()
