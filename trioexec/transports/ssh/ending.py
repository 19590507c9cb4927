"""How a remote command is ended, from here: bounded, cut at will, and never at others' expense.

Asyncio's side.  What happens on the node is in `wrapper`.
"""

from __future__ import annotations

import asyncio  # noqa: TID251
import signal
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final

import asyncssh  # noqa: TID251

from trioexec.model.command import Command
from trioexec.model.outcomes import Killed
from trioexec.transports.ssh.failures import is_lost
from trioexec.transports.ssh.kept import Lease
from trioexec.transports.ssh.session import LINGER_MARGIN_S, Session
from trioexec.transports.ssh.wrapper import (
    Marker,
    MarkerFilter,
    group_request,
    is_fed,
    quote,
    stop_request,
    sweep_request,
)

__all__ = [
    "GONE_REQUEST",
    "STOP_MARGIN_S",
    "Elsewhere",
    "Line",
    "end",
    "end_while_opening",
    "settle",
]

STOP_MARGIN_S: Final = 3.0
"""Beyond the command's own grace: for KILL to work and the news of it to travel."""

SWEEP_AFTER_S: Final = 1.0
"""Beyond the grace: then a watchdog that says nothing is no longer there, or was stopped."""

SPARE_BYTES: Final = 4 * 1024 * 1024
"""What a command that is being ended may still say while our reader is stuck."""

OPENING_GRACE_S: Final = 1.0
"""How long a cancel waits for the answer to "start this", to end what was started."""

MARKER_POLL_S: Final = 0.02

GONE_REQUEST: Final = "exec /bin/sh -c {} trioexec-gone ".format(
    quote(
        'n=0; while kill -0 "$1" 2>/dev/null && '
        '! grep -q "^State:[[:space:]]*Z" "/proc/$1/status" 2>/dev/null; do '
        'n=$((n+1)); [ "$n" -le "$2" ] || exit 1; sleep 0.1 || sleep 1; done'
    )
)
"""Waits for a process, whose number follows, to be gone: so many tenths of a second, which follow.

It ends by itself, whoever goes: it may not be what is left on the node.
"""

Elsewhere = Callable[[str], Awaitable[bool]]
"""Runs a short command on the node over a connection of its own; whether it was run."""


class Line:
    """A command's way to its node, and what can be done where it is no good for its end."""

    __slots__ = ("connection", "elsewhere", "lease")

    def __init__(self, lease: Lease, elsewhere: Elsewhere) -> None:
        self.connection: asyncssh.SSHClientConnection = lease.connection
        self.lease: Lease = lease
        self.elsewhere: Elsewhere = elsewhere


async def end_while_opening(
    opening: asyncio.Future[Any],
    line: Line,
    session: Session,
    command: Command,
) -> None:
    """End a command that was asked for, and may or may not have been started."""
    enough = asyncio.Event()
    with session.call.goodbye(enough.set):
        loop = asyncio.get_running_loop()
        timer = loop.call_later(OPENING_GRACE_S, enough.set)
        cut = loop.create_task(enough.wait())
        await asyncio.wait({opening, cut}, return_when=asyncio.FIRST_COMPLETED)
        timer.cancel()
        cut.cancel()
    if opening.done() and not opening.cancelled():
        if opening.exception() is None:
            try:
                session.call.note_remote(ended=await end(line, session, command))
            finally:
                session.leave()
    elif session.asked:
        session.call.reached("command")  # "not started" would be a promise
        session.call.note_remote(ended=False)
        _give_up(line, session, command)
        session.leave()
        opening.add_done_callback(_swallow)
    else:
        # It will not be asked for any more; but a node that does not answer is no good.
        opening.cancel()
        line.lease.give_up()


def _swallow(opening: asyncio.Future[Any]) -> None:
    if not opening.cancelled():
        opening.exception()


def _give_up(line: Line, session: Session, command: Command) -> None:
    """Leave a command to its fate that is not known to have ended, and see to that fate.

    Without its connection its watchdog's sshd is gone.  Where other commands are on that,
    it is asked to end, if need be when it is started at last.
    """
    if not line.lease.give_up():
        return
    if command.wrap and not session.guarded:
        session.leave_later(partial(_stop_in_passing, line))


_asking: set[asyncio.Task[None]] = set()
"""Tasks that nobody waits for: asyncio itself does not hold them."""


def _stop_in_passing(line: Line, marker: Marker) -> None:
    if marker.watch_pid:
        task = asyncio.get_running_loop().create_task(_request_stop(line, marker.watch_pid))
        _asking.add(task)
        task.add_done_callback(_asking.discard)


async def settle(line: Line, session: Session, command: Command) -> bool:
    """Wait until nothing of the command is left, and say whether the node has confirmed it."""
    # Not `await session.over`: a cancel of ours would cancel it, and so pass for the end.
    await asyncio.wait({session.over})
    if session.lost is not None or session.filter is None or session.filter.marker is None:
        return False
    if session.status is None:
        return False  # we have closed the connection under it
    marker = session.filter.marker
    if session.status == Killed(signal=signal.SIGKILL) and not session.asked_to_end:
        # Who killed it may have killed its watchdog too, with the group it is in at first.
        return await _sweep(line, marker, grace_s=command.stop_grace_s)
    if not command.tty and _closes_early(line):
        return await _sweep(line, marker, grace_s=command.stop_grace_s)
    # With a terminal the channel closes when the leader has gone: that hangs the terminal up,
    # and the watchdog, still busy with what the leader left, loses its hold on the channel.
    return not command.tty or await _watchdog_is_gone(line, marker, command)


def _closes_early(line: Line) -> bool:
    """Whether the server closes a channel when its command has ended, whoever holds it open."""
    return "dropbear" in line.connection.get_extra_info("server_version", "")


async def _sweep(line: Line, marker: Marker, *, grace_s: float) -> bool:
    """End what a command has left, in its watchdog's place."""
    return await _succeeds(
        line, sweep_request(marker.pid, grace_s=grace_s), grace_s + LINGER_MARGIN_S
    )


async def _watchdog_is_gone(line: Line, marker: Marker, command: Command) -> bool:
    if not marker.watch_pid:
        return False
    limit_s = command.stop_grace_s + LINGER_MARGIN_S
    return await _succeeds(line, f"{GONE_REQUEST}{marker.watch_pid} {round(limit_s * 10)}", limit_s)


async def _succeeds(line: Line, text: str, limit_s: float) -> bool:
    try:
        async with asyncio.timeout(limit_s):
            done = await line.connection.run(text, encoding=None, check=False)
    except (OSError, asyncssh.Error):  # TimeoutError is one
        return False
    return done.exit_status == 0


async def end(line: Line, session: Session, command: Command) -> bool:
    """End the command, and say whether the node has confirmed it; bounded, and cut at will."""
    loop = asyncio.get_running_loop()
    enough: asyncio.Future[None] = loop.create_future()

    def finish() -> None:
        if not enough.done():
            enough.set_result(None)

    session.asked_to_end = True
    session.unfeed()  # who has filled the feed may be gone before the command is
    with session.call.goodbye(finish):
        timer = loop.call_later(command.stop_grace_s + STOP_MARGIN_S, finish)
        # What the node still says is taken even when a reader is full, for the news of the
        # end stands behind it; but no more than a bounded piece.
        session.call.flow.detach(session.chan)
        session.spare_bytes = SPARE_BYTES
        session.chan.resume_reading()
        asking = loop.create_task(_ask_to_end(line, session, command))
        settling = loop.create_task(settle(line, session, command))
        either: set[asyncio.Future[Any]] = {settling, enough}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            timer.cancel()
            asking.cancel()
            settling.cancel()
    if not session.over.done() and is_fed(command):
        # Nobody was asked, or nobody obeyed, and on a connection that is kept it would live on.
        _give_up(line, session, command)
    return settling.done() and settling.result()


async def _ask_to_end(line: Line, session: Session, command: Command) -> None:
    fed = is_fed(command)
    if session.filter is not None and fed:
        await _settle_marker(session, session.filter)
    marker = session.filter.marker if session.filter is not None else None
    try:
        if marker is not None and marker.watch_pid:
            await _request_stop(line, marker.watch_pid)
        elif marker is not None and fed:
            # No watchdog, for want of a setsid program: its group is what is known of it.
            for name, then_s in (("TERM", command.stop_grace_s), ("KILL", 0.0)):
                request = group_request(name, marker.pid)
                await line.connection.run(request, encoding=None, check=False)
                await asyncio.sleep(then_s)
        elif not fed and command.wrap:
            # The watchdog, also one that has not said so yet, sees this as its stdin's end.
            session.chan.write_eof()
            if marker is not None:
                await asyncio.sleep(command.stop_grace_s + SWEEP_AFTER_S)
                await _sweep(line, marker, grace_s=0.0)
        if session.filter is None or (marker is None and session.status is None):
            # Nobody there to do it for us: what SSH itself has.
            session.chan.send_signal("TERM")
            await asyncio.sleep(command.stop_grace_s)
            session.chan.send_signal("KILL")
    except (OSError, asyncssh.Error):
        return  # no connection any more


async def _request_stop(line: Line, watch_pid: int) -> None:
    try:
        await line.connection.run(stop_request(watch_pid), encoding=None, check=False)
    except asyncssh.ChannelOpenError as exc:
        if is_lost(exc):
            return
        # No second session for the request, but maybe a second connection.  Without one, the
        # watchdog sees it when its sshd is gone; nobody hears how that went.
        if not await line.elsewhere(stop_request(watch_pid)):
            line.lease.give_up()
    except (OSError, asyncssh.Error):
        return  # no connection any more


async def _settle_marker(session: Session, marker: MarkerFilter) -> None:
    """Wait a little for the wrapper to say whom to ask, where the cancel came in first."""
    limit_s = asyncio.get_running_loop().time() + OPENING_GRACE_S
    while marker.marker is None and not session.over.done():
        if asyncio.get_running_loop().time() > limit_s:
            return
        await asyncio.sleep(MARKER_POLL_S)
