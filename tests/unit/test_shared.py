"""What becomes of a run's nodes when a process that works for it is gone."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import trio

from tests.calls import HeardCall
from trioexec.api import Fleet, open_fleet
from trioexec.model.command import Command
from trioexec.model.errors import ConfigError
from trioexec.model.events import Event, NodeFinished, NodeStarted
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Cancelled, Exited, Outcome, Unreachable
from trioexec.testing.fakes import FakeNode, FakeTransport
from trioexec.transports.base import Transport
from trioexec.transports.relay import client
from trioexec.transports.relay.client import RelayTransport
from trioexec.transports.relay.server import serve_link
from trioexec.transports.relay.shared import SharedTransport
from trioexec.transports.relay.values import request
from trioexec.transports.relay.wire import (
    Beat,
    Frames,
    Phase,
    Request,
    decode_to_server,
    encode,
)

HANG_S = 60.0


class Worker:
    """A process that works for a run, and can be killed."""

    def __init__(self, number: int, *names: str) -> None:
        self.nodes = {name: FakeNode(takes_s=3600) for name in names}
        self.dies = trio.CancelScope()
        self._ours, self._theirs = trio.socket.socketpair()
        self.relay = RelayTransport(self._connect, f"worker {number}")

    def _connect(self) -> trio.SocketStream:
        return trio.SocketStream(self._ours)

    async def serve(self) -> None:
        with self.dies:
            await serve_link(trio.SocketStream(self._theirs), FakeTransport(self.nodes))

    def asked(self) -> list[str]:
        return [name for name, node in self.nodes.items() if node.commands]


class Here:
    """This process's own transport, and how often it was made."""

    def __init__(self, *names: str) -> None:
        self.nodes = {name: FakeNode(code=7) for name in names}
        self.made = 0

    def __call__(self) -> Transport:
        self.made += 1
        return FakeTransport(self.nodes)

    def asked(self) -> list[str]:
        return [name for name, node in self.nodes.items() if node.commands]


@asynccontextmanager
async def shared(
    workers: list[Worker],
    here: Callable[[], Transport],
    names: str,
    *,
    parallel: int,
    fail_fast: bool = False,
) -> AsyncIterator[Fleet]:
    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            for worker in workers:
                nursery.start_soon(worker.serve)
            transport = SharedTransport([worker.relay for worker in workers], here)
            async with open_fleet(
                names, transport=transport, parallel=parallel, fail_fast=fail_fast
            ) as fleet:
                yield fleet
            nursery.cancel_scope.cancel()


async def outcomes_of(
    fleet: Fleet, on_start: Callable[[NodeStarted], object]
) -> dict[str, Outcome]:
    """Run a command and give how each node ended; `on_start` is called when one has started."""
    found: dict[str, Outcome] = {}

    def take(event: Event) -> None:
        if isinstance(event, NodeStarted):
            on_start(event)
        elif isinstance(event, NodeFinished):
            assert event.node not in found
            found[event.node] = event.outcome

    async with fleet.stream("do") as events:
        async for event in events:
            take(event)
    return found


async def test_who_was_not_asked_for_yet_is_reached_from_here_when_the_other_process_dies() -> None:
    worker, here = Worker(1, "n0", "n1", "n2", "n3"), Here("n0", "n1", "n2", "n3")

    async with shared([worker], here, "n0,n1,n2,n3", parallel=2) as fleet:
        started: list[str] = []

        def kill(event: NodeStarted) -> None:
            started.append(event.node)
            if len(started) == 2:
                worker.dies.cancel()

        found = await outcomes_of(fleet, kill)

    died = Unreachable(reason="worker 1 died", remote="not confirmed")
    assert found == {"n0": died, "n1": died, "n2": Exited(code=7), "n3": Exited(code=7)}
    assert (worker.asked(), here.asked()) == (["n0", "n1"], ["n2", "n3"])


async def test_who_was_not_asked_for_yet_goes_to_another_worker_that_lives() -> None:
    first, second = Worker(1, "n0", "n2", "n4"), Worker(2, "n1", "n2", "n3", "n4", "n5")
    for node in second.nodes.values():
        node.takes_s = 0.0
    here = Here()

    async with shared([first, second], here, "n0,n1,n2,n3,n4,n5", parallel=1) as fleet:
        found = await outcomes_of(
            fleet, lambda event: first.dies.cancel() if event.node == "n0" else None
        )

    died = Unreachable(reason="worker 1 died", remote="not confirmed")
    assert found == {"n0": died} | {f"n{rank}": Exited(code=0) for rank in range(1, 6)}
    assert (first.asked(), here.made) == (["n0"], 0)


async def test_while_others_work_nothing_is_made_here() -> None:
    worker, here = Worker(1, "n0"), Here()
    worker.nodes["n0"].takes_s = 0.0

    async with shared([worker], here, "n0", parallel=1) as fleet:
        report = await fleet.run("do")

    assert report["n0"].outcome == Exited(code=0)
    assert here.made == 0


async def test_a_dead_worker_stops_a_fail_fast_run_and_nothing_more_is_begun() -> None:
    worker, here = Worker(1, "n0"), Here("n1")

    async with shared([worker], here, "n0,n1", parallel=1, fail_fast=True) as fleet:
        found = await outcomes_of(fleet, lambda _: worker.dies.cancel())

    assert found["n1"] == Cancelled(why="fail-fast", started=False)
    assert here.made == 0


async def test_the_limit_of_nodes_at_once_holds_for_those_that_are_reached_from_here() -> None:
    names = [f"n{rank}" for rank in range(6)]
    worker, here = Worker(1, "n0", "n1"), Here(*names)
    running, most = 0, 0

    class Counting(FakeTransport):
        async def run(self, node: Node, command: Command, call: HeardCall) -> Exited:  # type: ignore[override]
            nonlocal running, most
            running += 1
            most = max(most, running)
            await trio.sleep(0.02)
            running -= 1
            return Exited(code=0)

    async with shared([worker], lambda: Counting(here.nodes), ",".join(names), parallel=2) as fleet:
        started: list[str] = []

        def kill(event: NodeStarted) -> None:
            started.append(event.node)
            if len(started) == 2:
                worker.dies.cancel()

        found = await outcomes_of(fleet, kill)

    assert most == 2
    assert [name for name in names if found[name] == Exited(code=0)] == names[2:]


async def test_pings_are_reached_from_here_too_and_one_that_was_asked_for_started_nothing() -> None:
    worker, here = Worker(1, "n0"), Here("n0")
    worker.nodes["n0"] = FakeNode(connect_s=3600)

    async with shared([worker], here, "n0", parallel=1) as fleet, trio.open_nursery() as nursery:

        @nursery.start_soon
        async def kill() -> None:
            while worker.nodes["n0"].connecting_at_s is None:
                await trio.sleep(0.01)
            worker.dies.cancel()

        first = await fleet.ping()
        second = await fleet.ping()

    assert first["n0"].outcome == Unreachable(reason="worker 1 died")
    assert second["n0"].outcome == Exited(code=0)


async def test_what_keeps_this_process_from_connecting_is_an_outcome() -> None:
    worker = Worker(1, "n0")

    def refuses() -> Transport:
        raise ConfigError("ssh_config: line 3: no such thing.\nPut it right.")

    async with shared([worker], refuses, "n0,n1,n2", parallel=1) as fleet:
        found = await outcomes_of(fleet, lambda _: worker.dies.cancel())
        pinged = await fleet.ping()

    refused = Unreachable(reason="ssh_config: line 3: no such thing.")
    assert (found["n1"], found["n2"]) == (refused, refused)
    assert [row.outcome for row in pinged] == [refused] * 3


async def test_a_cancel_while_this_process_gets_ready_ends_the_run() -> None:
    worker = Worker(1, "n0")
    opening = trio.Event()

    class Slow(FakeTransport):
        @asynccontextmanager
        async def open(self) -> AsyncIterator[None]:
            opening.set()
            await trio.sleep_forever()
            yield

    async with shared([worker], lambda: Slow({}), "n0,n1", parallel=1) as fleet:
        async with trio.open_nursery() as nursery:

            @nursery.start_soon
            async def kill_and_cancel() -> None:
                while worker.nodes["n0"].started_at_s is None:
                    await trio.sleep(0.01)
                worker.dies.cancel()
                await opening.wait()
                nursery.cancel_scope.cancel()

            await fleet.run("do")

    assert nursery.cancel_scope.cancelled_caught


async def test_who_died_before_it_had_begun_had_started_nothing() -> None:
    ours, theirs = trio.socket.socketpair()
    relay = RelayTransport(lambda: trio.SocketStream(ours), "worker 1")
    here = Here("n0")

    async def die_when_asked() -> None:
        async with trio.SocketStream(theirs) as stream:
            frames = Frames()
            async for data in stream:
                if any(isinstance(decode_to_server(body), Request) for body in frames.feed(data)):
                    return

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(die_when_asked)
            async with open_fleet("n0", transport=SharedTransport([relay], here)) as fleet:
                report = await fleet.run("do")

    assert report["n0"].outcome == Exited(code=7)


async def test_nothing_is_begun_that_the_run_has_not_heard_of() -> None:
    node = FakeNode()
    ours, theirs = trio.socket.socketpair()
    link_is_full = b"x" * 1_000_000
    message = request(0, Node(name="n", host="n"), Command(text="do"))

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery, trio.SocketStream(ours) as stream:
            theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
            serving = trio.SocketStream(theirs)
            with trio.move_on_after(0.05):
                await serving.send_all(link_is_full)
            nursery.start_soon(serve_link, serving, FakeTransport({"n": node}))
            await stream.send_all(encode(message))
            await trio.sleep(0.1)
            before = list(node.commands)
            await stream.aclose()

    assert (before, node.commands) == ([], [])


class Silence:
    """The other end of a relay, over memory: the clock may jump. It says nothing by itself."""

    def __init__(self) -> None:
        ours, self.stream = trio.testing.memory_stream_pair()
        self.closed = trio.Event()
        self._ours = ours
        self.relay = RelayTransport(self._connect, "the holder")  # type: ignore[arg-type]

    @asynccontextmanager
    async def _connect(self) -> AsyncIterator[trio.StapledStream[object, object]]:
        yield self._ours  # type: ignore[misc]

    async def until_closed(self) -> float:
        while await self.stream.receive_some():
            pass
        return trio.current_time()


async def test_who_says_nothing_is_asked_for_no_more_and_counts_as_dead_in_the_end(
    autojump_clock: trio.testing.MockClock,
) -> None:
    silent, began_s = Silence(), trio.current_time()
    lived: list[float] = []
    await silent.stream.send_all(encode(Phase(0, "command")))

    async with silent.relay.open(), trio.open_nursery() as nursery:

        @nursery.start_soon
        async def look() -> None:
            while silent.relay.lives:
                lived.append(trio.current_time() - began_s)
                await trio.sleep(0.5)

        outcome = await silent.relay.run(Node(name="n", host="n"), Command(text="do"), HeardCall())
        after_s = trio.current_time() - began_s
        closed_s = await silent.until_closed() - began_s

    assert outcome == Unreachable(reason="the holder does not answer", remote="not confirmed")
    assert lived[-1] <= client.BEAT_S * client.BEATS_TO_PASS_BY
    assert after_s == closed_s == client.BEAT_S * client.BEATS_TO_GIVE_UP == 90


async def test_who_goes_on_in_time_is_asked_again(autojump_clock: trio.testing.MockClock) -> None:
    silent = Silence()

    async with silent.relay.open():
        await trio.sleep(client.BEAT_S * client.BEATS_TO_GIVE_UP - 1)
        before = silent.relay.lives
        await silent.stream.send_all(encode(Beat()))
        await trio.sleep(1)
        after = silent.relay.lives

    assert (before, after) == (False, True)


async def test_whoever_works_for_a_run_answers_its_beats() -> None:
    ours, theirs = trio.socket.socketpair()

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery, trio.SocketStream(ours) as stream:
            nursery.start_soon(serve_link, trio.SocketStream(theirs), FakeTransport({}))
            await stream.send_all(encode(Beat()))
            answer = await stream.receive_some()

    assert answer == encode(Beat())
