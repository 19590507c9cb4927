"""The nodes as a table: only the rows that can be seen exist, and only changed ones are drawn."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar, Final

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.scroll_view import ScrollView
from textual.strip import Strip

from trioexec.sinks.summary import format_age, format_duration
from trioexec.sinks.tui.board import SORTS, Board, Row, State
from trioexec.sinks.tui.transcript import Line

__all__ = ["GLYPHS", "NodeTable"]

GLYPHS: Final = {
    State.FAILED: "✗",
    State.RUNNING: "●",
    State.CONNECTING: "◌",
    State.QUEUED: "·",
    State.STOPPED: "■",
    State.OK: "✓",
}
RESORT_TICKS: Final = 4
"""Rows change places at most twice in a second or so: nobody can read what jumps."""

NAME_COLUMNS: Final = (8, 32)
STATUS_COLUMNS: Final = 26
NARROW: Final = 70
LAST_COLUMNS: Final = 14
"""With fewer columns for it the last line is not shown."""


class NodeTable(ScrollView, can_focus=True):
    """Sorts, filters and marks; knows nothing of what the keys lead to."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "table--head",
        "table--cursor",
        "table--blurred",
        "table--marked",
        "table--dim",
        "table--answer",
        *(f"table--{state.name.lower()}" for state in State),
    }
    DEFAULT_CSS: ClassVar[str] = """
    NodeTable { background: $background; scrollbar-size-vertical: 1; overflow-x: hidden;
        .table--head { color: #8b949e; text-style: bold; background: $surface; }
        .table--cursor { background: $primary 45%; text-style: bold; }
        .table--blurred { background: $primary 20%; }
        .table--marked { color: $warning; text-style: bold; }
        .table--dim { color: #8b949e; }
        .table--answer { color: $accent; }
        .table--failed { color: $text-error; }
        .table--running { color: $text-primary; }
        .table--connecting { color: $text-warning; }
        .table--queued { color: #8b949e; }
        .table--stopped { color: $text-warning; }
        .table--ok { color: $text-success; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "move(-1)", show=False),
        Binding("down,j", "move(1)", show=False),
        Binding("pageup", "page(-1)", show=False),
        Binding("pagedown", "page(1)", show=False),
        Binding("home,g", "move(-1000000)", show=False),
        Binding("end,G", "move(1000000)", show=False),
    ]

    class Opened(Message):
        """A row was clicked twice."""

    class Moved(Message):
        """Another row is under the cursor, or the marks have changed."""

    def __init__(self, board: Board, now_s: Callable[[], float], *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._board = board
        self._now_s = now_s
        self.rows: list[Row] = []
        self.terms: str = ""
        self.sort: str = "typed"
        self.backwards: bool = False
        self.marked: dict[str, Row] = {}
        self._cursor = 0
        self._changes = -1
        self._ticks = 0
        self._drawn: dict[int, object] = {}
        self._longest = 0
        self._styles: dict[str, Style] = {}

    @property
    def current(self) -> Row | None:
        """The row under the cursor."""
        return self.rows[self._cursor] if self._cursor < len(self.rows) else None

    def on_mount(self) -> None:
        """Show what is there."""
        self.rebuild()

    def tick(self) -> None:
        """See what has changed, and draw that."""
        self._ticks += 1
        moving = self.sort not in ("typed", "name") or bool(self.terms)
        first = not self.rows and self._board.rows
        stale = moving and self._ticks >= RESORT_TICKS
        if self._changes != self._board.changes and (first or stale or self._board.over):
            self.rebuild()
            return
        top = self.scroll_offset.y
        for y in range(1, self.size.height):
            number = top + y - 1
            if number < len(self.rows) and self._drawn.get(y) != self._key(number):
                self.refresh_lines(top + y)

    def rebuild(self) -> None:
        """Sort and filter anew; the cursor stays on its node."""
        current = self.current
        self._ticks = 0
        if not self._longest:
            self._longest = max((cell_len(row.name) for row in self._board.rows), default=0)
        self._changes = self._board.changes
        self.rows = self._board.select(terms=self.terms, sort=self.sort, backwards=self.backwards)
        if current is not None and self._cursor:
            at = next((i for i, row in enumerate(self.rows) if row is current), self._cursor)
            self._cursor = max(0, min(at, len(self.rows) - 1))
        else:
            self._cursor = 0
        self.virtual_size = Size(self.size.width, len(self.rows) + 1)
        self._keep_in_view()
        self.refresh()
        self.post_message(self.Moved())

    def filter(self, terms: str) -> None:
        """Show only what matches."""
        self.terms = terms
        self.rebuild()

    def sort_next(self, by: int = 1) -> None:
        """Sort by the next column."""
        names = list(SORTS)
        self.sort = names[(names.index(self.sort) + by) % len(names)]
        self.rebuild()

    def reverse(self) -> None:
        """Turn the order round."""
        self.backwards = not self.backwards
        self.rebuild()

    def mark(self) -> None:
        """Mark or unmark the current row, and go on to the next."""
        if (row := self.current) is not None:
            if self.marked.pop(row.node.name, None) is None:
                self.marked[row.node.name] = row
            self.action_move(1)
            self.refresh()

    def unmark(self) -> None:
        """Take all marks away."""
        self.marked.clear()
        self.refresh()
        self.post_message(self.Moved())

    def action_move(self, by: int) -> None:
        """Move the cursor."""
        self._move_to(self._cursor + by)

    def action_page(self, by: int) -> None:
        """Move it by pages."""
        self._move_to(self._cursor + by * max(1, self.size.height - 2))

    def on_click(self, event: events.Click) -> None:
        """Move to what was clicked; the heading sorts."""
        if event.y == 0:
            self.sort_next()
            return
        self._move_to(self.scroll_offset.y + event.y - 1)
        if event.chain > 1:
            self.post_message(self.Opened())

    def on_focus(self) -> None:
        """Show the cursor."""
        self.refresh()

    def on_blur(self) -> None:
        """Dim it."""
        self.refresh()

    def _move_to(self, number: int) -> None:
        self._cursor = max(0, min(number, len(self.rows) - 1))
        self._keep_in_view()
        self.refresh()
        self.post_message(self.Moved())

    def _keep_in_view(self) -> None:
        top, height = self.scroll_offset.y, max(1, self.size.height - 1)
        if self._cursor < top:
            self.scroll_to(y=self._cursor, animate=False, force=True)
        elif self._cursor >= top + height:
            self.scroll_to(y=self._cursor - height + 1, animate=False, force=True)

    def _key(self, number: int) -> object:
        row = self.rows[number]
        return (row, row.version, self._time(row), len(row.answer.rows) if row.answer else 0)

    def _time(self, row: Row) -> str:
        took_s = row.took_s(self._now_s())
        if math.isnan(took_s):
            return ""
        return format_age(took_s) if row.outcome is None else format_duration(took_s)

    def render_line(self, y: int) -> Strip:
        """Draw one line of what can be seen: the heading, or a row."""
        width = self.size.width
        if y == 0:
            return self._head(width)
        number = self.scroll_offset.y + y - 1
        if number >= len(self.rows):
            self._drawn.pop(y, None)
            empty = "" if number or self._board.rows == [] else "  no node matches the filter"
            return Strip([Segment(empty, self._style("dim"))]).adjust_cell_length(
                width, self.rich_style
            )
        self._drawn[y] = self._key(number)
        return self._row(self.rows[number], width, at_cursor=number == self._cursor)

    def _columns(self, width: int) -> tuple[int, int, int]:
        """How wide name, status and last line are."""
        low, high = NAME_COLUMNS
        name = max(low, min(high, self._longest, width // 3))
        status = STATUS_COLUMNS if width >= NARROW + 20 else 16
        rest = width - (name + status + 30)
        return name, status, rest if rest >= LAST_COLUMNS else 0

    def _head(self, width: int) -> Strip:
        name, status, rest = self._columns(width)
        arrow = "▲" if self.backwards else "▼"
        by = {"typed": "", "exit code": "STATE", "state": "STATE", "name": "NODE"}.get(
            self.sort, self.sort.upper()
        )

        def title(text: str, columns: int, *, right: bool = False) -> str:
            text += arrow if text == by else ""
            return f"{text.rjust(columns) if right else set_cell_size(text, columns)} "

        line = "   " + title("NODE", name + 1) + title("STATE", status)
        line += title("TIME", 11, right=True) + " " + title("ANSWER", 7)
        line += title("LINES", 7, right=True) + (title("LAST LINE", rest) if rest > 0 else "")
        return Strip([Segment(line, self._style("head"))]).adjust_cell_length(
            width, self._style("head")
        )

    def _row(self, row: Row, width: int, *, at_cursor: bool) -> Strip:
        name, status, rest = self._columns(width)
        base = self._style("")
        state = self._style(row.state.name.lower())
        dim = self._style("dim")
        marked = row.node.name in self.marked
        cells = [
            Segment("▐ " if marked else "  ", self._style("marked")),
            Segment(f"{GLYPHS[row.state]} ", state),
            Segment(_fit(row.name, name) + " ", self._style("marked") if marked else base),
            Segment(_fit(row.status, status) + " ", state),
            Segment(self._time(row).rjust(11) + "  ", base),
            Segment(_fit(_answer(row), 7) + " ", self._style("answer")),
            Segment((f"{len(row.said):,}" if len(row.said) else "").rjust(7) + " ", dim),
        ]
        if rest > 0:
            last = Line("stdout", row.said.last).text.expandtabs(4)
            cells.append(Segment(set_cell_size(last, rest), dim))
        strip = Strip(cells).adjust_cell_length(width, base)
        if at_cursor:
            look = "cursor" if self.has_focus else "blurred"
            bar = self.get_component_rich_style(f"table--{look}", partial=False)
            strip = Strip(
                [
                    Segment(text, (style or base) + Style(bgcolor=bar.bgcolor, bold=bar.bold))
                    for text, style, _ in strip
                ]
            )
        return strip

    def notify_style_update(self) -> None:
        """Forget the colours: the theme or the focus has changed."""
        super().notify_style_update()
        self._styles = {}

    def _style(self, name: str) -> Style:
        style = self._styles.get(name)
        if style is None:
            own = self.get_component_rich_style(f"table--{name}", partial=True) if name else Style()
            style = self._styles[name] = self.rich_style + own
        return style


def _fit(text: str, columns: int) -> str:
    """Cut or fill; what is cut says so."""
    if cell_len(text) <= columns:
        return set_cell_size(text, columns)
    return set_cell_size(text, columns - 1) + "…"


def _answer(row: Row) -> str:
    if row.answer is None:
        return ""
    count = len(row.answer.rows)
    return f"{row.answer.letter} \u00d7{count}" if count > 1 else "unique"
