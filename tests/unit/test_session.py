"""What a session makes of nodes that are slow, fall silent or go at the wrong moment."""

from __future__ import annotations

import asyncio  # noqa: TID251
import errno
from typing import Any

import asyncssh  # noqa: TID251
import pytest

from tests.calls import HeardCall
from tests.unit.session_rig import (
    COMMAND,
    LIMIT_S,
    LONGER_S,
    Channel,
    Connection,
    Dead,
    Endless,
    run,
    starts_nothing,
    until,
)
from trioexec.model.command import Command
from trioexec.model.outcomes import Exited, Unreachable
from trioexec.model.secret import Secret
from trioexec.transports.base import Ended
from trioexec.transports.ssh import ending
from trioexec.transports.ssh import session as session_module
from trioexec.transports.ssh.failures import NodeFailureError
from trioexec.transports.ssh.wrapper import Marker, stop_request


def test_a_node_that_is_slow_to_start_a_command_is_not_given_up() -> None:
    async def slowly(session: Any) -> None:
        await asyncio.sleep(LONGER_S)
        session.exit_status_received(0)
        asyncio.get_running_loop().call_soon(session.connection_lost, None)

    async def one() -> Ended:
        return await run(Connection(slowly), HeardCall(), COMMAND)

    assert asyncio.run(one()) == Exited(code=0)


def test_a_connection_lost_while_the_command_is_being_started_may_have_started_it() -> None:
    async def dies(session: object) -> None:
        raise asyncssh.ConnectionLost("gone")

    async def one() -> Ended:
        return await run(Connection(dies), HeardCall(), COMMAND)

    with pytest.raises(NodeFailureError) as raised:
        asyncio.run(one())

    assert raised.value.outcome == Unreachable(
        reason="connection lost: gone", remote="not confirmed"
    )


def test_a_connection_that_times_out_when_the_command_was_asked_for_may_have_started_it() -> None:
    async def times_out(session: object) -> None:
        raise TimeoutError(errno.ETIMEDOUT, "Connection timed out")  # the kernel's, not ours

    async def one() -> Ended:
        return await run(Connection(times_out), HeardCall(), COMMAND)

    with pytest.raises(NodeFailureError) as raised:
        asyncio.run(one())

    assert raised.value.outcome == Unreachable(
        reason="connection timed out", remote="not confirmed"
    )


def test_a_node_that_does_not_answer_at_all_has_started_nothing() -> None:
    async def one() -> Ended:
        return await run(Dead(starts_nothing), HeardCall(), COMMAND)

    with pytest.raises(TimeoutError, match="opens no session"):
        asyncio.run(one())


def test_a_command_that_may_have_been_started_is_not_called_never_started(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ending, "OPENING_GRACE_S", LIMIT_S)

    async def never(session: object) -> None:
        await asyncio.sleep(3600)

    async def one() -> tuple[Connection, HeardCall]:
        connection, call = Connection(never), HeardCall()
        task = asyncio.ensure_future(run(connection, call, COMMAND))
        await asyncio.sleep(LIMIT_S)
        task.cancel()
        await asyncio.wait({task})
        return connection, call

    connection, call = asyncio.run(one())

    assert connection.closed
    assert (call.phases, call.ended) == (["command"], False)


def test_a_command_without_watchdog_that_is_started_after_its_call_tells_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ending, "OPENING_GRACE_S", LIMIT_S)

    async def one() -> tuple[Connection, HeardCall]:
        asked, late = asyncio.Event(), asyncio.Event()

        async def much_later(session: object) -> None:
            asked.set()
            await late.wait()

        connection, call = Connection(much_later), HeardCall()
        connection.others = True
        task = asyncio.ensure_future(run(connection, call, COMMAND))
        await asked.wait()
        task.cancel()
        await asyncio.wait({task})
        late.set()
        for _ in range(3):
            await asyncio.sleep(0)
        connection.session.data_received(b"late", None)
        return connection, call

    connection, call = asyncio.run(one())

    assert connection.chan.aborted
    assert (call.phases, call.said) == (["command"], b"")


@pytest.mark.parametrize("fed", [True, False], ids=["fed", "guarded"])
def test_a_command_that_is_started_after_its_call_is_ended_though_others_keep_the_connection(
    monkeypatch: pytest.MonkeyPatch, *, fed: bool
) -> None:
    monkeypatch.setattr(ending, "OPENING_GRACE_S", LIMIT_S)

    async def one() -> tuple[Connection, HeardCall]:
        asked, late, over = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def much_later(session: object) -> None:
            asked.set()
            await late.wait()
            asyncio.get_running_loop().call_soon(over.set)

        connection, call = Connection(much_later), HeardCall()
        connection.others = True
        command = Command(text="x", stdin=b"in" if fed else None)
        task = asyncio.ensure_future(run(connection, call, command))
        await asked.wait()
        task.cancel()
        await asyncio.wait({task})
        late.set()
        await over.wait()
        if fed:
            marker = Marker(pid=1, watch_pid=77).line("t")
            connection.session.data_received(b"said" + marker, asyncssh.EXTENDED_DATA_STDERR)
        await asyncio.sleep(0)
        return connection, call

    connection, call = asyncio.run(one())

    assert not connection.closed
    assert connection.ran == ([stop_request(77)] if fed else [])
    assert connection.chan.eof
    assert connection.chan.aborted
    assert (call.phases, call.ended, call.said) == (["command"], False, b"")


def test_a_channel_that_outlives_its_call_is_given_up_and_not_heard(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_module, "LINGER_MARGIN_S", LIMIT_S)

    async def lingers(session: Any) -> None:
        asyncio.get_running_loop().call_soon(session.exit_status_received, 0)

    async def one() -> tuple[Connection, HeardCall]:
        connection, call = Connection(lingers), HeardCall()
        command = Command(text="x", stop_grace_s=0.0)
        assert await run(connection, call, command) == Exited(code=0)
        connection.session.connection_lost(None)
        return connection, call

    connection, call = asyncio.run(one())

    assert connection.chan.aborted
    assert call.said == b""


def test_a_node_that_takes_no_more_stdin_for_now_is_given_none() -> None:
    feed = Endless()
    given: list[int] = []

    async def takes_its_time(session: Any) -> None:
        def go_on() -> None:
            session.pause_writing()
            for _ in range(3):
                session._pump()  # what a wake of the feed does
            given.append(feed.pieces)
            session.resume_writing()
            given.append(feed.pieces)
            session.exit_status_received(0)
            session.connection_lost(None)

        asyncio.get_running_loop().call_soon(go_on)

    async def one() -> Ended:
        return await run(
            Connection(takes_its_time), HeardCall(), Command(text="x", stdin=feed, wrap=False)
        )

    assert asyncio.run(one()) == Exited(code=0)
    assert given == [1, 2]


@pytest.mark.parametrize(
    ("stdin", "written"),
    [
        pytest.param(b"line\n", b"line\n\x04", id="at the start of a line"),
        pytest.param(b"line", b"line\x04\x04", id="in mid-line, where one key ends only that"),
        pytest.param(b"", b"\x04", id="nothing"),
    ],
)
def test_the_end_of_stdin_is_a_key_on_a_terminal(stdin: bytes, written: bytes) -> None:
    async def ends(session: Any) -> None:
        session.exit_status_received(0)
        asyncio.get_running_loop().call_soon(session.connection_lost, None)

    async def one() -> Connection:
        connection = Connection(ends)
        await run(connection, HeardCall(), Command(text="x", tty=True, stdin=stdin))
        return connection

    connection = asyncio.run(one())

    assert connection.chan.written == written
    assert not connection.chan.eof


def test_only_a_channel_that_says_nothing_by_itself_is_given_up() -> None:
    over: list[bool] = []

    async def lingers(session: Any) -> None:
        def look(heard: int) -> None:
            session._stop_lingering(heard)  # what a timer does, `LINGER_MARGIN_S` later
            over.append(session.over.done())

        def go_on() -> None:
            session.exit_status_received(0)
            heard = session._heard
            session.data_received(b"more", None)
            look(heard)
            session.call.flow.hold("a reader that is full")
            look(session._heard)
            session.call.flow.release("a reader that is full")
            look(session._heard)

        asyncio.get_running_loop().call_soon(go_on)

    async def one() -> Ended:
        return await run(Connection(lingers), HeardCall(), Command(text="x"))

    assert asyncio.run(one()) == Exited(code=0)
    assert over == [False, False, True]


@pytest.mark.parametrize("together", [True, False], ids=["in one piece", "piece by piece"])
def test_what_sudo_says_on_its_way_is_not_the_commands(*, together: bool) -> None:
    pieces = [
        b"We trust you have received the usual lecture.\n",
        Marker(pid=1, watch_pid=0).line("t"),
    ]
    pieces.append(b"own words\n")

    async def starts(session: Any) -> None:
        def say() -> None:
            for piece in [b"".join(pieces)] if together else pieces:
                session.data_received(piece, asyncssh.EXTENDED_DATA_STDERR)
            session.exit_status_received(0)
            session.connection_lost(None)

        asyncio.get_running_loop().call_soon(say)

    async def one() -> tuple[Ended, bytes]:
        call = HeardCall()
        command = Command(text="x", sudo_password=Secret("s"))
        return await run(Connection(starts), call, command), call.said

    assert asyncio.run(one()) == (Exited(code=0), b"own words\n")


@pytest.mark.parametrize(
    ("command", "written"),
    [
        pytest.param(Command(text="x"), b"\n", id="plain"),
        pytest.param(Command(text="x", stdin=b"in", sudo_password=Secret("s")), b"in", id="sudo"),
    ],
)
def test_what_waited_for_a_reader_is_heard_although_it_comes_from_trios_side(
    monkeypatch: pytest.MonkeyPatch, command: Command, written: bytes
) -> None:
    monkeypatch.setattr(session_module, "SHORT_S", 0.0)
    channel: Any = Channel()

    async def begun() -> session_module.Session:
        session = session_module.Session(HeardCall(), command, "t", {})
        session.connection_made(channel)
        session.session_started()
        return session

    with asyncio.Runner() as runner:
        session = runner.run(begun())
        # No loop is running here.
        session.data_received(Marker(pid=2, watch_pid=3).line("t"), asyncssh.EXTENDED_DATA_STDERR)
        runner.run(until(lambda: channel.written == written))
