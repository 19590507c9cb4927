"""One command on one connection, from what is asked for to the confirmed end.

Asyncio's side of the crossing.  How a remote command is ended is decided in `ending`
and, on the far side, in `wrapper`.
"""

from __future__ import annotations

import asyncio  # noqa: TID251
from collections.abc import Mapping
from typing import TypeGuard

import asyncssh  # noqa: TID251

from trioexec.model.command import Command
from trioexec.model.outcomes import Exited, Killed, SudoDenied, Unreachable
from trioexec.transports.base import Call
from trioexec.transports.ssh.ending import Elsewhere, Line, end, end_while_opening, settle
from trioexec.transports.ssh.failures import NodeFailureError, outcome_of
from trioexec.transports.ssh.kept import Lease
from trioexec.transports.ssh.session import Session
from trioexec.transports.ssh.wrapper import is_fed, wrap

__all__ = ["run_command"]


async def run_command(
    lease: Lease,
    command: Command,
    call: Call,
    *,
    elsewhere: Elsewhere,
    token: str,
    window: int,
    sent_env: Mapping[str, str],
    opening_limit_s: float | None = None,
) -> Exited | Killed | SudoDenied | Unreachable:
    """Run a command and wait until the node says that nothing of it is left.

    When cancelled: ends the command, delivers output meanwhile, notes what is known
    of the remote end, re-raises.

    Args:
        lease: Of an authenticated connection, on which others' commands may run.  It is given
            up where nothing else is sure to end the command.
        command: What to run.
        call: Is told of everything.
        elsewhere: Reaches the node where this connection opens no session more.
        token: Stands in the wrapper's marker.
        window: Bytes that the node may send beyond what was taken.
        sent_env: Offered by the protocol's own request, which the server may refuse.
        opening_limit_s: For the node's first answer, where the connection may be dead.

    Raises:
        NodeFailureError: The connection was lost when the command had been asked for.
        OSError: The session could not be opened: nothing was started.
        asyncssh.Error: Likewise.
    """
    env = dict(sent_env) if command.wrap else {**sent_env, **command.env}
    session = Session(call, command, token, env)
    wire = command.text
    if command.wrap:
        # The wrapper exports the variables, so that no AcceptEnv of a server can drop them.
        wire = wrap(
            command.text,
            token=token,
            grace_s=command.stop_grace_s,
            fed=is_fed(command),
            env=command.env,
            sudo_prompt=session.sudo.prompt if session.sudo is not None else None,
        )
    line = Line(lease, elsewhere)
    await _open(line, session, command, wire=wire, window=window, opening_limit_s=opening_limit_s)
    try:
        await settle(line, session, command)
    except asyncio.CancelledError:
        call.note_remote(ended=await end(line, session, command))
        raise
    finally:
        session.leave()
    return _ended_of(session)


async def _open(
    line: Line,
    session: Session,
    command: Command,
    *,
    wire: str,
    window: int,
    opening_limit_s: float | None,
) -> None:
    """Have the command started; when cancelled, it is ended first if it was."""
    loop = asyncio.get_running_loop()
    opening = loop.create_task(
        line.connection.create_session(
            lambda: session,
            wire,
            encoding=None,
            request_pty="force" if command.tty else False,
            term_type="dumb" if command.tty else None,
            window=window,
        )
    )
    if opening_limit_s is not None:
        # A node that has answered is there, however long it takes to start a command: who
        # gave up then and asked elsewhere would have it run twice.
        session.on_asked = loop.call_later(opening_limit_s, opening.cancel).cancel
    try:
        # Not `await opening`: a cancel of ours would cancel it, and leave what it has started.
        await asyncio.wait({opening})
    except asyncio.CancelledError:
        await end_while_opening(opening, line, session, command)
        raise
    if opening.cancelled():
        raise TimeoutError("the node opens no session")
    exc = opening.exception()
    if exc is None:
        return
    if session.asked and _is_of_the_connection(exc):
        raise NodeFailureError(outcome_of(exc, remote="not confirmed")) from exc
    raise exc


def _is_of_the_connection(exc: BaseException) -> TypeGuard[Exception]:
    """Whether an error leaves open what the node has done of what it was asked."""
    if isinstance(exc, asyncssh.ChannelOpenError):
        return False  # it says that it has not done it
    return isinstance(exc, OSError | asyncssh.Error)


def _ended_of(session: Session) -> Exited | Killed | SudoDenied | Unreachable:
    if session.sudo is not None and not session.guarded and session.lost is None:
        return SudoDenied(reason=session.sudo.reason)
    if session.status is not None:
        return session.status
    if session.lost is not None:
        failure = outcome_of(session.lost, remote="not confirmed")
        raise NodeFailureError(failure) from session.lost
    return Unreachable(reason="the session ended without an exit status", remote="not confirmed")
