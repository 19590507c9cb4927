"""The keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Final

from rich.console import Console, ConsoleOptions, RenderResult
from rich.padding import Padding
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.screen import ModalScreen
from textual.widgets import Static

__all__ = ["KEYS", "HelpScreen"]

KEYS: Final = (
    (
        "All nodes",
        (
            ("↑ ↓  PgUp PgDn  g G", "move"),
            ("Enter", "all that the node has said"),
            ("/", "filter by name or state; !word leaves out; Esc: all again"),
            ("o  O", "sort by the next column; the other way round"),
            ("Space", "mark a node; u unmarks all"),
            ("s", "the marked nodes side by side"),
            ("d", "diff of two marked nodes, or of this one to the majority"),
            ("p", "the output beside the table, or not"),
            ("l", "what trioexec itself had to say"),
        ),
    ),
    (
        "A node, a split, a diff",
        (
            ("↑ ↓  PgUp PgDn  g G  ← →", "scroll"),
            ("f", "follow: stay at the end"),
            ("/   n N", "search; the next, the one before"),
            ("[ ]", "the node before, the node after"),
            ("m", "diff: ignore hosts, then times, then numbers; x swaps"),
            ("Tab", "split: the next node"),
            ("Esc", "back"),
        ),
    ),
    (
        "The run",
        (
            ("q  Ctrl+C", "quit; what still runs is ended on the nodes: exit 130"),
            ("q  again", "do not wait for them"),
            ("Ctrl+Z", "stop trioexec, which reads nothing meanwhile; fg goes on"),
            ("?", "this"),
        ),
    ),
)


NARROW: Final = 56
"""Columns below which a text stands under its keys."""


class _Keys:
    """Keys, and what they do."""

    def __init__(self, keys: Sequence[tuple[str, str]]) -> None:
        self._keys = keys

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        if options.max_width < NARROW:
            for key, what in self._keys:
                yield Text(f"  {key}")
                yield Padding(Text(what), (0, 0, 0, 4))
            return
        table = Table.grid(padding=(0, 1))
        table.add_column(no_wrap=True, min_width=28)
        for key, what in self._keys:
            table.add_row(Text(f"  {key}"), Text(what))  # a long text wraps in its own column
        yield table


class HelpScreen(ModalScreen[None]):
    """Any of the usual keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,question_mark,q,enter,space", "dismiss", "close"),
    ]

    def compose(self) -> ComposeResult:
        """Lay out."""
        with VerticalScroll(id="help"):
            for heading, keys in KEYS:
                yield Static(heading, classes="help-heading", markup=False)
                yield Static(_Keys(keys))

    def on_mount(self) -> None:
        """Name the box."""
        self.query_one("#help").border_title = "trioexec: keys"
