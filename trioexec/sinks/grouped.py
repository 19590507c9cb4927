"""Equal answers once, under the nodes that gave them.

Two nodes are in one group where both streams and the outcome are equal.  An
answer that is known already is dropped as soon as its node has finished; what
is kept beyond a few megabytes is kept on disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

from msgspec import Struct, field
from msgspec.structs import replace

from trioexec.model.events import Event, NodeFinished, NodeOutput, RunFinished, RunStarted
from trioexec.model.hostfold import Fold
from trioexec.model.likeness import fold_alike
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Exited, Killed, Outcome, brief
from trioexec.sinks.answers import Answer
from trioexec.sinks.console import Console
from trioexec.sinks.diffs import diff_lines, tinted
from trioexec.sinks.masks import Mask, make_masker
from trioexec.sinks.spool import Spool
from trioexec.sinks.visible import visible_line

__all__ = ["Group", "GroupSink", "Look", "Order"]

Order = Literal["size", "node", "code"]
"""Biggest group first; by the rank of each group's first node; by exit code."""

MEMORY_BYTES: Final = 16 * 1024 * 1024
"""What all answers together may hold in whole blocks; beyond, they go to disk."""

MOST_DIFFED_BYTES: Final = 4 * 1024 * 1024
"""A longer answer is shown whole rather than as a diff: it would all have to be in memory."""


class Look(Struct, frozen=True, kw_only=True):
    """How groups are shown."""

    marked: bool = True
    """Whether lines are set off by two blanks, and those of stderr by ``! ``."""

    color: bool = False
    order: Order = "size"
    diff: bool = False
    """Whether the minority's answers are shown as their difference from the majority's."""

    masks: tuple[Mask, ...] = ()
    """What is no difference."""

    brief: bool = False
    """Whether a long reason is cut in a heading, because a summary says it whole."""


class Group(Struct, kw_only=True):
    """Nodes that ended alike and said the same."""

    outcome: Outcome
    text: str
    """The outcome's line; of several outcomes, where they are joined."""

    answer: Answer
    """The speaker's; that of the others is like it, but for what is masked."""

    speaker: Node
    """Who finished first."""

    nodes: list[Node] = field(default_factory=list)
    alike: bool = True
    """Whether the answers are equal byte for byte, masks or not."""

    @property
    def silent(self) -> bool:
        """Whether all there is to say is how they ended, which was no end of their command."""
        return not self.answer.size_bytes and not isinstance(self.outcome, Exited | Killed)


class GroupSink:
    """Shows answers when the run has finished."""

    def __init__(
        self,
        console: Console,
        *,
        fold: Fold = ", ".join,
        look: Look | None = None,
    ) -> None:
        """Prepare the sink.

        Args:
            console: Groups go to its stdout.
            fold: Makes one short text of node names.
            look: How they are shown.
        """
        self._writer = console.stdout
        self._fold = fold
        self._look = look or Look()
        self._spool = Spool(
            memory_bytes=MEMORY_BYTES,
            on_error=lambda exc: console.say(
                f"trioexec: output is kept in memory: no temporary file ({exc.strerror})"
            ),
        )
        self._nodes: dict[str, Node] = {}
        self._answers: dict[str, Answer] = {}
        self._groups: dict[tuple[Outcome, bytes], Group] = {}

    @property
    def groups(self) -> list[Group]:
        """The groups so far, in the order in which they are shown; nodes by rank."""
        groups = list(self._groups.values())
        for group in groups:
            group.nodes.sort(key=lambda node: node.rank)
        return self._in_order(groups)

    @property
    def distinct(self) -> int:
        """How many different answers there are so far."""
        return len(self._groups)

    @property
    def outliers(self) -> list[Node]:
        """Nodes that do not say what most say, by rank.

        Most are the biggest group of those whose command ran to its end; of two of
        one size, that of the first node.
        """
        if not self._groups:
            return []
        majority = _majority(self.groups)
        others = (group for group in self._groups.values() if group is not majority)
        return sorted(
            (node for group in others for node in group.nodes), key=lambda node: node.rank
        )

    @property
    def dissenters(self) -> list[Node]:
        """Those of the outliers that succeeded where most did: nothing else says why they fail."""
        if not self._groups or not _majority(self.groups).outcome.ok:
            return []
        succeeded = {
            node.name for group in self._groups.values() if group.outcome.ok for node in group.nodes
        }
        return [node for node in self.outliers if node.name in succeeded]

    def handle(self, event: Event) -> None:
        """Take one event."""
        match event:
            case NodeOutput():
                answer = self._answers.get(event.node)
                if answer is None:
                    answer = self._answers[event.node] = self._begin(event.node)
                answer.append(event.stream, event.data)
            case NodeFinished():
                self._sort_in(event)
            case RunStarted():
                self._nodes = {node.name: node for node in event.nodes}
            case RunFinished():
                self._show()

    async def serve(self) -> None:
        """Nothing takes time here: the console asks for the text as it writes."""

    def _begin(self, node: str) -> Answer:
        masker = make_masker(self._look.masks, self._nodes[node]) if self._look.masks else None
        return Answer(self._spool, masker)

    def _sort_in(self, event: NodeFinished) -> None:
        answer = self._answers.pop(event.node, None) or self._begin(event.node)
        answer.end()
        key = (event.outcome, answer.compared)
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(
                outcome=event.outcome,
                text=event.outcome.text,
                answer=answer,
                speaker=self._nodes[event.node],
            )
        else:
            group.alike = group.alike and answer.exact == group.answer.exact
            answer.drop()
        group.nodes.append(self._nodes[event.node])

    def _in_order(self, groups: list[Group]) -> list[Group]:
        groups.sort(key=lambda group: group.nodes[0].rank)
        if self._look.order != "node":
            groups.sort(key=lambda group: -len(group.nodes))
        if self._look.order == "code":
            groups.sort(key=lambda group: group.outcome.exit_code)
        return groups

    def _show(self) -> None:
        groups = self.groups
        majority = _majority(groups) if groups else None
        for group in self._in_order(_joined(groups)):
            self._writer.write(self._heading(group))
            parts = self._whole(group)
            if self._look.diff and majority is not None and group is not majority:
                parts = self._difference(group, majority)
            self._writer.write_lazily(parts, group.answer.size_bytes)

    def _heading(self, group: Group) -> bytes:
        names = self._fold(node.name for node in group.nodes)
        how = brief(group.text) if self._look.brief else group.text
        text = f"{names} ({len(group.nodes)}): {how}"
        if not group.alike:
            text += f", as {group.speaker.name} says it"
        line = visible_line(text)
        if self._look.color:
            sgr = b"1" if group.outcome.ok else b"1;31"
            line = b"\x1b[%bm%b\x1b[0m" % (sgr, line)
        return line + b"\n"

    def _whole(self, group: Group) -> Iterator[bytes]:
        return group.answer.parts(marked=self._look.marked, terminal=self._writer.is_terminal)

    def _difference(self, group: Group, majority: Group) -> Iterator[bytes]:
        """The text of a minority group; made when the reader has come that far."""
        if not group.answer.size_bytes and majority.answer.size_bytes:
            if isinstance(group.outcome, Exited):  # of others nobody expects a word
                yield b"(says nothing)\n"
            return
        against = visible_line(self._fold(node.name for node in majority.nodes))
        sizes = (group.answer.size_bytes, majority.answer.size_bytes)
        lines = None
        if max(sizes) <= MOST_DIFFED_BYTES:
            lines = diff_lines(
                self._lines(majority),
                self._lines(group),
                masks=(
                    make_masker(self._look.masks, majority.speaker),
                    make_masker(self._look.masks, group.speaker),
                ),
            )
        if lines is None:
            yield b"(too much differs from %b for a diff)\n" % against
            yield from self._whole(group)
        elif not lines:
            yield b"(says what %b says)\n" % against
        else:
            head = [b"--- %b" % against, b"+++ %b" % visible_line(group.speaker.name)]
            shown = map(tinted, head + lines) if self._look.color else head + lines
            yield b"".join(line + b"\n" for line in shown)

    def _lines(self, group: Group) -> list[bytes]:
        text = b"".join(group.answer.parts(marked=True, terminal=self._writer.is_terminal))
        return text.split(b"\n")[:-1]


def _majority(groups: list[Group]) -> Group:
    """The biggest group of those whose command ran to its end; of any, where there are none."""
    ended = [group for group in groups if isinstance(group.outcome, Exited)]
    return min(ended or groups, key=lambda group: (-len(group.nodes), group.nodes[0].rank))


def _joined(groups: list[Group]) -> list[Group]:
    """Join those with nothing to show but a reason of one kind, where there are many."""
    silent = {group.nodes[0]: group for group in groups if group.silent}
    ways: dict[str, list[Node]] = {}
    for group in silent.values():
        ways.setdefault(group.text, []).extend(group.nodes)
    joined = [group for group in groups if not group.silent]
    for text, nodes in fold_alike(ways).items():
        first = silent[nodes[0]]
        ranked = sorted(nodes, key=lambda node: node.rank)
        joined.append(first if nodes == first.nodes else replace(first, text=text, nodes=ranked))
    return joined
