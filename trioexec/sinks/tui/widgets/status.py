"""How far the run is, on one line: a bar, counts, elapsed, and what may be left."""

from __future__ import annotations

import math
from typing import ClassVar

from rich.text import Text
from textual.widget import Widget

from trioexec.sinks.progress import Progress, roughly
from trioexec.sinks.summary import format_age

__all__ = ["StatusBar", "status_text"]

BAR_COLUMNS = 24

PARTS = {
    # what: (colour of the theme, word)
    "ok": ("success", "ok"),
    "failed": ("error", "failed"),
    "running": ("primary", "running"),
    "queued": ("", "queued"),
}


class StatusBar(Widget):
    """Shows what `show` was last given."""

    DEFAULT_CSS: ClassVar[str] = """
    StatusBar { height: 1; background: $surface; padding: 0 1; }
    """

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._text = Text()

    def show(self, progress: Progress, verdict: str) -> None:
        """Show this; draws only where it differs from what is shown."""
        colors = {
            name: _plain(self.app.theme_variables.get(name, ""))
            for name in ("success", "error", "primary", "warning")
        }
        text = status_text(progress, verdict, colors=colors, width=max(20, self.size.width))
        if text != self._text or text.spans != self._text.spans:
            self._text = text
            self.refresh()

    def render(self) -> Text:
        """Draw."""
        return self._text


def status_text(progress: Progress, verdict: str, *, colors: dict[str, str], width: int) -> Text:
    """Make the line; what matters least is cut off at the right.

    Args:
        progress: Where the run stands.
        verdict: What to say at the end; empty while the run goes on.
        colors: By the theme's names; empty for none.
        width: Columns.
    """
    total = max(1, progress.total)
    counts = {
        "ok": progress.succeeded,
        "failed": progress.failed,
        "running": progress.running,
        "queued": progress.queued,
    }
    text = Text(no_wrap=True, overflow="crop", end="")
    bar = BAR_COLUMNS if width >= 3 * BAR_COLUMNS else BAR_COLUMNS // 3
    drawn = 0
    for name in ("ok", "failed", "running"):
        share = counts[name] * bar / total
        columns = min(bar - drawn, max(round(share), 1 if counts[name] else 0))
        text.append("━" * columns, colors.get(PARTS[name][0]) or None)
        drawn += columns
    text.append("─" * (bar - drawn), "dim")
    text.append(f"  {progress.succeeded + progress.failed:,}/{progress.total:,}", "bold")
    for name, (color, word) in PARTS.items():
        if counts[name]:
            style = f"bold {colors.get(color, '')}" if name == "failed" else colors.get(color, "")
            text.append(f"  {counts[name]:,} {word}", style.strip() or "#8b949e")
    text.append(f"  {format_age(progress.elapsed_s)}")
    if verdict:
        text.append(f"  {verdict}", "bold")
    elif not math.isnan(progress.left_s):
        more = "more than" if progress.at_least else "about"
        text.append(f"  {more} {roughly(progress.left_s)} left", "dim")
    return text


def _plain(color: str) -> str:
    """Rich knows no ``auto`` and no alpha."""
    return color if color.startswith("#") and len(color) == 7 else ""  # noqa: PLR2004
