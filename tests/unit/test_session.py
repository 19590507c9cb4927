"""What a session makes of nodes that are slow, fall silent or go at the wrong moment."""

from __future__ import annotations

import asyncio  # noqa: TID251
import errno
import gc
import weakref
from collections.abc import Awaitable, Callable
from contextlib import AbstractContextManager, nullcontext
from types import SimpleNamespace
from typing import Any, cast

import asyncssh  # noqa: TID251
import pytest

from tests.calls import HeardCall
from trioexec.model.command import Command
from trioexec.model.feed import Cursor
from trioexec.model.outcomes import Exited, Killed, Unreachable
from trioexec.model.secret import Secret
from trioexec.transports.base import Ended
from trioexec.transports.ssh import ending
from trioexec.transports.ssh import session as session_module
from trioexec.transports.ssh.failures import NodeFailureError
from trioexec.transports.ssh.kept import Lease
from trioexec.transports.ssh.running import run_command
from trioexec.transports.ssh.wrapper import SWEEP_REQUEST, Marker, group_request, stop_request

LIMIT_S = 0.05
LONGER_S = 0.3
HANG_S = 60.0


class Channel:
    """Does nothing, and remembers whether it was given up."""

    aborted = False
    eof = False
    paused = False
    signals: tuple[str, ...] = ()
    written = b""

    def abort(self) -> None:
        self.aborted = True

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False

    def write_eof(self) -> None:
        self.eof = True

    def write(self, data: bytes) -> None:
        self.written += data

    def send_signal(self, name: str) -> None:
        self.signals = (*self.signals, name)


class Connection:
    """Opens one channel, on which `script` plays the node."""

    def __init__(self, script: Callable[[Any], Awaitable[None]]) -> None:
        self.chan = Channel()
        self.closed = False
        self.others = False
        self.server = "SSH-2.0-OpenSSH_9.2p1"
        self.ran: list[str] = []
        self.session: Any = None
        self._script = script

    @property
    def connection(self) -> Connection:
        return self  # a lease of it, which is the only one

    def give_up(self) -> bool:
        self.closed = not self.others
        return self.others

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return self.server if name == "server_version" else default

    async def run(self, text: str, **options: object) -> Any:
        self.ran.append(text)
        return SimpleNamespace(exit_status=0)

    async def create_session(
        self,
        factory: Callable[[], Any],
        wire: str,
        **options: object,
    ) -> tuple[Channel, Any]:
        self.session = factory()
        self.session.connection_made(self.chan)
        await self._script(self.session)
        self.session.session_started()
        return self.chan, self.session


class Dead(Connection):
    """Opens no channel, and says nothing of it."""

    async def create_session(
        self, factory: Callable[[], Any], wire: str, **options: object
    ) -> tuple[Channel, Any]:
        self.session = factory()
        await asyncio.sleep(3600)
        raise AssertionError


async def _starts_nothing(session: object) -> None:
    raise AssertionError(session)


class Feed:
    """A feed without end; knows whether somebody still reads it."""

    def __init__(self) -> None:
        self.readers = 0

    def attach(self, wake: Callable[[], object]) -> Cursor:
        self.readers += 1
        return self

    def read(self, limit_bytes: int) -> bytes | None:
        return b""

    def close(self) -> None:
        self.readers -= 1


def run(
    connection: Connection,
    call: HeardCall,
    command: Command,
    *,
    elsewhere: Callable[[str], Awaitable[None]] | None = None,
) -> Awaitable[Ended]:
    return run_command(
        cast("Lease", connection),
        command,
        call,
        elsewhere=elsewhere or _never,
        token="t",
        window=1,
        sent_env={},
        opening_limit_s=LIMIT_S,
    )


class Endless(Feed):
    """A feed that has one piece more whenever it is asked anew."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces = 0
        self._given = False

    def read(self, limit_bytes: int) -> bytes | None:
        self._given = not self._given
        self.pieces += self._given
        return b"piece" if self._given else b""


async def until(holds: Callable[[], bool]) -> None:
    """Let the loop turn until it does."""
    async with asyncio.timeout(HANG_S):
        while not holds():
            await asyncio.sleep(0)


async def _never(text: str) -> None:
    raise AssertionError(text)


COMMAND = Command(text="x", wrap=False, stop_grace_s=0.0)


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
        return await run(Dead(_starts_nothing), HeardCall(), COMMAND)

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
    ("marked", "lost", "ended"),
    [
        pytest.param(True, None, True, id="the node closes the channel"),
        pytest.param(True, asyncssh.ConnectionLost("gone"), False, id="the connection is lost"),
        pytest.param(False, None, False, id="the watchdog never said that it runs"),
    ],
)
def test_an_end_is_confirmed_by_the_node_alone(
    *, marked: bool, lost: Exception | None, ended: bool
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
        connection = Connection(_starts(marked=marked))
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
        connection = Connection(_starts(marked=True))
        task = asyncio.ensure_future(run(connection, HeardCall(), Command(text="x")))
        await until(lambda: connection.session is not None)
        connection.session.exit_status_received(0)
        connection.session.connection_lost(None)
        await asyncio.wait({task})
        await asyncio.sleep(LONGER_S)
        return connection.chan.written

    assert asyncio.run(one()) == b""


def test_a_command_that_is_over_is_kept_by_no_timer() -> None:
    async def one() -> object:
        connection = Connection(_starts(marked=True))
        task = asyncio.ensure_future(run(connection, HeardCall(), Command(text="x")))
        await until(lambda: connection.session is not None)
        connection.session.exit_status_received(0)
        connection.session.connection_lost(None)
        await asyncio.wait({task})
        kept = weakref.ref(connection.session)
        connection.session = None
        gc.collect()
        return kept()

    assert asyncio.run(one()) is None


def _starts(*, marked: bool) -> Callable[[Any], Awaitable[None]]:
    async def starts(session: Any) -> None:
        if marked:
            marker = Marker(pid=31, watch_pid=0).line("t")
            session.data_received(marker, asyncssh.EXTENDED_DATA_STDERR)

    return starts


@pytest.mark.parametrize(
    ("by", "swept"), [pytest.param("KILL", True, id="KILL"), pytest.param("TERM", False, id="TERM")]
)
def test_what_a_killed_command_left_is_swept_for_its_watchdog_may_be_killed_too(
    by: str, *, swept: bool
) -> None:
    async def one() -> tuple[list[str], Ended]:
        connection = Connection(_starts(marked=True))
        task = asyncio.ensure_future(run(connection, HeardCall(), Command(text="x")))
        await until(lambda: connection.session is not None)
        connection.session.exit_signal_received(by, False, "", "")
        connection.session.connection_lost(None)
        return connection.ran, await task

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
        connection = Connection(_starts(marked=True))
        connection.server = server
        task = asyncio.ensure_future(run(connection, HeardCall(), Command(text="x")))
        await until(lambda: connection.session is not None)
        connection.session.exit_status_received(0)
        connection.session.connection_lost(None)
        await task
        return connection.ran

    ran = asyncio.run(one())

    assert [text.startswith(f"{SWEEP_REQUEST}31 ") for text in ran] == [True] * asked


def test_where_the_watchdog_does_not_answer_another_ends_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ending, "SWEEP_AFTER_S", LIMIT_S)

    async def one() -> tuple[list[str], HeardCall]:
        connection, call = Connection(_starts(marked=True)), HeardCall()
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
        connection.session.connection_lost(None)
        await asyncio.wait({task})
        return connection, call

    connection, call = asyncio.run(one())

    assert connection.ran == [group_request("TERM", 55), group_request("KILL", 55)]
    assert call.ended


@pytest.mark.parametrize("others", [True, False], ids=["others use it", "nobody else does"])
def test_where_no_session_is_left_for_the_stop_another_connection_is_made_only_for_others(
    *, others: bool
) -> None:
    asked: list[str] = []

    class Full(Connection):
        async def run(self, text: str, **options: object) -> None:
            raise asyncssh.ChannelOpenError(asyncssh.OPEN_RESOURCE_SHORTAGE, "no more sessions")

    async def starts(session: Any) -> None:
        marker = Marker(pid=1, watch_pid=77).line("t")
        session.data_received(marker, asyncssh.EXTENDED_DATA_STDERR)

    async def one() -> Connection:
        connection, call = Full(starts), HeardCall()
        connection.others = others

        async def elsewhere(text: str) -> None:
            asked.append(text)

        command = Command(text="x", stdin=b"", stop_grace_s=0.0)
        task = asyncio.ensure_future(run(connection, call, command, elsewhere=elsewhere))
        await until(lambda: bool(call.phases))
        task.cancel()
        await until(lambda: bool(asked) or connection.closed)
        connection.session.connection_lost(None)
        await asyncio.wait({task})
        return connection

    connection = asyncio.run(one())

    assert connection.closed is not others
    assert asked == ([stop_request(77)] if others else [])


def test_a_connection_on_which_no_session_opens_before_a_cancel_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(ending, "OPENING_GRACE_S", LIMIT_S)

    async def one() -> tuple[Connection, HeardCall]:
        connection, call = Dead(_starts_nothing), HeardCall()
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
