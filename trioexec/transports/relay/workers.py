"""Shards a run's nodes over processes of its own, since one Python process uses one core."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from typing import Final

import trio

from trioexec.model.command import Command
from trioexec.model.nodes import Node
from trioexec.transports.base import Call, Ended
from trioexec.transports.relay.client import RelayTransport
from trioexec.transports.relay.spawn import ENTRY, HolderError, options_to_json
from trioexec.transports.ssh.options import SshOptions

__all__ = ["WorkersTransport"]

WORKER_GRACE_S: Final = 5.0
"""How long a worker may take to go when its run is over; nothing of the run is left in it then."""


class WorkersTransport:
    """Shards nodes over worker processes; `transports.base.Transport` is the contract."""

    def __init__(self, options: SshOptions, count: int) -> None:
        """Use so many workers; none is started before `open`."""
        self._options = replace(options, parallel=max(1.0, options.parallel / count))
        self._count = count
        self._workers: list[RelayTransport] = []

    @asynccontextmanager
    async def open(self) -> AsyncIterator[None]:
        """Have the workers; when left, they have ended."""
        async with AsyncExitStack() as stack:
            for number in range(self._count):
                self._workers.append(
                    await stack.enter_async_context(_worker(self._options, number + 1))
                )
            try:
                yield
            finally:
                self._workers.clear()

    async def run(self, node: Node, command: Command, call: Call) -> Ended:
        """Have the node's worker run the command."""
        return await self._workers[node.rank % self._count].run(node, command, call)

    async def ping(self, node: Node, call: Call) -> Ended:
        """Have the node's worker ping it."""
        return await self._workers[node.rank % self._count].ping(node, call)


@asynccontextmanager
async def _worker(options: SshOptions, number: int) -> AsyncIterator[RelayTransport]:
    ours, theirs = socket.socketpair()
    with contextlib.ExitStack() as left:
        left.callback(ours.close)
        with theirs:
            # A session of its own: a Ctrl-C at the terminal is for us, who will tell it.
            process = subprocess.Popen(  # noqa: ASYNC220 - a fork and an exec, no wait
                [sys.executable, *ENTRY, "work", str(theirs.fileno())],
                stdin=subprocess.PIPE,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )
        left.callback(_end, process)
        assert process.stdin is not None
        try:
            with process.stdin as stdin:
                stdin.write(options_to_json(options))
        except OSError as exc:
            raise HolderError(f"worker process {number} did not start: {exc.strerror}.") from exc
        ours.setblocking(False)
        stream = trio.SocketStream(trio.socket.from_stdlib_socket(ours))

        async def connect() -> trio.SocketStream:
            return stream

        relay = RelayTransport(connect, f"worker process {number}")
        try:
            async with relay.open():
                yield relay
        finally:
            # No shield: calls have had their goodbyes, and a cancel that comes as far as here,
            # such as the last Ctrl-C, leaves no time.
            with trio.move_on_after(WORKER_GRACE_S):
                await trio.to_thread.run_sync(process.wait, abandon_on_cancel=True)  # noqa: ASYNC102


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
