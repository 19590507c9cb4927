"""What the screens have in common: they tick, and Escape leaves them."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.screen import Screen

if TYPE_CHECKING:
    from trioexec.sinks.tui.app import TuiApp

__all__ = ["TickingScreen"]


class TickingScreen(Screen[None]):
    """A screen over the table; `tick` is called some ten times in a second while it is on top."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "back"),
    ]

    ready: bool = False
    """Whether everything is in place: a tick may come sooner."""

    def on_mount(self) -> None:
        """Be ready; textual calls this after that of the class itself."""
        self.ready = True

    @property
    def tui(self) -> TuiApp:
        """The app, as what it is."""
        return cast("TuiApp", self.app)

    def tick(self) -> None:
        """See what has changed."""

    def action_leave(self) -> None:
        """Go back to where we came from."""
        self.app.pop_screen()
