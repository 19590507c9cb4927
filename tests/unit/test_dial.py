"""What becomes of sockets when a cancel comes at a bad moment; the rest is held on real servers."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from trioexec.model.nodes import Node
from trioexec.transports.ssh import dial as dial_module
from trioexec.transports.ssh import hops as hops_module
from trioexec.transports.ssh.hops import Hops
from trioexec.transports.ssh.loop import open_loop
from trioexec.transports.ssh.routes import Routes

ADDRESSES = [(socket.AF_INET, ("127.0.0.1", 1)), (socket.AF_INET, ("127.0.0.2", 1))]


@pytest.fixture
def connected() -> Iterator[socket.socket]:
    """A socket that a connection attempt gave, closed in the end whatever happens."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours


async def test_an_address_that_answers_as_we_are_cancelled_is_closed(
    monkeypatch: pytest.MonkeyPatch, connected: socket.socket
) -> None:
    async def answers_at_once(*_: object) -> socket.socket:
        scope.cancel()
        return connected

    monkeypatch.setattr(dial_module, "_connect", answers_at_once)

    with trio.CancelScope() as scope:
        await dial_module._race(ADDRESSES, None)

    assert scope.cancelled_caught
    assert connected.fileno() == -1


async def test_a_hop_that_is_cancelled_before_its_handshake_closes_its_socket(
    monkeypatch: pytest.MonkeyPatch, connected: socket.socket
) -> None:
    async def dialled(*_: object, **__: object) -> socket.socket:
        return connected

    target = SimpleNamespace(host="h", port=22)
    route = SimpleNamespace(
        target=target, connect_timeout_s=1, family=socket.AF_INET, bind_address=None
    )
    routes = cast("Routes", SimpleNamespace(find=lambda *_, **__: route))
    monkeypatch.setattr(hops_module, "dial", dialled)

    async with open_loop(), trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            scope.cancel()
            await cast("Any", Hops(routes, nursery))._shake_hands((Node(name="h", host="h"),), None)

    assert connected.fileno() == -1


async def test_a_proxy_command_without_a_shell_leaves_no_socket(
    monkeypatch: pytest.MonkeyPatch, connected: socket.socket
) -> None:
    other = connected.dup()
    monkeypatch.setattr(socket, "socketpair", lambda: (connected, other))
    monkeypatch.setenv("SHELL", "/no/such/shell")

    with pytest.raises(OSError, match="No such file"):
        async with dial_module.open_proxy_command("true"):
            raise AssertionError

    assert connected.fileno() == -1
    assert other.fileno() == -1
