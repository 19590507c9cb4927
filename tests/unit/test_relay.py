from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import trio
from hypothesis import given
from hypothesis import strategies as st

from tests.calls import HeardCall
from trioexec.api import Fleet, open_fleet
from trioexec.api.event_stream import EventStream
from trioexec.api.streams import InputStream
from trioexec.model.command import Command
from trioexec.model.events import NodeOutput
from trioexec.model.nodes import Node
from trioexec.model.outcomes import (
    Cancelled,
    Denied,
    Exited,
    HostKeyRejected,
    Killed,
    SudoDenied,
    Unreachable,
)
from trioexec.model.secret import Secret
from trioexec.testing.fakes import FakeNode, FakeTransport
from trioexec.transports.base import Call, Ended, Reached
from trioexec.transports.relay import client, place
from trioexec.transports.relay.client import RelayTransport
from trioexec.transports.relay.server import serve_link
from trioexec.transports.relay.values import command_of, ended_of, finished, node_of, request
from trioexec.transports.relay.wire import (
    Finished,
    Frames,
    Hold,
    Output,
    Phase,
    decode_from_server,
    decode_to_server,
    encode,
)
from trioexec.transports.ssh import ending
from trioexec.transports.ssh.options import SshOptions

HANG_S = 60.0

OUTCOMES = [
    Exited(code=3),
    Killed(signal=9),
    Unreachable(reason="gone", remote="not confirmed"),
    Denied(reason="no"),
    SudoDenied(reason="wrong password"),
    HostKeyRejected(reason="changed"),
]


class Relayed:
    """A fleet whose transport is at the other end of a socket pair."""

    def __init__(self, fleet: Fleet, server: trio.CancelScope) -> None:
        self.fleet = fleet
        self.server = server


@asynccontextmanager
async def relayed(transport: FakeTransport, names: str) -> AsyncIterator[Relayed]:
    ours, theirs = trio.socket.socketpair()

    def connect() -> trio.SocketStream:
        return trio.SocketStream(ours)

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            server = trio.CancelScope()

            async def serve() -> None:
                with server:
                    await serve_link(trio.SocketStream(theirs), transport)

            nursery.start_soon(serve)
            relay = RelayTransport(connect, "the holder")
            async with open_fleet(names, transport=relay) as fleet:
                yield Relayed(fleet, server)
            server.cancel()


async def test_outcomes_and_output_come_through_unchanged() -> None:
    fakes = {
        f"n{rank}": FakeNode(fails=outcome, output=()) for rank, outcome in enumerate(OUTCOMES)
    }
    fakes["talker"] = FakeNode(
        code=7, output=((0.0, "stdout", b"out\xff"), (0.0, "stderr", b"err"))
    )

    async with relayed(FakeTransport(fakes), ",".join(fakes)) as there:
        report = await there.fleet.run("do", env={"A": "b"})

    assert [row.outcome for row in report][:-1] == OUTCOMES
    assert report["talker"].outcome == Exited(code=7)
    assert (report["talker"].stdout, report["talker"].stderr) == (b"out\xff", b"err")
    assert fakes["talker"].commands[0].env == {"A": "b"}


async def test_a_cancel_ends_the_command_over_there_and_brings_its_last_words() -> None:
    slow = FakeNode(takes_s=3600, last_words=b"bye")

    async with relayed(FakeTransport({"slow": slow}), "slow") as there:
        heard = b""
        async with there.fleet.node("slow").open_process("do") as process:
            process.terminate()
            outcome = await process.wait()
            heard = await process.stdout.receive_some()

    assert slow.stopped_at_s is not None
    assert outcome == Cancelled(why="caller", started=True, remote="ended")
    assert heard == b"bye"


async def test_when_the_run_is_gone_what_it_started_is_ended() -> None:
    slow = FakeNode(takes_s=3600)
    ours, theirs = trio.socket.socketpair()
    node = Node(name="slow", host="slow")

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_link, trio.SocketStream(theirs), FakeTransport({"slow": slow}))
            await trio.SocketStream(ours).send_all(encode(request(0, node, Command(text="do"))))
            while slow.started_at_s is None:
                await trio.sleep(0.01)
            ours.close()

    assert slow.stopped_at_s is not None


async def test_when_the_run_is_gone_its_full_readers_hold_up_nobody() -> None:
    waits = FakeNode(takes_s=0.1, output=((0.05, "stdout", b"last"),), ignores_term=True)
    ours, theirs = trio.socket.socketpair()
    node = Node(name="n", host="n")

    with trio.fail_after(60):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_link, trio.SocketStream(theirs), FakeTransport({"n": waits}))
            command = Command(text="do", stop_grace_s=30.0)
            messages = encode(Hold(0, held=True)) + encode(request(0, node, command))
            await trio.SocketStream(ours).send_all(messages)
            while waits.started_at_s is None:
                await trio.sleep(0.01)
            ours.close()

    assert waits.stopped_at_s is not None
    assert waits.killed_at_s is None


async def test_a_run_that_talks_nonsense_ends_itself_and_not_the_holder() -> None:
    slow = FakeNode(takes_s=3600)
    ours, theirs = trio.socket.socketpair()
    node = Node(name="slow", host="slow")

    with trio.fail_after(60), ours:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_link, trio.SocketStream(theirs), FakeTransport({"slow": slow}))
            await trio.SocketStream(ours).send_all(encode(request(0, node, Command(text="do"))))
            while slow.started_at_s is None:
                await trio.sleep(0.01)
            await trio.SocketStream(ours).send_all(b"\xff\xff\xff\xff")

    assert slow.stopped_at_s is not None


async def test_a_run_that_talks_nonsense_and_does_not_read_is_not_waited_for() -> None:
    says = tuple((0.0, "stdout", b"x" * 100_000) for _ in range(30))
    talker = FakeNode(takes_s=3600, output=says)  # type: ignore[arg-type]
    ours, theirs = trio.socket.socketpair()
    node = Node(name="n", host="n")

    with trio.fail_after(HANG_S), ours:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_link, trio.SocketStream(theirs), FakeTransport({"n": talker}))
            command = Command(text="do", stop_grace_s=0.1)
            await trio.SocketStream(ours).send_all(encode(request(0, node, command)))
            while talker.started_at_s is None:
                await trio.sleep(0.01)
            await trio.sleep(0.1)
            await trio.SocketStream(ours).send_all(b"\xff\xff\xff\xff")


@pytest.mark.parametrize(("version", "wire"), [("0.1.0", 1), ("0.2.0", 1), ("0.1.0", 2)])
def test_another_version_of_us_or_of_the_wire_has_a_holder_of_its_own(
    monkeypatch: pytest.MonkeyPatch, version: str, wire: int
) -> None:
    monkeypatch.setattr(place, "__version__", "0.1.0")
    monkeypatch.setattr(place, "VERSION", 1)
    ours = place.socket_path(SshOptions(), make=False)

    monkeypatch.setattr(place, "__version__", version)
    monkeypatch.setattr(place, "VERSION", wire)

    same = place.socket_path(SshOptions(), make=False) == ours
    assert same is ((version, wire) == ("0.1.0", 1))


class _Echo(FakeTransport):
    """Sends its stdin back."""

    async def run(self, node: Node, command: Command, call: Call) -> Ended:
        call.reached("command")
        more = trio.Event()
        assert command.stdin is not None
        assert not isinstance(command.stdin, bytes)
        cursor = command.stdin.attach(lambda: more.set())
        while (data := cursor.read(1000)) is not None:
            if data:
                call.output("stdout", data)
            else:
                await more.wait()
                more = trio.Event()
        return Exited(code=0)


async def _cancelled_call(
    phase: Reached | None,
    then: Callable[[HeardCall, trio.SocketStream], Awaitable[None]],
    command: Command = Command(text="do"),  # noqa: B008 - a value
) -> HeardCall:
    """Cancel a call whose other process had told this phase; `then` is what it does after."""
    ours, theirs = trio.socket.socketpair()
    call, other = HeardCall(), trio.SocketStream(theirs)
    scope = trio.CancelScope()

    def connect() -> trio.SocketStream:
        return trio.SocketStream(ours)

    async def cancel() -> None:
        if phase is not None:
            await other.send_all(encode(Phase(0, phase)))
            while not call.phases:
                await trio.lowlevel.checkpoint()
        scope.cancel()
        await call.leaving.wait()
        await then(call, other)

    relay = RelayTransport(connect, "worker process 1")
    with trio.fail_after(60):
        async with relay.open(), trio.open_nursery() as nursery:
            nursery.start_soon(cancel)
            with scope:
                node = Node(name="n", host="n")
                await relay.run(node, command, call)
    await other.aclose()
    return call


async def _dies(_call: HeardCall, other: trio.SocketStream) -> None:
    await other.aclose()


async def _is_cut(call: HeardCall, _other: trio.SocketStream) -> None:
    call.cuts[-1]()


async def _says_so(_call: HeardCall, other: trio.SocketStream) -> None:
    await other.send_all(encode(Finished(0, "")))


@pytest.mark.parametrize(
    ("phase", "then", "may_run"),
    [
        pytest.param(None, _dies, False, id="dead before it began"),
        pytest.param("connect", _dies, True, id="dead, and nobody knows how far it was"),
        pytest.param("auth", _dies, True, id="dead when it logged in"),
        pytest.param("auth", _is_cut, True, id="cut when it logged in"),
        pytest.param("connect", _is_cut, False, id="cut when it connected"),
        pytest.param("auth", _says_so, False, id="alive, and says so"),
    ],
)
async def test_not_started_is_said_only_of_what_is_known_not_to_run(
    phase: Reached | None,
    then: Callable[[HeardCall, trio.SocketStream], Awaitable[None]],
    *,
    may_run: bool,
) -> None:
    call = await _cancelled_call(phase, then)

    assert ("command" in call.phases) is may_run
    assert call.ended is False


@pytest.mark.parametrize("ended", [Exited(code=0), Killed(signal=9)], ids=["exited", "killed"])
async def test_a_command_that_ended_before_it_could_be_stopped_has_ended(ended: Ended) -> None:
    async def has_ended(_call: HeardCall, other: trio.SocketStream) -> None:
        await other.send_all(encode(finished(0, ended)))

    call = await _cancelled_call("command", has_ended)

    assert call.ended is True


async def test_a_command_that_is_being_ended_reads_no_more() -> None:
    stdin = InputStream()
    sends: list[type[BaseException]] = []

    async def send(_call: HeardCall, other: trio.SocketStream) -> None:
        try:
            await stdin.send_all(b"more")
        except trio.BrokenResourceError as exc:
            sends.append(type(exc))
        await other.send_all(encode(Finished(0, "", remote_ended=True)))

    await _cancelled_call("command", send, Command(text="do", stdin=stdin))

    assert sends == [trio.BrokenResourceError]


class _Logs(FakeTransport):
    """Logs what it does."""

    async def run(self, node: Node, command: Command, call: Call) -> Ended:
        logging.getLogger("trioexec.transports.fake").info("seen %s", node.name)
        logging.getLogger("trioexec.transports.fake").warning("odd %s", node.name)
        return Exited(code=0)


@pytest.mark.parametrize(
    ("level", "infos", "warnings"),
    [(logging.INFO, 2, 2), (logging.WARNING, 0, 2), (logging.ERROR, 0, 0)],
)
async def test_what_is_logged_of_a_call_is_logged_by_its_run_where_that_is_heard(
    caplog: pytest.LogCaptureFixture, level: int, infos: int, warnings: int
) -> None:
    caplog.set_level(level, "trioexec")

    async with relayed(_Logs({}), "n") as there:
        await there.fleet.run("do")

    assert caplog.messages.count("seen n") == infos  # there, and here
    assert caplog.messages.count("odd n") == warnings


class Plenty:
    """A feed of much, which knows how much was taken."""

    def __init__(self) -> None:
        self.left_bytes = self.size_bytes = 64 * client.FEED_AHEAD_BYTES

    def attach(self, wake: Callable[[], object]) -> Plenty:
        return self

    def read(self, limit_bytes: int) -> bytes:
        size = min(limit_bytes, self.left_bytes)
        self.left_bytes -= size
        return b"x" * size

    def close(self) -> None:
        """There is no more to come."""


async def test_of_a_stdin_that_is_not_taken_only_so_much_is_on_its_way() -> None:
    plenty = Plenty()

    await _cancelled_call("command", _says_so, Command(text="do", stdin=plenty))

    assert 0 < plenty.size_bytes - plenty.left_bytes <= 2 * client.FEED_AHEAD_BYTES


async def test_stdin_crosses_whole_however_long_it_is() -> None:
    data = bytes(range(256)) * 8000

    async with relayed(_Echo({}), "a,b") as there:
        report = await there.fleet.run("cat", input=data)

    assert report["a"].stdout == data
    assert report["b"].stdout == data


async def test_a_reader_that_waits_makes_the_node_wait() -> None:
    pieces = tuple((0.0, "stdout", b"x" * 32768) for _ in range(2000))
    endless = FakeNode(output=pieces)  # type: ignore[arg-type]

    async with relayed(FakeTransport({"n": endless}), "n") as there:
        async with there.fleet.stream("do") as events:
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert endless.commands
            waiting = sum(
                len(event.data) for event in events._events if isinstance(event, NodeOutput)
            )
            total = 0
            async for event in events:
                if isinstance(event, NodeOutput):
                    total += len(event.data)

    assert waiting < 4 * 1024 * 1024
    assert total == 2000 * 32768


def _much() -> FakeNode:
    return FakeNode(output=tuple((0.0, "stdout", b"x" * 32768) for _ in range(2000)))  # type: ignore[arg-type]


def _waiting_bytes(events: EventStream) -> int:
    return sum(len(event.data) for event in events._events if isinstance(event, NodeOutput))


async def _read(events: EventStream) -> int:
    return sum([len(event.data) async for event in events if isinstance(event, NodeOutput)])


@pytest.mark.parametrize("read_first", [0, 1])
async def test_a_reader_that_waits_holds_up_its_own_nodes_and_no_others(read_first: int) -> None:
    async with relayed(FakeTransport({"a": _much(), "b": _much()}), "a,b") as there:
        fleets = [there.fleet.only([node]) for node in there.fleet.nodes]
        async with fleets[0].stream("do") as first, fleets[1].stream("do") as second:
            streams = [first, second]
            totals = [await _read(streams[read_first])]
            waiting = _waiting_bytes(streams[1 - read_first])
            totals.append(await _read(streams[1 - read_first]))

    assert waiting < 4 * 1024 * 1024
    assert totals == [2000 * 32768] * 2


async def test_a_reader_that_waits_is_heard_too_while_another_call_is_stopped() -> None:
    slow = FakeNode(takes_s=3600, term_takes_s=0.3)

    async with relayed(FakeTransport({"a": _much(), "slow": slow}), "a,slow") as there:
        fleet = there.fleet
        async with (
            fleet.only([fleet.nodes[0]]).stream("do") as events,
            fleet.node("slow").open_process("do") as process,
        ):
            process.terminate()
            outcome = await process.wait()
            waiting = _waiting_bytes(events)
            total = await _read(events)

    assert outcome == Cancelled(why="caller", started=True, remote="ended")
    assert waiting < 4 * 1024 * 1024
    assert total == 2000 * 32768


@pytest.mark.parametrize("outcome", OUTCOMES, ids=lambda outcome: type(outcome).__name__)
def test_an_outcome_survives_the_wire(outcome: Ended) -> None:
    (body,) = Frames().feed(encode(finished(5, outcome)))
    message = decode_from_server(body)

    assert isinstance(message, Finished)
    assert ended_of(message) == outcome


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(Command(text="x", env={"K": "v"}, stop_grace_s=1.5), id="plain"),
        pytest.param(Command(text="x", tty=True, wrap=False), id="a terminal, and no wrapper"),
        pytest.param(Command(text="echo %h", substitute=True), id="the node's words"),
        pytest.param(Command(text="x", sudo_password=Secret("s")), id="sudo"),
        pytest.param(Command(text="x", sudo_password=Secret("")), id="an empty password"),
    ],
)
def test_a_command_survives_the_wire(command: Command) -> None:
    node = Node(name="a@b:1", host="b", port=1, user="a", rank=4)

    (body,) = Frames().feed(encode(request(1, node, command, reader=3)))
    message = decode_to_server(body)

    assert node_of(message) == node  # type: ignore[arg-type]
    assert command_of(message) == command  # type: ignore[arg-type]


def test_the_other_process_may_take_its_own_time_to_end_a_command() -> None:
    assert client.STOP_MARGIN_S > ending.STOP_MARGIN_S


def test_an_outcome_that_does_not_exist_is_refused() -> None:
    with pytest.raises(ValueError, match="no such outcome"):
        ended_of(Finished(1, "Vanished"))


@given(st.lists(st.binary(max_size=50)), st.integers(1, 60))
def test_frames_are_put_together_from_any_pieces(datas: list[bytes], size: int) -> None:
    wire = b"".join(encode(Output(1, "stdout", data)) for data in datas)
    frames = Frames()

    bodies = [
        body for at in range(0, len(wire), size) for body in frames.feed(wire[at : at + size])
    ]

    assert [decode_from_server(body) for body in bodies] == [
        Output(1, "stdout", data) for data in datas
    ]


def test_a_frame_that_is_too_long_is_refused() -> None:
    with pytest.raises(ValueError, match="a frame of"):
        list(Frames().feed(b"\xff\xff\xff\xff"))
