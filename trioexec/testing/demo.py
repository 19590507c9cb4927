"""The fleet that `trioexec demo` shows: real SSH, real commands, pretended machines."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from trioexec.model.command import Command
from trioexec.model.nodes import Node
from trioexec.testing.fleet import SshFleet, open_ssh_fleet
from trioexec.testing.scripts import ScriptedNode
from trioexec.transports.base import Call, Ended
from trioexec.transports.ssh.transport import SshTransport

__all__ = ["DEMO_COMMAND", "FAILS_VARIABLE", "DemoTransport", "open_demo_fleet"]

FAILS_VARIABLE: Final = "DEMO_DISK_FULL"
"""Set on the node that is to fail, for commands that care."""

SLOW_VARIABLE: Final = "DEMO_LOAD_S"
"""How many seconds the default command works; more on the slow node."""

SLOW_S: Final = 2.0
QUICK_S: Final = 0.2
AUTH_S: Final = 0.3
"""Logging in to the slow node takes longer too, whatever the command."""

DEMO_COMMAND: Final = (
    'echo "$(uname -s) on $(uname -m), $HOSTNAME reporting"; '
    "for part in kernel services disk; do "
    f'sleep "${SLOW_VARIABLE}"; '
    f'if [ "$part" = disk ] && [ -n "${FAILS_VARIABLE}" ]; then '
    'echo "disk: /var is full" >&2; exit 3; fi; '
    'echo "$part ok"; '
    "done"
)
"""Worth seeing: lines that come in time, one slow node, one that fails with code 3."""


@asynccontextmanager
async def open_demo_fleet(count: int) -> AsyncIterator[SshFleet]:
    """Run `count` SSH servers here, ``demo1`` to ``demoN``; they run commands for real.

    The last node but one is slow and the last fails the default command; where there
    are fewer than three, none does.  When the block is left, by a cancel or otherwise,
    nothing of them is left.

    Args:
        count: How many servers, from 1.
    """
    names = [f"demo{number}" for number in range(1, count + 1)]
    slow, failing = names[-2:] if len(names) > 2 else (None, None)  # noqa: PLR2004 - as said above
    scripts = [
        ScriptedNode(
            name=name,
            runs_commands=True,
            auth_s=AUTH_S if name == slow else 0.0,
            env={
                SLOW_VARIABLE: str(SLOW_S / 3 if name == slow else QUICK_S / 3),
                FAILS_VARIABLE: "1" if name == failing else "",
            },
        )
        for name in names
    ]
    async with open_ssh_fleet(scripts, user="demo") as fleet:
        yield fleet


class DemoTransport:
    """The way to a demo fleet that is there as long as the transport is open.

    So whatever ends a run, at its start or later, ends the servers too.  A node's name is
    all that it needs of the fleet.
    """

    def __init__(self, count: int) -> None:
        """Prepare; nothing is started yet.

        Args:
            count: How many servers, from 1.
        """
        self._count = count
        self._ssh: SshTransport

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Start the servers, and have what reaches them ready."""
        async with open_demo_fleet(self._count) as fleet:
            self._ssh = SshTransport(fleet.ssh_options())
            async with self._ssh.open():
                yield

    async def run(self, node: Node, command: Command, call: Call) -> Ended:
        """Run the command on one of them."""
        return await self._ssh.run(node, command, call)

    async def ping(self, node: Node, call: Call) -> Ended:
        """Log in to one of them."""
        return await self._ssh.ping(node, call)
