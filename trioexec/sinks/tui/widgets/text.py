"""A text of any length: only the lines that can be seen are read; follows, and finds."""

from __future__ import annotations

import asyncio  # noqa: TID251 - inside textual
from collections.abc import Sequence
from typing import ClassVar, Final, Protocol

from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from trioexec.sinks.tui.transcript import Transcript

__all__ = ["Lines", "TextView", "TranscriptLines"]

SHIFT: Final = 8
"""Columns that one key moves sideways."""

STRETCH_S: Final = 0.01
"""How long a search reads at a stretch."""

PAUSE_S: Final = 0.001
"""What it leaves to others then; with none, it would go on in the same turn of the loop,
and neither a key nor a node would be heard."""


class Lines(Protocol):
    """Where a view has its text from."""

    def __len__(self) -> int:
        """How many lines there are by now."""

    def read(self, first: int, count: int) -> Sequence[tuple[str, str, str]]:
        """Give kind, gutter and text of some lines; the text is fit for a terminal."""


class TranscriptLines:
    """What a node has said; lines of stderr are marked."""

    def __init__(self, said: Transcript) -> None:
        self.said = said

    def __len__(self) -> int:
        return len(self.said)

    def read(self, first: int, count: int) -> Sequence[tuple[str, str, str]]:
        """Give some lines."""
        return [
            (
                line.stream,
                "…" if line.goes_on else "▌" if line.stream == "stderr" else " ",
                line.text,
            )
            for line in self.said.read(first, count)
        ]


class TextView(ScrollView, can_focus=True):
    """Shows lines; a line that is too wide is moved sideways, not wrapped."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "text--stdout",
        "text--stderr",
        "text--gutter",
        "text--added",
        "text--removed",
        "text--place",
        "text--note",
        "text--found",
    }
    DEFAULT_CSS: ClassVar[str] = """
    TextView { background: $background; scrollbar-size-vertical: 1; overflow-x: hidden;
        .text--stderr { color: $text; }
        .text--gutter { color: $error; }
        .text--added { color: $text-success; background: $success-muted; }
        .text--removed { color: $text-error; background: $error-muted; }
        .text--place { color: $accent; text-style: bold; }
        .text--note { color: #8b949e; text-style: italic; }
        .text--found { background: $warning; color: $background; text-style: bold; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "line(-1)", show=False),
        Binding("down,j", "line(1)", show=False),
        Binding("pageup,b", "page(-1)", show=False),
        Binding("pagedown,space", "page(1)", show=False),
        Binding("home,g", "top", show=False),
        Binding("end,G", "bottom", show=False),
        Binding("left", "shift(-1)", show=False),
        Binding("right", "shift(1)", show=False),
    ]

    follow: reactive[bool] = reactive(False)
    shift: reactive[int] = reactive(0)
    found: reactive[int] = reactive(-1)
    needle: reactive[str] = reactive("")

    empty = "(no output)"
    """What stands there instead of nothing."""

    class Followed(Message):
        """Follow was switched, by a key or by scrolling."""

    def __init__(self, lines: Lines, *, follow: bool = False, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._lines = lines
        self._seen = (-1, "")
        self._title = ""
        self.set_reactive(TextView.follow, follow)

    def show_lines(self, lines: Lines) -> None:
        """Show another text, from its beginning or end."""
        self._lines = lines
        self._seen = (-1, "")
        self.found = -1
        self.shift = 0
        self.catch_up()
        if not self.follow:
            self.scroll_to(y=0, animate=False)

    def show_title(self, text: str) -> None:
        """Put this into the border; never read as markup."""
        if text != self._title:
            self._title = text
            self.border_title = Text(text)

    def on_mount(self) -> None:
        """Show what is there."""
        self.catch_up()

    def on_resize(self) -> None:
        """Stay at the end."""
        if self.follow:
            self.scroll_end(animate=False)

    def catch_up(self) -> None:
        """See whether there is more; draws only what has changed.  Called as the screen ticks."""
        count = len(self._lines)
        tail = self._lines.read(count - 1, 1)
        seen = (count, tail[0][2] if tail else "")
        if seen == self._seen:
            return
        before = self._seen[0]
        self._seen = seen
        self.virtual_size = Size(self.size.width, count)
        if self.follow:
            self.scroll_to(y=max(0, count - self.size.height), animate=False, force=True)
        first = max(0, before - 1)
        self.refresh_lines(first, max(1, count - first))

    def watch_follow(self) -> None:
        """Go to the end."""
        if self.follow:
            self.scroll_to(y=max(0, len(self._lines) - self.size.height), animate=False)
        self.post_message(self.Followed())

    def action_line(self, by: int) -> None:
        """Scroll by lines; going up lets go of the end."""
        self._go(self.scroll_offset.y + by)

    def action_page(self, by: int) -> None:
        """Scroll by pages."""
        self._go(self.scroll_offset.y + by * max(1, self.size.height - 1))

    def action_top(self) -> None:
        """Go to the first line."""
        self._go(0)

    def action_bottom(self) -> None:
        """Go to the last line."""
        self._go(len(self._lines))

    def action_shift(self, by: int) -> None:
        """Move sideways."""
        self.shift = max(0, self.shift + by * SHIFT)

    def on_mouse_scroll_up(self) -> None:
        """Let go of the end."""
        self.follow = False

    def _go(self, y: int) -> None:
        if y < self.scroll_offset.y:
            self.follow = False
        self.scroll_to(y=max(0, y), animate=False)

    async def find(self, said: Transcript, needle: str, *, backwards: bool = False) -> bool:
        """Go to the next line that has `needle`; from the end it goes on at the beginning."""
        self.needle = needle
        loop = asyncio.get_running_loop()
        pause_at_s = loop.time() + STRETCH_S
        start = self.scroll_offset.y if self.found < 0 else self.found + (-1 if backwards else 1)
        for begin in (start, len(said) - 1 if backwards else 0):
            for number in said.search(needle, begin, backwards=backwards):
                if number is not None:
                    self.follow = False
                    self.found = number
                    self.scroll_to(y=max(0, number - self.size.height // 2), animate=False)
                    return True
                if loop.time() >= pause_at_s:
                    await asyncio.sleep(PAUSE_S)
                    pause_at_s = loop.time() + STRETCH_S
        return False

    def render_line(self, y: int) -> Strip:
        """Draw one line of what can be seen."""
        number = self.scroll_offset.y + y
        width = self.size.width
        base = self.rich_style
        lines = self._lines.read(number, 1)
        if not lines and number:
            return Strip.blank(width, base)
        lines = lines or [("note", " ", self.empty)]
        kind, gutter, text = lines[0]
        style = base + self.get_component_rich_style(f"text--{kind}", partial=True)
        segments = list(self._highlit(text.expandtabs(8), style, number))
        body = Strip(segments).crop(self.shift, self.shift + max(0, width - 2))
        edge = base + self.get_component_rich_style("text--gutter", partial=True)
        return Strip.join([Strip([Segment(f"{gutter} ", edge)]), body]).adjust_cell_length(
            width, style if kind in ("added", "removed") else base
        )

    def _highlit(self, text: str, style: Style, number: int) -> list[Segment]:
        needle = self.needle.casefold()
        if not needle or len(text.casefold()) != len(text):
            return [Segment(text, style)]
        mark = style + self.get_component_rich_style("text--found", partial=True)
        other = mark if number == self.found else style + Style(underline=True, bold=True)
        parts: list[Segment] = []
        position = 0
        while (place := text.casefold().find(needle, position)) >= 0:
            parts.append(Segment(text[position:place], style))
            parts.append(Segment(text[place : place + len(needle)], other))
            position = place + len(needle)
        return [*parts, Segment(text[position:], style)]
