"""The TUI on a screen in memory, with a run that is told event by event."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable

import trio
from textual.pilot import Pilot

from trioexec.model.events import Event
from trioexec.model.flow import Flow
from trioexec.sinks.tui.app import TuiApp
from trioexec.sinks.tui.console import ScreenConsole
from trioexec.sinks.tui.sink import TuiSink
from trioexec.transports.ssh.loop import open_loop, run_in_loop, run_in_own_loop

__all__ = ["HANG_S", "Rig", "Scene", "play"]

HANG_S = 60


class Rig:
    """What a scene plays with."""

    def __init__(self) -> None:
        fd = os.open(os.devnull, os.O_RDWR)
        self.console = ScreenConsole(Flow(), lambda: None, stdout_fd=fd, stderr_fd=fd)
        self.sink = TuiSink(self.console, run_in_own_loop)
        self.presses = 0
        self.console.take_quit(self._press)
        self.app: TuiApp = self.sink.make_app()
        self.pilot: Pilot[None]
        os.close(fd)

    def _press(self) -> None:
        self.presses += 1

    def tell(self, *events: Event) -> None:
        for event in events:
            self.sink.handle(event)

    async def press(self, *keys: str) -> str:
        """Press keys; give the screen."""
        await self.pilot.press(*keys)
        return await self.shows()

    @property
    def hints(self) -> str:
        """What was said for a moment."""
        return "\n".join(each.message for each in self.app._notifications)

    async def shows(self) -> str:
        """Give what is on the screen once it has caught up."""
        self.app.tick()
        await self.pilot.pause()
        strips = self.app.screen._compositor.render_strips()
        return "\n".join("".join(part.text for part in strip).rstrip() for strip in strips)

    async def rows(self) -> list[str]:
        """Give the names in the table, as far as they can be seen."""
        lines = (await self.shows()).splitlines()
        head = next(at for at, line in enumerate(lines) if "NODE" in line and "STATE" in line)
        names = [line[4:].split(" ")[0] for line in lines[head + 1 :] if line[2:3].strip()]
        known = self.sink.board.by_name
        return [name for name in names if name in known]


Scene = Callable[[Rig], Awaitable[None]]


async def play(
    scene: Scene,
    events: Iterable[Event] = (),
    *,
    width: int = 100,
    height: int = 30,
    prepare: Callable[[Rig], object] = lambda _: None,
) -> Rig:
    """Play a scene; the app has gone when this returns.

    Args:
        scene: What is done while it is there.
        events: Of the run so far.
        width: Columns.
        height: Rows.
        prepare: Called before the app begins.
    """
    with trio.fail_after(HANG_S):
        async with open_loop() as loop:
            rig = Rig()
            rig.tell(*events)
            prepare(rig)

            async def on_screen() -> None:
                async with rig.app.run_test(size=(width, height)) as pilot:
                    rig.pilot = pilot
                    await pilot.pause()
                    await scene(rig)

            await run_in_loop(loop, on_screen())
    return rig
