"""What the ssh transport makes of a connection that it has kept."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NoReturn

import pytest
import trio

from tests.calls import HeardCall
from trioexec.model.command import Command
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Unreachable
from trioexec.transports.ssh import transport as transport_module
from trioexec.transports.ssh.dial import DialError
from trioexec.transports.ssh.options import SshOptions
from trioexec.transports.ssh.transport import SshTransport

HANG_S = 60.0


class DeadLease:
    """Of a connection that opens no session any more."""

    def __init__(self) -> None:
        self.forgotten = self.released = False

    @property
    def connection(self) -> DeadLease:
        return self

    async def create_session(self, *args: object, **options: object) -> NoReturn:
        raise ConnectionResetError

    def forget(self) -> None:
        self.forgotten = True

    def release(self) -> None:
        self.released = True


async def test_where_a_kept_connection_is_dead_the_node_is_connected_to_once_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    call, lease = HeardCall(), DeadLease()
    phases_when_dialling: list[str] = []

    @asynccontextmanager
    async def open_way(*args: object) -> AsyncIterator[socket.socket]:
        phases_when_dialling.extend(call.phases)
        raise DialError("no route to host")
        yield  # type: ignore[unreachable]

    monkeypatch.setattr(transport_module, "open_way", open_way)
    transport: Any = SshTransport(SshOptions(config_file="none", keep_connections=True))
    monkeypatch.setattr(transport._kept, "take", lambda _: lease)

    with trio.fail_after(HANG_S):
        async with transport.open():
            outcome = await transport.run(Node(name="n", host="n"), Command(text="x"), call)

    assert outcome == Unreachable(reason="no route to host")
    assert phases_when_dialling == ["auth", "connect"]
    assert (lease.forgotten, lease.released) == (True, True)
