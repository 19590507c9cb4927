"""What becomes of sockets when a cancel comes at a bad moment; the rest is held on real servers."""

from __future__ import annotations

import errno
import logging
import socket
from collections.abc import Iterator
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import trio
from trio.testing import MockClock

from trioexec.model.goodbyes import Goodbyes
from trioexec.model.nodes import Node
from trioexec.transports.ssh import dial as dial_module
from trioexec.transports.ssh.config import HostSettings
from trioexec.transports.ssh.hops import Hops
from trioexec.transports.ssh.loop import open_loop
from trioexec.transports.ssh.routes import Routes

ANY = socket.AF_UNSPEC
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

    said = HostSettings(name="h", hostname="h")
    way = dial_module.Way(host="h", port=22)
    route = SimpleNamespace(target=None, connect_timeout_s=1, way=way, said=said, is_direct=True)
    found = SimpleNamespace(find_hop=lambda *_, **__: route, may_run_programs=False)
    monkeypatch.setattr(dial_module, "_dial", dialled)

    async with open_loop() as loop, trio.open_nursery() as nursery, AsyncExitStack() as stack:
        with trio.CancelScope() as scope:
            scope.cancel()
            hops = cast("Any", Hops(cast("Routes", found), nursery, loop))
            await hops._shake_hands((Node(name="h", host="h"),), None, stack)

    assert connected.fileno() == -1


def _through(
    command: str, goodbyes: Goodbyes | None = None
) -> AbstractAsyncContextManager[socket.socket]:
    way = dial_module.Way(host="h", port=22, proxy_command=command)
    return dial_module.open_way(way, (goodbyes or Goodbyes()).track, print)


async def test_a_proxy_command_without_a_shell_leaves_no_socket(
    monkeypatch: pytest.MonkeyPatch, connected: socket.socket
) -> None:
    other = connected.dup()
    monkeypatch.setattr(socket, "socketpair", lambda: (connected, other))
    monkeypatch.setenv("SHELL", "/no/such/shell")

    with pytest.raises(OSError, match="No such file"):
        async with _through("true"):
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
        async with _through(command) as through:
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
        async with _through("sleep 1000", goodbyes):
            goodbyes.cut()


async def test_it_is_tried_as_often_as_connection_attempts_says(
    monkeypatch: pytest.MonkeyPatch, connected: socket.socket, autojump_clock: MockClock
) -> None:
    tried_s: list[float] = []

    async def third_time_lucky(*_: object) -> socket.socket:
        tried_s.append(trio.current_time())
        if len(tried_s) < 3:
            raise OSError(errno.ECONNREFUSED, "refused")
        return connected

    monkeypatch.setattr(dial_module, "_connect", third_time_lucky)

    with pytest.raises(dial_module.DialError, match="refused"):
        await dial_module._dial(dial_module.Way(host="127.0.0.1", port=22, attempts=2), print)
    got = await dial_module._dial(dial_module.Way(host="127.0.0.1", port=22), print)

    assert got is connected
    assert [tried - tried_s[0] for tried in tried_s] == [0, 1, 1]


async def test_an_address_is_not_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dial_module.socket, "getaddrinfo", lambda *_, **__: pytest.fail("asked"))

    assert await dial_module._resolve("127.0.1.7", 22, ANY) == [(socket.AF_INET, ("127.0.1.7", 22))]
    assert await dial_module._resolve("10.0.0.1", 22, socket.AF_INET) == [
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
        await dial_module._resolve(host, 22, family)


async def test_an_ipv6_address_keeps_its_four_parts() -> None:
    assert await dial_module._resolve("::1", 22, ANY) == [(socket.AF_INET6, ("::1", 22, 0, 0))]


async def test_verbose_runs_say_where_a_node_is_sought(
    monkeypatch: pytest.MonkeyPatch, connected: socket.socket, caplog: pytest.LogCaptureFixture
) -> None:
    async def connect(*_: object) -> socket.socket:
        return connected

    monkeypatch.setattr(dial_module, "_connect", connect)
    caplog.set_level(logging.INFO, "trioexec")

    await dial_module._dial(dial_module.Way(host="127.0.0.1", port=2222), print)

    assert caplog.messages == ["127.0.0.1: connecting to 127.0.0.1 port 2222"]
