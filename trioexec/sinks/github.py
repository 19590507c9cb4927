"""GitHub Actions: annotations on stderr, a summary in its file, and no commands from nodes.

The runner takes any line of a step that begins with ``::`` for a command to it,
and nodes are hostile: while their output is shown, commands are stopped.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Iterable
from pathlib import Path

from trioexec.model.events import Event, RunFinished, RunStarted
from trioexec.model.github import annotation_lines, command, summary
from trioexec.model.record import Recorder

__all__ = ["GithubSink"]


class GithubSink:
    """Tells GitHub how a run went."""

    def __init__(
        self,
        *,
        say: Callable[[str], None],
        fold: Callable[[Iterable[str]], str],
        summary_file: Path | None,
        dissenters: Callable[[], Collection[str]] = tuple,
    ) -> None:
        """Prepare.

        Args:
            say: Shows one line on stderr, from where the runner reads it.
            fold: Makes one short text of node names.
            summary_file: What ``GITHUB_STEP_SUMMARY`` names; it is appended to.
            dissenters: Names, at the end, the nodes that fail for their answer alone.
        """
        self._say = say
        self._fold = fold
        self._summary_file = summary_file
        self._dissenters = dissenters
        self._recorder = Recorder()
        self._token = secrets.token_hex(16)

    def handle(self, event: Event) -> None:
        """Take one event; speak with the first and the last."""
        self._recorder.handle(event)
        match event:
            case RunStarted():
                self._say(command("stop-commands", {}, self._token))
            case RunFinished():
                self._say(command(self._token, {}, ""))
                self._conclude()

    async def serve(self) -> None:
        """Nothing to do: all is said with the last event."""

    def _conclude(self) -> None:
        record = self._recorder.record(self._dissenters())
        for line in annotation_lines(record, self._fold):
            self._say(line)
        if self._summary_file is None:
            return
        try:
            with self._summary_file.open("a", encoding="utf-8") as file:
                file.write(summary(record, self._fold))
        except OSError as exc:
            self._say(f"trioexec: cannot write {self._summary_file}: {exc.strerror}")
