"""What a run does on each node: a command, a ping."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from msgspec import Struct

from trioexec.model.command import Command
from trioexec.model.nodes import Node
from trioexec.transports.base import Call, Ended, Transport

__all__ = ["CommandJob", "CommandsJob", "Job", "PingJob"]


class Job(Protocol):
    """One node's worth of work; the contract of `Transport.run` holds for it."""

    @property
    def text(self) -> str:
        """What reports and events call it."""

    async def run(self, transport: Transport, node: Node, call: Call) -> Ended:
        """Do it on one node."""


class CommandJob(Struct, frozen=True, kw_only=True):
    """Run a command."""

    command: Command
    """What every node is to run."""

    @property
    def text(self) -> str:
        """The command's text."""
        return self.command.text

    async def run(self, transport: Transport, node: Node, call: Call) -> Ended:
        """Run the command on one node."""
        return await transport.run(node, self.command, call)


class CommandsJob(Struct, frozen=True, kw_only=True):
    """Run a command of its own on each node."""

    text: str
    commands: Mapping[str, Command]
    """By the node's name."""

    async def run(self, transport: Transport, node: Node, call: Call) -> Ended:
        """Run the node's command."""
        return await transport.run(node, self.commands[node.name], call)


class PingJob(Struct, frozen=True, kw_only=True):
    """Connect and authenticate, no more."""

    @property
    def text(self) -> str:
        """Empty: there is no command."""
        return ""

    async def run(self, transport: Transport, node: Node, call: Call) -> Ended:
        """Ping one node."""
        return await transport.ping(node, call)
