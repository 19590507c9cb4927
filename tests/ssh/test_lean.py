"""What our connections leave out, as the server at the other end sees it."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import asyncssh  # noqa: TID251
import pytest
from asyncssh.constants import (  # noqa: TID251
    MSG_EXT_INFO,
    MSG_IGNORE,
    MSG_NEWKEYS,
    MSG_SERVICE_REQUEST,
    MSG_USERAUTH_REQUEST,
)

from trioexec.api import open_fleet
from trioexec.model.report import Report
from trioexec.testing import open_ssh_fleet
from trioexec.transports.ssh.lean import LeanConnection

pytestmark = pytest.mark.usefixtures("nothing_left")


@pytest.fixture
def received(monkeypatch: pytest.MonkeyPatch) -> Counter[int]:
    """How many packets of each type the server has got."""
    counted: Counter[int] = Counter()

    def count(self: object, pkttype: int, *args: object) -> None:
        counted[pkttype] += 1

    monkeypatch.setattr(asyncssh.SSHServerConnection, "log_received_packet", count)
    monkeypatch.setattr("asyncssh.auth.ServerAuth.log_received_packet", count, raising=False)
    return counted


async def run_with(*settings: str, extra_keys: int = 0) -> Report:
    async with open_ssh_fleet(1) as ssh:
        with ssh.ssh_config.open("a") as config:
            for number in range(extra_keys):
                path = ssh.ssh_config.with_name(f"extra{number}")
                asyncssh.generate_private_key("ssh-ed25519").write_private_key(path)
                path.chmod(0o600)
                config.write(f"    IdentityFile {path}\n")
            config.writelines(f"    {each}\n" for each in settings)
        async with open_fleet(ssh.nodes, ssh=ssh.ssh_options()) as fleet:
            return await fleet.run("true")


@pytest.mark.parametrize(
    ("ciphers", "sent"),
    [
        pytest.param("aes128-gcm@openssh.com", False, id="AEAD"),
        pytest.param("aes128-ctr", False, id="counter mode"),
        pytest.param("aes128-cbc", True, id="CBC, for which it is made"),
    ],
)
async def test_packets_to_ignore_are_sent_where_the_cipher_needs_them(
    received: Counter[int], ciphers: str, monkeypatch: pytest.MonkeyPatch, *, sent: bool
) -> None:
    # Servers of today offer no CBC of their own accord.
    every = asyncssh.encryption.get_encryption_algs
    monkeypatch.setattr("asyncssh.connection.get_default_encryption_algs", every)

    report = await run_with(f"Ciphers {ciphers}")

    assert report.ok
    assert bool(received[MSG_IGNORE]) is sent


@pytest.mark.parametrize(("extra_keys", "requests"), [(0, 2), (1, 3)])
async def test_the_only_key_is_proven_without_asking_first(
    received: Counter[int], extra_keys: int, requests: int
) -> None:
    report = await run_with(extra_keys=extra_keys)

    assert report.ok
    assert received[MSG_USERAUTH_REQUEST] == requests  # "none", (a question,) the proof


@pytest.fixture
def pieces(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """What types of packets were in each piece that came to the server."""
    pieces: list[list[int]] = []
    receive = asyncssh.SSHServerConnection.data_received

    def data_received(self: asyncssh.SSHServerConnection, data: bytes) -> None:
        pieces.append([])
        receive(self, data)

    def note(self: object, pkttype: int, *args: object) -> None:
        pieces[-1].append(pkttype)

    monkeypatch.setattr(asyncssh.SSHServerConnection, "data_received", data_received)
    monkeypatch.setattr(asyncssh.SSHServerConnection, "log_received_packet", note)
    return pieces


@pytest.mark.parametrize(
    ("version", "together"),
    [
        pytest.param(
            "OpenSSH_9.9", [MSG_NEWKEYS, MSG_EXT_INFO, MSG_SERVICE_REQUEST, MSG_USERAUTH_REQUEST]
        ),
        pytest.param("Router_1.0", [MSG_NEWKEYS, MSG_EXT_INFO, MSG_SERVICE_REQUEST]),
    ],
)
async def test_who_is_known_to_read_on_is_told_several_things_in_one_piece(
    pieces: list[list[int]], monkeypatch: pytest.MonkeyPatch, version: str, together: list[int]
) -> None:
    connect = asyncssh.SSHServerConnection.__init__

    def init(self: asyncssh.SSHServerConnection, *args: Any, **kwargs: Any) -> None:
        connect(self, *args, **kwargs)
        self._version = version.encode()

    monkeypatch.setattr(asyncssh.SSHServerConnection, "__init__", init)

    report = await run_with()

    assert report.ok
    assert together in pieces
    assert sum(piece.count(MSG_USERAUTH_REQUEST) for piece in pieces) == 2  # "none", the proof


@pytest.fixture
def asked_for_log(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    with caplog.at_level(logging.DEBUG, "asyncssh"):
        yield caplog


async def test_who_asks_for_asyncsshs_log_gets_it(
    asked_for_log: pytest.LogCaptureFixture,
) -> None:
    await run_with()

    assert "Requesting key exchange" in asked_for_log.text


async def test_else_a_client_makes_no_text_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    real = asyncssh.logging.SSHLogger.log

    def log(self: asyncssh.logging.SSHLogger, level: int, msg: str, *args: object) -> None:
        made.append(msg)
        real(self, level, msg, *args)

    monkeypatch.setattr(asyncssh.logging.SSHLogger, "log", log)

    await run_with()

    assert made.count("Beginning auth for user %s") == 1  # the server's; a client's is silent


class Clock:
    """What a connection's timers need of a loop."""

    def __init__(self) -> None:
        self.now_s = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []

    def time(self) -> float:
        return self.now_s

    def call_at(self, when_s: float, callback: Callable[[], None]) -> object:
        self.timers.append((when_s, callback))
        return object()

    def call_later(self, delay_s: float, callback: Callable[[], None]) -> object:
        return self.call_at(self.now_s + delay_s, callback)

    def ring(self) -> float:
        self.now_s, callback = self.timers.pop(0)
        callback()
        return self.now_s


class Silent(LeanConnection):
    """A connection that has logged in, and nothing else."""

    def __init__(self, clock: Clock, *, interval_s: float) -> None:
        self.asked: list[float] = []
        self.lost_s: list[float] = []
        self._clock, self._server = clock, False
        self._loop = clock  # type: ignore[assignment]
        self._auth_complete = True
        self._keepalive_interval = interval_s
        self._keepalive_count, self._keepalive_count_max = 0, 3
        self._keepalive_timer = None
        self._heard_s = 0.0

    def create_task(self, coro: Coroutine[object, object, None], *args: object) -> None:  # type: ignore[override]
        coro.close()
        self.asked.append(self._clock.now_s)

    def connection_lost(self, exc: Exception | None = None) -> None:
        assert "keepalive" in str(exc)
        self.lost_s.append(self._clock.now_s)

    def hear(self, at_s: float) -> None:
        self._clock.now_s = at_s
        self._reset_keepalive_timer()


def test_who_talks_is_not_asked_and_costs_no_timer_a_packet() -> None:
    clock = Clock()
    connection = Silent(clock, interval_s=30)
    for at_s in (0, 10, 20):
        connection.hear(at_s)

    assert len(clock.timers) == 1
    assert clock.ring() == 30
    assert connection.asked == []
    assert clock.ring() == 50  # thirty seconds after the last packet
    assert connection.asked == [50]


def test_who_is_silent_is_asked_three_times_and_then_lost() -> None:
    clock = Clock()
    connection = Silent(clock, interval_s=30)
    connection.hear(20)
    while not connection.lost_s:
        clock.ring()

    assert connection.asked == [50, 80, 110]
    assert connection.lost_s == [140]


def test_without_an_interval_there_is_no_timer() -> None:
    clock = Clock()
    Silent(clock, interval_s=0).hear(1)

    assert clock.timers == []
