"""Foreign errors into outcomes: the one place where asyncssh's exceptions get their words."""

from __future__ import annotations

import asyncssh  # noqa: TID251

from trioexec.model.outcomes import Denied, HostKeyRejected, Remote, Unreachable
from trioexec.transports.ssh.dial import DialError

__all__ = ["Failure", "NodeFailureError", "outcome_of"]

Failure = Unreachable | Denied | HostKeyRejected


class NodeFailureError(Exception):
    """Carries an outcome that was decided deeper down, such as a hop's, up to the call."""

    def __init__(self, outcome: Failure) -> None:
        super().__init__(outcome.text)
        self.outcome = outcome


def outcome_of(  # noqa: PLR0911 - a table: one return a kind of error
    exc: Exception, *, remote: Remote = "never started", via: str = ""
) -> Failure:
    """Give the outcome that an error on the way to a command's end means.

    Args:
        exc: What asyncssh, the socket or `dial` raised.
        remote: What is known of the command.
        via: The hop that the error belongs to; empty for the node itself.

    Raises:
        Exception: `exc` itself, where it is a bug and not a node's failure.
    """
    where = f"jump host {via}: " if via else ""
    match exc:
        case NodeFailureError():
            return exc.outcome
        case asyncssh.PermissionDenied():
            return Denied(reason=where + (_denial(exc)))
        case asyncssh.HostKeyNotVerifiable():
            return HostKeyRejected(reason=where + str(exc.reason))
        case asyncssh.KeyExchangeFailed():
            return Unreachable(reason=f"{where}handshake failed: {exc.reason}", remote=remote)
        case asyncssh.ChannelOpenError():
            reason = f"session refused: {exc.reason}"
            return Unreachable(reason=where + reason, remote=remote)
        case asyncssh.ConnectionLost():
            return Unreachable(reason=where + _lost(exc), remote=remote)
        case asyncssh.Error():
            return Unreachable(reason=f"{where}disconnected: {exc.reason}", remote=remote)
        case DialError():
            return Unreachable(reason=where + str(exc), remote=remote)
        case OSError():
            reason = exc.strerror or str(exc) or type(exc).__name__
            return Unreachable(reason=where + reason[:1].lower() + reason[1:], remote=remote)
    raise exc


def _denial(exc: asyncssh.PermissionDenied) -> str:
    return str(exc.reason)


def _lost(exc: asyncssh.ConnectionLost) -> str:
    reason = str(exc.reason)
    if "keepalive" in reason:
        return "connection lost: the node does not answer any more"
    return "connection lost" if reason in ("", "Connection lost") else f"connection lost: {reason}"
