"""GitHub Actions: annotations on stderr, a summary in its file, and no commands from nodes.

The runner takes any line of a step that begins with ``::`` for a command to it,
and nodes are hostile: while their output is shown, commands are stopped.  It reads
stdout and stderr each by itself, so they go on only when it has all of stdout.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Final

import trio

from trioexec.model.events import Event, RunFinished, RunStarted
from trioexec.model.github import annotation_lines, command, summary
from trioexec.model.hostfold import Fold
from trioexec.model.record import Recorder

__all__ = ["GithubSink", "Silence", "add_summary"]

DRAIN_S: Final = 10.0
"""A runner that has not read for so long will not begin to."""

LOOK_S: Final = 0.02


class Silence:
    """The runner's commands, stopped from `begin` to `end`."""

    def __init__(self, say: Callable[[str], None], drained: Callable[[], bool]) -> None:
        """Prepare.

        Args:
            say: Shows one line on stderr, from where the runner reads it.
            drained: Whether the runner has all that nodes have said on stdout.
        """
        self._say = say
        self._drained = drained
        self._token = secrets.token_hex(16)
        self._over = trio.Event()

    def begin(self) -> None:
        """Stop commands."""
        self._say(command("stop-commands", {}, self._token))

    def end(self) -> None:
        """Have `serve` return once they may go on."""
        self._over.set()

    async def serve(self, conclude: Callable[[], None]) -> None:
        """Wait for `end`, and until no node is heard any more; conclude, also when cancelled."""
        try:
            await self._over.wait()
            with trio.move_on_after(DRAIN_S):
                while not self._drained():  # noqa: ASYNC110 - nobody tells that a pipe was read
                    await trio.sleep(LOOK_S)
        finally:
            if self._over.is_set():
                self._say(command(self._token, {}, ""))
                conclude()


class GithubSink:
    """Tells GitHub how a run went."""

    def __init__(
        self,
        *,
        say: Callable[[str], None],
        fold: Fold,
        summary_file: Path | None,
        drained: Callable[[], bool] = lambda: True,
        dissenters: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """Prepare.

        Args:
            say: Shows one line on stderr, from where the runner reads it.
            fold: Makes one short text of node names.
            summary_file: What ``GITHUB_STEP_SUMMARY`` names; it is appended to.
            drained: Whether the runner has all that nodes have said on stdout.
            dissenters: Names, at the end, the nodes that fail for their answer alone.
        """
        self._say = say
        self._fold = fold
        self._summary_file = summary_file
        self._dissenters = dissenters
        self._recorder = Recorder()
        self._silence = Silence(say, drained)

    def handle(self, event: Event) -> None:
        """Take one event; speak with the first."""
        self._recorder.handle(event)
        match event:
            case RunStarted():
                self._silence.begin()
            case RunFinished():
                self._silence.end()

    async def serve(self) -> None:
        """Speak when the last event has come, and no node is heard any more."""
        await self._silence.serve(self._conclude)

    def _conclude(self) -> None:
        record = self._recorder.record(self._dissenters())
        for line in annotation_lines(record, self._fold):
            self._say(line)
        if self._summary_file is not None:
            add_summary(self._summary_file, summary(record, self._fold), self._say)


def add_summary(file: Path, text: str, say: Callable[[str], None]) -> None:
    """Append to a step's summary; where that cannot be done, the user is told."""
    try:
        with file.open("a", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as exc:
        say(f"trioexec: cannot write {file}: {exc.strerror}")
