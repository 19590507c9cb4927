"""The app: the table of all nodes, and the way to every other screen.

It only looks, ten times in a second: at the board, and at what has been said.
What it does to the run goes through one callable, `press`.
"""

from __future__ import annotations

import asyncio  # noqa: TID251 - inside textual
import os
import signal
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Final

from msgspec import Struct
from rich.text import Text
from textual import events, on
from textual.app import App, ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal
from textual.driver import Driver
from textual.screen import Screen
from textual.types import AnimationLevel, CSSPathType
from textual.widgets import Footer, Input, Static

from trioexec.model.outcomes import TOLD_TO_GO
from trioexec.sinks.progress import Progress
from trioexec.sinks.tui.board import Board, Row
from trioexec.sinks.tui.describe import describe
from trioexec.sinks.tui.screens.base import TickingScreen
from trioexec.sinks.tui.screens.detail import DetailScreen
from trioexec.sinks.tui.screens.diff import DiffScreen
from trioexec.sinks.tui.screens.help import HelpScreen
from trioexec.sinks.tui.screens.log import LogScreen
from trioexec.sinks.tui.screens.split import MOST, SplitScreen
from trioexec.sinks.tui.widgets.status import StatusBar
from trioexec.sinks.tui.widgets.table import NodeTable
from trioexec.sinks.tui.widgets.text import TextView, TranscriptLines
from trioexec.sinks.visible import visible_line

__all__ = ["Source", "TuiApp"]

TICK_S: Final = 0.1
"""Between two looks: fluent for the eye, and next to nothing over a slow line."""

STUCK_BYTES: Final = 256 * 1024
"""With more than that on its way to the terminal nothing new is drawn."""

PREVIEW_COLUMNS: Final = 120
"""From this width on the output is beside the table by itself."""


class Source(Struct, frozen=True, kw_only=True):
    """What the app looks at, and the one thing it may do."""

    board: Board
    look: Callable[[], Progress]
    now_s: Callable[[], float]
    """Seconds on the run's clock."""

    said: Sequence[str]
    """What trioexec had to say, growing."""

    press: Callable[[], None]
    """Stop the run; again: at once."""

    shows_again: bool = False
    """Whether the run was over long ago."""


class TuiApp(App[None]):
    """Ends when the user has quit and the run is over."""

    CSS_PATH: ClassVar[CSSPathType | None] = "app.tcss"
    ENABLE_COMMAND_PALETTE: ClassVar[bool] = False
    TITLE: str | None = "trioexec"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q,ctrl+q", "quit_run", "quit", key_display="q"),
        Binding("ctrl+c", "quit_run", show=False, priority=True),
        Binding("ctrl+z", "stop_for_now", show=False, priority=True),
        Binding("question_mark", "help", "help", key_display="?"),
    ]

    def __init__(self, source: Source, *, driver_class: type[Driver] | None = None) -> None:
        """Prepare the app.

        Args:
            source: What to look at.
            driver_class: How to draw; None is textual's own choice.
        """
        super().__init__(driver_class=driver_class)
        self.source = source
        self.leaving: bool = False
        """Whether the user has quit: the run's end is ours then."""
        self.animation_level: AnimationLevel = "none"

    def get_default_screen(self) -> Screen[Any]:
        """Begin with all nodes."""
        return SummaryScreen()

    def on_load(self) -> None:
        """Leave the loop as it is: textual makes its tasks eager, from Python 3.12 on.

        The loop is the ssh transport's too, which knows nothing of such tasks.
        """
        asyncio.get_running_loop().set_task_factory(None)

    def on_mount(self) -> None:
        """Begin to look."""
        self.set_interval(TICK_S, self.tick)

    def now_s(self) -> float:
        """Give the time on the run's clock."""
        return self.source.now_s()

    def tick(self) -> None:
        """Look once; not while the screen is taken down, when what it looks at goes first."""
        board = self.source.board
        if not self.is_running or self._exit:
            return
        told_to_go = board.stopped in TOLD_TO_GO and not self.source.shows_again
        if board.over and (self.leaving or told_to_go):
            self.exit()
        elif getattr(self._driver, "backlog_bytes", 0) < STUCK_BYTES:
            screen = self.screen
            if isinstance(screen, TickingScreen) and screen.ready and screen.is_running:
                screen.tick()

    def on_key(self, event: events.Key) -> None:
        """Put a letter into the box that has the focus by now.

        Textual hands a key to whoever has the focus when it arrives: of ``/web``, typed at
        once, the letters would go where the slash went.  A box keeps its own letters.
        """
        if isinstance(self.focused, Input) and event.is_printable and event.character:
            event.prevent_default()
            self.focused.insert_text_at_cursor(event.character)

    def hint(self, text: str) -> None:
        """Say something for a moment."""
        self.notify(text, timeout=4, markup=False)

    async def action_quit_run(self) -> None:
        """Quit: at once where the run is over, else when its commands have been ended."""
        if self.source.board.over:
            self.exit()
            return
        self.leaving = True
        self.source.press()
        self.tick()

    def action_stop_for_now(self) -> None:
        """Stop whom the terminal's own Ctrl-Z would stop: our process group."""
        os.kill(0, signal.SIGTSTP)

    def action_help(self) -> None:
        """Show the keys."""
        if not isinstance(self.screen, HelpScreen):
            self.push_screen(HelpScreen())

    def show_detail(self, row: Row, around: Sequence[Row]) -> None:
        """Show one node."""
        self.push_screen(DetailScreen(row, list(around)))

    def show_diff(self, before: Row, after: Row) -> None:
        """Show what differs between two."""
        self.push_screen(DiffScreen(before, after))

    def show_diff_to_majority(self, row: Row) -> None:
        """Show what differs from what most say."""
        answer = self.source.board.majority()
        if answer is None:
            self.hint("no node has finished yet, so there is no majority")
        elif row in answer.rows:
            self.hint(f"{row.name} says what most say, {len(answer.rows):,} of them")
        else:
            first = min(answer.rows, key=lambda each: each.node.rank)  # whoever ended first
            self.push_screen(DiffScreen(first, row, alike=len(answer.rows)))

    def _print_error_renderables(self) -> None:
        """Leave a crash to `TuiSink`, which raises it: nothing but that goes to the terminal."""
        self._exit_renderables.clear()


class SummaryScreen(TickingScreen, inherit_bindings=False):
    """All nodes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "clear", "show all", show=False),
        Binding("enter", "open", "open"),
        Binding("slash", "filter", "filter", key_display="/"),
        Binding("o", "sort", "sort"),
        Binding("O", "reverse", "reverse", show=False),
        Binding("space", "mark", "mark"),
        Binding("u", "unmark", "unmark", show=False),
        Binding("s", "split", "split"),
        Binding("d", "diff", "diff"),
        Binding("p", "preview", "output"),
        Binding("l", "log", "log", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self._preview: bool | None = None
        self._shown: Row | None = None
        self._lines: tuple[str, str, str] = ("", "", "")

    def compose(self) -> ComposeResult:
        """Lay out."""
        source = self.tui.source
        yield Static("", id="title", classes="title", markup=False)
        with Horizontal(id="body"):
            yield NodeTable(source.board, source.now_s, id="table")
            yield TextView(_NOTHING, follow=True, id="preview")
        yield Input(
            placeholder="filter: name or state, !word leaves out",
            id="filter",
            classes="prompt",
            compact=True,
        )
        yield Static("", id="log", markup=False)
        yield StatusBar(id="status")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        """Begin."""
        self.query_one("#filter").display = False
        self.query_one("#log").display = False
        self.set_focus(self.table)
        self.tick()

    @property
    def table(self) -> NodeTable:
        """The table."""
        return self.query_one(NodeTable)

    def on_resize(self) -> None:
        """See whether the output fits beside."""
        self._show_preview()

    def tick(self) -> None:
        """See what has changed."""
        self.table.tick()
        if self.query_one("#preview").display:
            self._follow_cursor()
        source = self.tui.source
        self.query_one(StatusBar).show(source.look(), self._verdict())
        said = visible_line(source.said[-1]).decode() if source.said else ""
        command = " ".join(visible_line(source.board.command).decode().split()) or "ping"
        table = self.table
        view = f"{len(table.rows):,} of {len(source.board.rows):,} nodes" if table.terms else ""
        marks = f"{len(table.marked)} marked" if table.marked else ""
        lines = (command, "   ".join(filter(None, (view, marks))), said)
        if lines != self._lines:
            self._lines = lines
            title = Text("trioexec  ", style="bold", end="", no_wrap=True, overflow="ellipsis")
            title.append(command, "not bold")
            if lines[1]:
                title.append(f"   {lines[1]}", "not bold italic")
            self.query_one("#title", Static).update(title)
            log = self.query_one("#log", Static)
            log.update(Text(said, no_wrap=True, overflow="ellipsis"))
            log.display = bool(said)

    def _verdict(self) -> str:
        board = self.tui.source.board
        if board.exit_code is not None:
            why = f", stopped by {board.stopped}" if board.stopped else ""
            return f"finished: exit {board.exit_code}{why} - q quits"
        if self.tui.source.shows_again:
            return "reading the record..."
        if self.tui.leaving:
            return "ending the remote commands... q again: leave at once"
        return ""

    def action_open(self) -> None:
        """Show the node under the cursor."""
        if (row := self.table.current) is not None:
            self.tui.show_detail(row, self.table.rows)

    @on(NodeTable.Opened)
    def open_clicked(self) -> None:
        """Show what was clicked twice."""
        self.action_open()

    def action_filter(self) -> None:
        """Ask for what to show."""
        box = self.query_one("#filter", Input)
        box.display = True
        self.set_focus(box)  # at once: the next keys may be here already

    @on(Input.Changed, "#filter")
    def narrow(self, event: Input.Changed) -> None:
        """Show what matches, letter by letter."""
        self.table.filter(event.value)
        self.tick()

    @on(Input.Submitted, "#filter")
    def keep_filter(self, event: Input.Submitted) -> None:
        """Go back to the table."""
        event.input.display = bool(event.value)
        self.set_focus(self.table)

    def action_clear(self) -> None:
        """Show all again."""
        box = self.query_one("#filter", Input)
        box.value = ""
        box.display = False
        self.set_focus(self.table)

    def action_leave(self) -> None:
        """There is nothing under this one."""

    def action_sort(self) -> None:
        """Sort by the next column."""
        self.table.sort_next()
        self.tui.hint(f"sorted by {self.table.sort}") if self.table.sort == "typed" else None

    def action_reverse(self) -> None:
        """Turn the order round."""
        self.table.reverse()

    def action_mark(self) -> None:
        """Mark or unmark."""
        self.table.mark()

    def action_unmark(self) -> None:
        """Unmark all."""
        self.table.unmark()

    def action_split(self) -> None:
        """Show the marked ones side by side."""
        rows = list(self.table.marked.values())
        if not rows:
            self.tui.hint("mark nodes with the space bar; s shows them side by side")
            return
        if len(rows) > MOST:
            self.tui.hint(f"{len(rows)} are marked; the first {MOST} are shown")
        self.app.push_screen(SplitScreen(rows[:MOST]))

    def action_diff(self) -> None:
        """Compare two marked ones, or one with the majority."""
        rows = list(self.table.marked.values())
        if len(rows) == 2:  # noqa: PLR2004
            self.tui.show_diff(*rows)
        elif len(rows) > 2:  # noqa: PLR2004
            self.tui.hint("mark two nodes, or none: then it is this one against the majority")
        elif row := rows[0] if rows else self.table.current:
            self.tui.show_diff_to_majority(row)

    def action_preview(self) -> None:
        """Have the output beside the table, or not."""
        self._preview = not self.query_one("#preview").display
        self._show_preview()

    def action_log(self) -> None:
        """Show what trioexec had to say."""
        self.app.push_screen(LogScreen(self.tui.source.said))

    @on(NodeTable.Moved)
    def _follow_cursor(self) -> None:
        view = self.query_one("#preview", TextView)
        row = self.table.current
        if row is not self._shown:
            self._shown = row
            view.follow = True
            view.show_lines(_NOTHING if row is None else TranscriptLines(row.said))
        view.catch_up()
        if row is not None:
            view.show_title(describe(row, self.tui.now_s()))

    def _show_preview(self) -> None:
        wanted = self._preview
        if wanted is None:
            wanted = self.app.size.width >= PREVIEW_COLUMNS
        self.query_one("#preview").display = wanted


class _Nothing:
    def __len__(self) -> int:
        return 0

    def read(self, first: int, count: int) -> Sequence[tuple[str, str, str]]:  # noqa: ARG002
        return ()


_NOTHING = _Nothing()
