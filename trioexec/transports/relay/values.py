"""Nodes, commands and outcomes as messages, and back."""

from __future__ import annotations

import msgspec

from trioexec.model.command import Command
from trioexec.model.nodes import Node
from trioexec.model.outcomes import (
    Denied,
    Exited,
    HostKeyRejected,
    Killed,
    SudoDenied,
    Unreachable,
)
from trioexec.model.secret import Secret
from trioexec.transports.base import Ended
from trioexec.transports.relay.wire import Finished, Request

__all__ = ["command_of", "ended_of", "finished", "node_of", "request"]


def request(call: int, node: Node, command: Command | None, *, reader: int = 0) -> Request:
    """Put a node's work into a message."""
    bare = Request(call, node.name, node.host, node.port, node.user, node.rank, reader)
    if command is None:
        return bare
    return msgspec.structs.replace(
        bare,
        text=command.text,
        env=dict(command.env),
        fed=command.stdin is not None,
        tty=command.tty,
        wrap=command.wrap,
        stop_grace_s=command.stop_grace_s,
        sudo_password=None if (secret := command.sudo_password) is None else secret.reveal(),
        substitute=command.substitute,
    )


def node_of(message: Request) -> Node:
    """Take the node out of a message."""
    return Node(
        name=message.name,
        host=message.host,
        port=message.port,
        user=message.user,
        rank=message.rank,
    )


def command_of(message: Request) -> Command | None:
    """Take the command out of a message, its stdin excepted; None for a ping."""
    if message.text is None:
        return None
    return Command(
        text=message.text,
        env=message.env,
        tty=message.tty,
        wrap=message.wrap,
        stop_grace_s=message.stop_grace_s,
        # An empty one is a password too: without it the command would not run under sudo.
        sudo_password=None if (secret := message.sudo_password) is None else Secret(secret),
        substitute=message.substitute,
    )


def finished(call: int, ended: Ended) -> Finished:
    """Put how a call ended into a message."""
    kind = type(ended).__name__
    match ended:
        case Exited():
            return Finished(call, kind, number=ended.code)
        case Killed():
            return Finished(call, kind, number=ended.signal)
        case Unreachable():
            return Finished(call, kind, reason=ended.reason, remote=ended.remote)
        case Denied() | SudoDenied() | HostKeyRejected():
            return Finished(call, kind, reason=ended.reason)


def ended_of(message: Finished) -> Ended:
    """Take it out again.

    Raises:
        ValueError: There is no such outcome.
    """
    match message.kind:
        case "Exited":
            return Exited(code=message.number)
        case "Killed":
            return Killed(signal=message.number)
        case "Unreachable":
            return Unreachable(reason=message.reason, remote=message.remote)
        case "Denied":
            return Denied(reason=message.reason)
        case "SudoDenied":
            return SudoDenied(reason=message.reason)
        case "HostKeyRejected":
            return HostKeyRejected(reason=message.reason)
    raise ValueError(f"no such outcome: {message.kind!r}")
