"""How a session is ended, and what confirms that it is."""

from __future__ import annotations

import asyncio  # noqa: TID251
import gc
import weakref
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any

import asyncssh  # noqa: TID251
import pytest

from tests.calls import HeardCall
from tests.unit.session_rig import (
    COMMAND,
    LIMIT_S,
    LONGER_S,
    Connection,
    Dead,
    Feed,
    run,
    run_to_its_end,
    starts,
    starts_nothing,
    until,
)
from trioexec.model.command import Command
from trioexec.model.outcomes import Exited, Killed
from trioexec.transports.base import Ended
from trioexec.transports.ssh import ending
from trioexec.transports.ssh import session as session_module
from trioexec.transports.ssh.wrapper import SWEEP_REQUEST, Marker, group_request, stop_request


def test_a_cancel_while_the_session_opens_lets_go_of_its_stdin(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ending, "STOP_MARGIN_S", LIMIT_S)
    feed = Feed()

    async def slowly(session: object) -> None:
        await asyncio.sleep(LIMIT_S)

    async def one() -> int:
        task = asyncio.ensure_future(
            run(Connection(slowly), HeardCall(), Command(text="x", stdin=feed, stop_grace_s=0.0))
        )
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        task.cancel()
        await asyncio.wait({task})
        return feed.readers

    assert asyncio.run(one()) == 0


@pytest.mark.parametrize(
    ("marked", "status", "lost", "ended"),
    [
        pytest.param(True, 143, None, True, id="the node closes the channel"),
        pytest.param(True, None, None, False, id="we close the connection"),
        pytest.param(True, None, asyncssh.ConnectionLost("gone"), False, id="it is lost"),
        pytest.param(False, 143, None, False, id="the watchdog never said that it runs"),
    ],
)
def test_an_end_is_confirmed_by_the_node_alone(
    *, marked: bool, status: int | None, lost: Exception | None, ended: bool
) -> None:
    async def starts(session: Any) -> None:
        if marked:
            marker = Marker(pid=1, watch_pid=0).line("t")
            session.data_received(marker, asyncssh.EXTENDED_DATA_STDERR)

    async def one() -> HeardCall:
        connection, call = Connection(starts), HeardCall()
        task = asyncio.ensure_future(run(connection, call, Command(text="x", stop_grace_s=0.0)))
        await until(lambda: bool(call.phases))
        task.cancel()
        await until(lambda: connection.chan.eof)
        if status is not None:
            connection.session.exit_status_received(status)
        connection.session.connection_lost(lost)
        await asyncio.wait({task})
        return call

    assert asyncio.run(one()).ended is ended


@pytest.mark.parametrize(
    ("marked", "stdin", "told"),
    [
        pytest.param(True, None, True, id="the watchdog reads it"),
        pytest.param(False, None, False, id="sudo may read it yet"),
        pytest.param(True, b"", False, id="the command would read it"),
    ],
)
def test_a_watchdog_is_told_that_its_command_is_not_short(
    monkeypatch: pytest.MonkeyPatch, *, marked: bool, stdin: bytes | None, told: bool
) -> None:
    monkeypatch.setattr(session_module, "SHORT_S", LIMIT_S)

    async def one() -> tuple[bytes, bytes]:
        connection = Connection(starts(marked=marked))
        command = Command(text="x", stdin=stdin, stop_grace_s=0.0)
        task = asyncio.ensure_future(run(connection, HeardCall(), command))
        await asyncio.sleep(LONGER_S)
        early = connection.chan.written
        connection.session.exit_status_received(0)
        connection.session.connection_lost(None)
        await asyncio.wait({task})
        return early, connection.chan.written

    assert asyncio.run(one()) == ((b"\n", b"\n") if told else (b"", b""))


def test_the_watchdog_of_a_command_that_was_short_is_told_nothing(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session_module, "SHORT_S", LIMIT_S)

    async def one() -> bytes:
        connection = Connection(starts(marked=True))
        await run_to_its_end(connection)
        await asyncio.sleep(LONGER_S)
        return connection.chan.written

    assert asyncio.run(one()) == b""


def test_a_command_that_is_over_is_kept_by_no_timer() -> None:
    async def one() -> object:
        connection = Connection(starts(marked=True))
        await run_to_its_end(connection)
        kept = weakref.ref(connection.session)
        connection.session = None
        gc.collect()
        return kept()

    assert asyncio.run(one()) is None


@pytest.mark.parametrize(
    ("by", "swept"), [pytest.param("KILL", True, id="KILL"), pytest.param("TERM", False, id="TERM")]
)
def test_what_a_killed_command_left_is_swept_for_its_watchdog_may_be_killed_too(
    by: str, *, swept: bool
) -> None:
    async def one() -> tuple[list[str], Ended]:
        connection = Connection(starts(marked=True))
        outcome = await run_to_its_end(connection, by=by)
        return connection.ran, outcome

    ran, outcome = asyncio.run(one())

    assert isinstance(outcome, Killed)
    assert [text.startswith(f"{SWEEP_REQUEST}31 ") for text in ran] == [True] * swept


@pytest.mark.parametrize(
    ("server", "asked"), [("SSH-2.0-dropbear_2022.83", True), ("SSH-2.0-OpenSSH_9.2p1", False)]
)
def test_a_server_that_closes_a_channel_early_is_asked_whether_nothing_is_left(
    server: str, *, asked: bool
) -> None:
    async def one() -> list[str]:
        connection = Connection(starts(marked=True))
        connection.server = server
        await run_to_its_end(connection)
        return connection.ran

    ran = asyncio.run(one())

    assert [text.startswith(f"{SWEEP_REQUEST}31 ") for text in ran] == [True] * asked


def test_where_the_watchdog_does_not_answer_another_ends_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ending, "SWEEP_AFTER_S", LIMIT_S)

    async def one() -> tuple[list[str], HeardCall]:
        connection, call = Connection(starts(marked=True)), HeardCall()
        task = asyncio.ensure_future(run(connection, call, Command(text="x", stop_grace_s=0.0)))
        await until(lambda: bool(call.phases))
        task.cancel()
        await until(lambda: bool(connection.ran))
        connection.session.exit_signal_received("KILL", False, "", "")
        connection.session.connection_lost(None)
        await asyncio.wait({task})
        return connection.ran, call

    ran, call = asyncio.run(one())

    assert [text.startswith(f"{SWEEP_REQUEST}31 ") for text in ran] == [True]
    assert call.ended is True


@pytest.mark.parametrize("by_itself", [True, False])
@pytest.mark.parametrize(
    ("watch_pid", "answer", "ended"),
    [
        pytest.param(77, 0, True, id="the watchdog is gone"),
        pytest.param(77, 1, False, id="the watchdog stays"),
        pytest.param(77, None, False, id="the node does not say"),
        pytest.param(0, 0, False, id="there is no watchdog"),
    ],
)
def test_a_terminal_that_is_closed_is_no_end_yet(
    *, by_itself: bool, watch_pid: int, answer: int | None, ended: bool
) -> None:
    class Asked(Connection):
        async def run(self, text: str, **options: object) -> Any:
            await super().run(text)
            if answer is None:
                raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, "no more sessions")
            return SimpleNamespace(exit_status=answer)

    async def starts(session: Any) -> None:
        session.data_received(Marker(pid=1, watch_pid=watch_pid).line("t"), None)

    async def one() -> tuple[Asked, HeardCall, asyncio.Future[Ended]]:
        connection, call = Asked(starts), HeardCall()
        command = Command(text="x", tty=True, stop_grace_s=0.0)
        task = asyncio.ensure_future(run(connection, call, command))
        await until(lambda: bool(call.phases))
        connection.session.exit_status_received(3)
        if not by_itself:
            task.cancel()
            await asyncio.sleep(0)
        connection.session.connection_lost(None)
        await asyncio.wait({task})
        return connection, call, task

    connection, call, task = asyncio.run(one())

    waits = [text for text in connection.ran if text.startswith(f"{ending.GONE_REQUEST}77 ")]
    assert len(waits) == bool(watch_pid)
    if by_itself:
        assert task.result() == Exited(code=3)
    else:
        assert call.ended is ended


def test_what_a_command_says_while_it_is_ended_is_taken_of_a_full_reader_but_not_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ending, "SPARE_BYTES", 5)
    paused: list[bool] = []

    async def starts(session: Any) -> None:
        """Say nothing yet."""

    async def one() -> HeardCall:
        connection, call = Connection(starts), HeardCall()
        call.flow.hold("a reader that is full")
        task = asyncio.ensure_future(run(connection, call, Command(text="x", stop_grace_s=0.0)))
        await until(lambda: bool(call.phases))
        paused.append(connection.chan.paused)
        task.cancel()
        await until(lambda: not connection.chan.paused)
        for piece in (b"last", b"words"):
            paused.append(connection.chan.paused)
            connection.session.data_received(piece, None)
        paused.append(connection.chan.paused)
        connection.session.connection_lost(None)
        await asyncio.wait({task})
        return call

    call = asyncio.run(one())

    assert paused == [True, False, False, True]
    assert call.said == b"lastwords"


def test_a_command_without_watchdog_gets_what_ssh_itself_has() -> None:
    async def starts(session: object) -> None:
        """Say nothing."""

    async def one() -> tuple[Connection, HeardCall]:
        connection, call = Connection(starts), HeardCall()
        task = asyncio.ensure_future(run(connection, call, COMMAND))
        await until(lambda: bool(call.phases))
        task.cancel()
        await until(lambda: len(connection.chan.signals) == 2)
        connection.session.connection_lost(None)
        await asyncio.wait({task})
        return connection, call

    connection, call = asyncio.run(one())

    assert connection.chan.signals == ("TERM", "KILL")
    assert call.ended is False  # nobody has looked whether all of it is gone


def test_where_no_watchdog_could_be_started_the_group_is_ended() -> None:
    async def starts(session: Any) -> None:
        marker = Marker(pid=55, watch_pid=0).line("t")
        session.data_received(marker, asyncssh.EXTENDED_DATA_STDERR)

    async def one() -> tuple[Connection, HeardCall]:
        connection, call = Connection(starts), HeardCall()
        command = Command(text="x", stdin=b"", stop_grace_s=0.0)
        task = asyncio.ensure_future(run(connection, call, command))
        await until(lambda: bool(call.phases))
        task.cancel()
        await until(lambda: len(connection.ran) == 2)
        connection.session.exit_status_received(143)
        connection.session.connection_lost(None)
        await asyncio.wait({task})
        return connection, call

    connection, call = asyncio.run(one())

    assert connection.ran == [group_request("TERM", 55), group_request("KILL", 55)]
    assert call.ended


@pytest.mark.parametrize("reached", [True, False], ids=["reached", "not reached"])
def test_where_no_session_is_left_for_the_stop_another_connection_is_made(*, reached: bool) -> None:
    asked: list[str] = []

    class Full(Connection):
        async def run(self, text: str, **options: object) -> None:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, "no more sessions")

    async def starts(session: Any) -> None:
        marker = Marker(pid=1, watch_pid=77).line("t")
        session.data_received(marker, asyncssh.EXTENDED_DATA_STDERR)

    async def one() -> tuple[Connection, HeardCall]:
        connection, call = Full(starts), HeardCall()

        async def elsewhere(text: str) -> bool:
            asked.append(text)
            if reached:
                connection.session.exit_status_received(143)
                connection.session.connection_lost(None)
            return reached

        command = Command(text="x", stdin=b"", stop_grace_s=0.0)
        task = asyncio.ensure_future(run(connection, call, command, elsewhere=elsewhere))
        await until(lambda: bool(call.phases))
        task.cancel()
        if not reached:
            await until(lambda: connection.closed)
            connection.session.connection_lost(None)
        await asyncio.wait({task})
        return connection, call

    connection, call = asyncio.run(one())

    assert asked == [stop_request(77)]
    assert connection.closed is not reached  # without its connection its watchdog ends it
    assert call.ended is reached


def test_a_connection_on_which_no_session_opens_before_a_cancel_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ending, "OPENING_GRACE_S", LIMIT_S)

    async def one() -> tuple[Connection, HeardCall]:
        connection, call = Dead(starts_nothing), HeardCall()
        task = asyncio.ensure_future(run(connection, call, COMMAND))
        await until(lambda: connection.session is not None)
        task.cancel()
        await asyncio.wait({task})
        return connection, call

    connection, call = asyncio.run(one())

    assert connection.closed
    assert (call.phases, call.ended) == ([], None)


def test_a_command_that_is_being_ended_reads_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "STOP_MARGIN_S", LIMIT_S)
    monkeypatch.setattr(ending, "OPENING_GRACE_S", LIMIT_S)
    feed = Feed()
    readers: list[int] = []

    class Watching(HeardCall):
        def goodbye(self, cut: Callable[[], None]) -> AbstractContextManager[None]:
            readers.append(feed.readers)
            return nullcontext()

    async def starts(session: object) -> None:
        """Say nothing; the session begins to feed after this."""

    async def one() -> None:
        command = Command(text="x", stdin=feed, stop_grace_s=0.0)
        task = asyncio.ensure_future(run(Connection(starts), Watching(), command))
        await until(lambda: feed.readers > 0)
        readers.append(feed.readers)
        task.cancel()
        await asyncio.wait({task})

    asyncio.run(one())

    # There may be one goodbye more, to the opening, before that to the command.
    assert (readers[0], readers[-1]) == (1, 0)
