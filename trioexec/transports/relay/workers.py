"""Spreads a run's work over processes of its own, since one Python process uses one core."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

import trio
from msgspec.structs import replace

from trioexec.transports.base import Transport
from trioexec.transports.relay.client import RelayTransport
from trioexec.transports.relay.shared import SharedTransport
from trioexec.transports.relay.spawn import ENTRY, HolderError, here, options_to_json
from trioexec.transports.ssh.options import SshOptions

__all__ = ["workers_for"]

WORKER_GRACE_S: Final = 5.0
"""How long a worker may take to go when its run is over; nothing of the run is left in it then."""


def workers_for(options: SshOptions, count: int) -> Transport:
    """Give the transport over so many workers; none is started before it opens."""
    each = replace(options, parallel=max(1.0, options.parallel / count))
    return SharedTransport(
        [
            RelayTransport(partial(_worker, each, number), f"worker process {number}")
            for number in range(1, count + 1)
        ],
        partial(here, options),
    )


@asynccontextmanager
async def _worker(options: SshOptions, number: int) -> AsyncIterator[trio.SocketStream]:
    """Have a worker process and the way to it; when left, it has ended."""
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
        try:
            async with trio.SocketStream(trio.socket.from_stdlib_socket(ours)) as stream:
                yield stream
        finally:
            # No shield: calls have had their goodbyes, and a cancel that comes as far as here,
            # such as the last Ctrl-C, leaves no time.
            with trio.move_on_after(WORKER_GRACE_S):
                await trio.to_thread.run_sync(process.wait, abandon_on_cancel=True)  # noqa: ASYNC102


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.kill()
        process.wait()
