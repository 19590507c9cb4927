"""A transport without a network, for tests whose clock jumps.

`FakeTransport` keeps the contract of `transports.base.Transport` to the letter,
and each `FakeNode` records when what happened to it, in `trio.current_time()`.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager

import trio
from msgspec import Struct, field

from trioexec.model.command import Command
from trioexec.model.events import Stream
from trioexec.model.feed import Cursor, Feed, feed_of
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Exited, Killed, Unreachable
from trioexec.transports.base import Call, Ended

__all__ = ["FakeNode", "FakeTransport"]

_BITE_BYTES = 65536


class FakeNode(Struct, kw_only=True, eq=False):
    """How one node behaves, and what became of it; the times are those of its last call."""

    takes_s: float = 0.0
    """How many seconds the command runs if nobody stops it."""

    code: int = 0
    """What the command exits with."""

    signal: int | None = None
    """The command ends by this signal instead of exiting."""

    output: tuple[tuple[float, Stream, bytes], ...] = ()
    """What it says, and how many seconds after its start, ascending and up to `takes_s`."""

    last_words: bytes = b""
    """What it says on its stdout when it gets TERM."""

    ignores_term: bool = False
    """It runs on after TERM, until KILL."""

    term_takes_s: float = 0.0
    """How long it takes to obey TERM."""

    connect_s: float = 0.0
    """How many seconds reaching it takes."""

    auth_s: float = 0.0
    """And logging in, after that."""

    fails: Ended | None = None
    """Comes instead of the command, after `connect_s` and `auth_s`."""

    link_lost: bool = False
    """The network goes when the call is stopped: TERM never arrives, and nobody hears of an end."""

    received: bytes = b""
    """What its last command read of its stdin, all that came; it is taken as it comes."""

    commands: list[Command] = field(default_factory=list)
    """Those it was asked to run, in that order."""

    connecting_at_s: float | None = None
    """When its last call began, by `trio.current_time()`; None where that has not happened."""

    started_at_s: float | None = None
    """When the command was started."""

    stopped_at_s: float | None = None
    """When it was sent TERM."""

    killed_at_s: float | None = None
    """When it was sent KILL, the grace being over."""

    cut_at_s: float | None = None
    """When a last Ctrl-C ended its goodbye."""


class FakeTransport:
    """Nodes by name; one that is not there is unreachable.

    When a call is cancelled, its node is sent TERM, and KILL after the command's grace.

    Example:
        No network, and under `autojump_clock` no time either::

            slow = FakeNode(takes_s=0.5, code=3, output=((0.1, "stdout", b"working"),))
            async with open_fleet("slow,gone", transport=FakeTransport({"slow": slow})) as fleet:
                report = await fleet.run("backup")
            assert report["slow"].outcome == Exited(code=3)
            assert report["gone"].outcome == Unreachable(reason="no such node")
    """

    def __init__(self, nodes: Mapping[str, FakeNode]) -> None:
        self.nodes: dict[str, FakeNode] = dict(nodes)
        self.is_open: bool = False

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Record that it is open."""
        self.is_open = True
        try:
            yield
        finally:
            self.is_open = False

    async def run(self, node: Node, command: Command, call: Call) -> Ended:
        """Play the node's part; stopped by a cancel as the real transports are."""
        fake = self.nodes.get(node.name)
        end = await _connect(fake, call)
        if fake is None or end is not None:
            return end or Exited(code=0)
        fake.commands.append(command)
        fake.received = b""
        fake.started_at_s = trio.current_time()
        call.reached("command")
        performance = _Performance(fake, call, started_at_s=fake.started_at_s)
        call.flow.attach(performance)
        stdin = _Stdin(fake, command.stdin)
        try:
            await performance.play()
        except trio.Cancelled:
            await performance.stop(grace_s=command.stop_grace_s)  # noqa: ASYNC102 - shields itself
            raise
        finally:
            stdin.close()
            call.flow.detach(performance)
        return Killed(signal=fake.signal) if fake.signal is not None else Exited(code=fake.code)

    async def ping(self, node: Node, call: Call) -> Ended:
        """Connect, and say so."""
        return await _connect(self.nodes.get(node.name), call) or Exited(code=0)


async def _connect(fake: FakeNode | None, call: Call) -> Ended | None:
    """Get as far as the command; the outcome, if it does not come to one."""
    if fake is None:
        await trio.lowlevel.checkpoint()
        return Unreachable(reason="no such node")
    fake.connecting_at_s = trio.current_time()
    await trio.sleep(fake.connect_s)
    call.reached("auth")
    await trio.sleep(fake.auth_s)
    return fake.fails


class _Stdin:
    """What a command reads, put down with its node as it comes."""

    def __init__(self, fake: FakeNode, stdin: bytes | Feed | None) -> None:
        self._fake = fake
        self._cursor: Cursor | None = None
        if stdin is not None:
            self._cursor = feed_of(stdin).attach(self._take)
            self._take()

    def _take(self) -> None:
        while self._cursor is not None and (data := self._cursor.read(_BITE_BYTES)):
            self._fake.received += data

    def close(self) -> None:
        """Read no more."""
        if self._cursor is not None:
            self._cursor.close()
            self._cursor = None


class _Performance:
    """One command under way; a channel that obeys the run's `Flow`."""

    def __init__(self, fake: FakeNode, call: Call, *, started_at_s: float) -> None:
        self._fake = fake
        self._call = call
        self._started_at_s = started_at_s
        self._unsaid = deque(fake.output)
        self._may_speak = trio.Event()
        self._may_speak.set()

    def pause_reading(self) -> None:
        if self._may_speak.is_set():
            self._may_speak = trio.Event()

    def resume_reading(self) -> None:
        self._may_speak.set()

    async def play(self, until_s: float = math.inf) -> None:
        """Say what is due until then, and return when the command is over or the time is."""
        end_s = min(self._started_at_s + self._fake.takes_s, until_s)
        while self._unsaid and (due_s := self._started_at_s + self._unsaid[0][0]) <= end_s:
            await trio.sleep_until(due_s)
            while not self._may_speak.is_set():
                await self._may_speak.wait()
            _, stream, data = self._unsaid.popleft()
            self._call.output(stream, data)
        await trio.sleep_until(end_s)

    async def stop(self, *, grace_s: float) -> None:
        """TERM, the grace, KILL; bounded, and cut short by the call's goodbye."""
        fake = self._fake
        fake.stopped_at_s = trio.current_time()

        def cut() -> None:
            fake.cut_at_s = trio.current_time()
            scope.cancel(reason="cut")

        with trio.move_on_after(grace_s, shield=True) as scope, self._call.goodbye(cut):
            await self._obey_term()
        if scope.cancelled_caught and fake.cut_at_s is None:
            fake.killed_at_s = trio.current_time()
        self._call.note_remote(ended=fake.cut_at_s is None and not fake.link_lost)

    async def _obey_term(self) -> None:
        if self._fake.link_lost:
            await trio.sleep_forever()
        if self._fake.ignores_term:
            await self.play()
            return
        await self.play(until_s=trio.current_time())
        if self._fake.last_words:
            self._call.output("stdout", self._fake.last_words)
        await trio.sleep(self._fake.term_takes_s)
