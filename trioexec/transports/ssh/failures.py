"""Foreign errors into outcomes: the one place where asyncssh's exceptions get their words."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from traceback import walk_tb
from typing import Final

import asyncssh  # noqa: TID251
from msgspec.structs import replace

from trioexec.model.outcomes import Denied, HostKeyRejected, Remote, Unreachable
from trioexec.model.substitute import SubstituteError

__all__ = [
    "DialError",
    "Failure",
    "NodeFailureError",
    "behind",
    "is_lost",
    "log_failure",
    "of_the_node",
    "one_line",
    "outcome_of",
]

_logger = logging.getLogger(__name__)

Failure = Unreachable | Denied | HostKeyRejected

LONGEST: Final = 300
"""So much of what a node gave as a reason is shown; it may be hostile."""


_CLOSED: Final = "SSH connection closed"
"""asyncssh's reason for a channel that was not open yet when its connection ended."""


class DialError(Exception):
    """No address could be connected to; the text says why, in words a person knows."""


class NodeFailureError(Exception):
    """Carries an outcome that was decided deeper down, such as a hop's, up to the call."""

    def __init__(self, outcome: Failure) -> None:
        super().__init__(outcome.text)
        self.outcome = outcome


def outcome_of(exc: Exception, *, remote: Remote = "never started") -> Failure:  # noqa: C901, PLR0911, PLR0912 - a table
    """Give the outcome that an error on the way to a command's end means.

    Args:
        exc: What asyncssh, the socket or `dial` raised.
        remote: What is known of the command.

    Raises:
        Exception: `exc` itself, where it is a bug and not a node's failure.
    """
    match exc:
        case NodeFailureError():
            return exc.outcome
        case asyncssh.PermissionDenied():
            return Denied(reason=_said(exc))
        case asyncssh.HostKeyNotVerifiable():
            return HostKeyRejected(reason=_said(exc))
        case asyncssh.KeyExchangeFailed():
            none = "No matching" in str(exc.reason)
            what = "no common algorithm" if none else "key exchange failed"
            return Unreachable(reason=f"{what}: {_said(exc)}", remote=remote)
        case asyncssh.ProtocolError() | asyncssh.ProtocolNotSupported():
            what = "handshake failed" if remote == "never started" else "protocol error"
            return Unreachable(reason=f"{what}: {_said(exc)}", remote=remote)
        case asyncssh.ChannelOpenError() if is_lost(exc):
            return Unreachable(reason="connection lost", remote=remote)
        case asyncssh.ChannelOpenError():
            reason = f"the node opens no session (MaxSessions?): {_said(exc)}"
            return Unreachable(reason=reason, remote=remote)
        case asyncssh.ConnectionLost():
            return Unreachable(reason=_lost(exc), remote=remote)
        case asyncssh.Error():
            return Unreachable(reason=f"disconnected: {_said(exc)}", remote=remote)
        case DialError() | SubstituteError():
            return Unreachable(reason=str(exc), remote=remote)
        case BrokenPipeError():
            # Who wrote before it read: whether that is so is chance, and no reason.
            return Unreachable(reason="connection lost", remote=remote)
        case ConnectionResetError() | ConnectionAbortedError():
            # Of a connection that was there: `dial` has its own error for one that was not.
            return Unreachable(reason=f"connection lost: {_lower(exc)}", remote=remote)
        case OSError():
            return Unreachable(reason=_lower(exc), remote=remote)
    raise exc


def of_the_node(exc: Exception) -> Exception:
    """Make of what a node's data has raised in asyncssh an error of the protocol.

    A packet that makes no sense may raise anything there; and what is no failure of a node is
    a bug, which ends the run on all others.  Bugs are what our own code raises.
    """
    if isinstance(exc, OSError | asyncssh.Error) or not _was_raised_in_asyncssh(exc):
        return exc
    error = asyncssh.ProtocolError(f"{type(exc).__name__}: {exc}")
    error.__cause__ = exc
    return error


def _was_raised_in_asyncssh(exc: Exception) -> bool:
    modules = (frame.f_globals.get("__name__", "") for frame, _ in walk_tb(exc.__traceback__))
    packages = [name.partition(".")[0] for name in modules]
    return [each for each in packages if each in {"asyncssh", "trioexec"}][-1:] == ["asyncssh"]


def is_lost(exc: Exception) -> bool:
    """Tell whether an error says that a connection ended, and not why."""
    if isinstance(exc, asyncssh.ChannelOpenError):
        return str(exc.reason) == _CLOSED
    return isinstance(exc, OSError | asyncssh.ConnectionLost)


def behind(hop: str, exc: Exception) -> NodeFailureError:
    """Make of a hop's error the failure of the nodes behind it, which names the hop."""
    outcome = outcome_of(exc)
    failure = NodeFailureError(replace(outcome, reason=f"jump host {hop}: {outcome.reason}"))
    failure.__cause__ = exc
    return failure


def log_failure(label: str, exc: BaseException) -> None:
    """Tell whoever listens (``-v`` does) the whole chain behind an outcome, in one line."""
    if _logger.isEnabledFor(logging.INFO):
        _logger.info("%s: %s", label, " <- ".join(_chain(exc)))


def _chain(exc: BaseException) -> Iterator[str]:
    seen: BaseException | None = exc
    while seen is not None:
        yield f"{type(seen).__name__}: {one_line(str(seen))}"
        seen = seen.__cause__ or (None if seen.__suppress_context__ else seen.__context__)


def _lower(exc: OSError) -> str:
    reason = exc.strerror or str(exc) or type(exc).__name__
    return reason[:1].lower() + reason[1:]


def _said(exc: asyncssh.Error) -> str:
    return one_line(str(exc.reason))


def one_line(text: str) -> str:
    """Make one line of a text that may be the node's."""
    line = " ".join(text.split())
    return line if len(line) <= LONGEST else f"{line[:LONGEST]}..."


def _lost(exc: asyncssh.ConnectionLost) -> str:
    reason = _said(exc)
    if "keepalive" in reason:
        return "connection lost: the node does not answer any more"
    return "connection lost" if reason in ("", "Connection lost") else f"connection lost: {reason}"
