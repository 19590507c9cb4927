"""What becomes of sockets when a cancel comes at a bad moment; the rest is held on real servers."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio

from trioexec.model.goodbyes import Goodbyes
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
    routes = cast("Routes", SimpleNamespace(find=lambda *_, **__: route, may_run_programs=False))
    monkeypatch.setattr(hops_module, "dial", dialled)

    async with open_loop() as loop, trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            scope.cancel()
            await cast("Any", Hops(routes, nursery, loop))._shake_hands(
                (Node(name="h", host="h"),), None
            )

    assert connected.fileno() == -1


async def test_a_proxy_command_without_a_shell_leaves_no_socket(
    monkeypatch: pytest.MonkeyPatch, connected: socket.socket
) -> None:
    other = connected.dup()
    monkeypatch.setattr(socket, "socketpair", lambda: (connected, other))
    monkeypatch.setenv("SHELL", "/no/such/shell")

    with pytest.raises(OSError, match="No such file"):
        async with dial_module.open_proxy_command("true", Goodbyes().track):
            raise AssertionError

    assert connected.fileno() == -1
    assert other.fileno() == -1


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_what_a_proxy_command_has_started_goes_though_it_has_gone_itself() -> None:
    command = "sh -c 'sleep 1000 >/dev/null 2>&1 & echo $!'"

    with trio.fail_after(60):
        async with dial_module.open_proxy_command(command, Goodbyes().track) as through:
            said = b""
            while not said.endswith(b"\n"):
                await trio.lowlevel.wait_readable(through)
                said += through.recv(100)
            pid = int(said)
            alive = _is_alive(pid)
        while _is_alive(pid):
            await trio.sleep(0.01)

    assert alive


async def test_the_last_ctrl_c_does_not_wait_for_a_proxy_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dial_module, "PROXY_GRACE_S", 3600)
    goodbyes = Goodbyes()

    with trio.fail_after(60):
        async with dial_module.open_proxy_command("sleep 1000", goodbyes.track):
            goodbyes.cut()


async def test_a_hop_is_looked_up_off_the_loop_where_that_may_run_a_program() -> None:
    threads = []

    def find(*_: object, **__: object) -> None:
        threads.append(threading.current_thread())

    for may_run_programs in (False, True):
        routes = SimpleNamespace(find=find, may_run_programs=may_run_programs)
        await hops_module.look_up(cast("Routes", routes), Node(name="h", host="h"), through=())

    assert threads[0] is threading.current_thread()
    assert threads[1] is not threading.current_thread()


async def test_an_address_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial_module.socket, "getaddrinfo", lambda *_, **__: pytest.fail("asked"))

    assert await dial_module.resolve("127.0.1.7", 22) == [(socket.AF_INET, ("127.0.1.7", 22))]
    assert await dial_module.resolve("10.0.0.1", 22, socket.AF_INET) == [
        (socket.AF_INET, ("10.0.0.1", 22))
    ]


@pytest.mark.parametrize(
    ("host", "family"),
    [("127.0.1.7", socket.AF_INET6), ("127.0.1.7%eth0", socket.AF_UNSPEC), ("::1", socket.AF_INET)],
)
async def test_an_address_of_the_wrong_kind_is_refused(
    host: str, family: socket.AddressFamily
) -> None:
    with pytest.raises(dial_module.DialError, match="name look-up failed"):
        await dial_module.resolve(host, 22, family)


async def test_an_ipv6_address_keeps_its_four_parts() -> None:
    assert await dial_module.resolve("::1", 22) == [(socket.AF_INET6, ("::1", 22, 0, 0))]
