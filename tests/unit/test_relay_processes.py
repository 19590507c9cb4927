"""What becomes of holders and workers that fail, go, or do not go."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest
import trio

from trioexec.api import open_fleet
from trioexec.model.command import Command
from trioexec.model.nodes import Node
from trioexec.model.outcomes import Exited, Unreachable
from trioexec.model.secret import Secret
from trioexec.testing.fakes import FakeNode, FakeTransport
from trioexec.transports.base import Call, Ended
from trioexec.transports.relay import holder, place, spawn, workers
from trioexec.transports.relay.asking import ask_holder
from trioexec.transports.relay.server import serve_link
from trioexec.transports.relay.spawn import HolderError, holder_at
from trioexec.transports.relay.wire import Ask, Status, encode
from trioexec.transports.relay.workers import workers_for
from trioexec.transports.ssh.options import SshOptions

if TYPE_CHECKING:
    from trioexec.transports.ssh.transport import SshTransport

HANG_S = 60.0


def _as_they_are(options: SshOptions) -> SshOptions:
    return options


def _descriptors() -> set[str]:
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def _children() -> list[str]:
    listed = Path(f"/proc/self/task/{os.getpid()}/children").read_text()
    return listed.split()


class Listener:
    """Fails so often, then gives its socket, then nothing."""

    def __init__(self, *errors: int) -> None:
        self.errors = list(errors)
        self.given = False

    async def accept(self) -> tuple[str, None]:
        if self.errors:
            raise OSError(self.errors.pop(0), "no")
        if self.given:
            await trio.sleep_forever()
        self.given = True
        return "socket", None


async def test_a_holder_without_descriptors_waits_and_goes_on(
    autojump_clock: trio.testing.MockClock,
) -> None:
    served: list[object] = []
    listener = Listener(errno.EMFILE, errno.ECONNABORTED, errno.ENFILE)

    with trio.move_on_after(10):
        await holder._accept(listener, served.append)  # type: ignore[arg-type]

    assert served == ["socket"]


async def test_a_listener_that_is_gone_is_an_error() -> None:
    with pytest.raises(OSError, match="no"):
        await holder._accept(Listener(errno.EBADF), lambda _: None)  # type: ignore[arg-type]


async def test_a_holder_that_has_answered_serves_though_it_takes_nobody_else(
    tmp_path: Path,
) -> None:
    path = tmp_path / "sock"
    listener = holder._listen(path)

    async def serve_one() -> None:
        accepted, _ = await listener.accept()
        listener.close()
        path.unlink()
        transport = FakeTransport({"n": FakeNode(code=3)})
        await serve_link(trio.SocketStream(accepted), transport, answer=answer)

    def answer(ask: Ask) -> Status:
        return Status(1, 0.0, 0.0, 0, [])

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve_one)
            relay = await trio.to_thread.run_sync(holder_at, path, SshOptions(), _as_they_are)
            assert relay is not None
            async with open_fleet("n", transport=relay) as fleet:
                report = await fleet.run("do")
    with pytest.raises(HolderError, match="has gone"):
        async with relay.open():
            pytest.fail("it opened")

    assert report["n"].outcome == Exited(code=3)


async def test_a_holder_that_goes_instead_of_answering_is_none(tmp_path: Path) -> None:
    path = tmp_path / "sock"
    listener = holder._listen(path)

    async def go() -> None:
        accepted, _ = await listener.accept()
        accepted.close()

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(go)
            relay = await trio.to_thread.run_sync(holder_at, path, SshOptions(), _as_they_are)
    listener.close()

    assert relay is None


async def test_a_worker_that_does_not_go_is_cut_by_a_cancel(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "ENTRY", ("-c", "import time; time.sleep(1000)"))
    monkeypatch.setattr(workers, "WORKER_GRACE_S", 3600.0)

    with trio.fail_after(HANG_S) as limit, trio.CancelScope() as scope:
        async with workers_for(SshOptions(), 1).open():
            scope.cancel()

    assert not limit.cancel_called


async def test_a_worker_that_dies_before_it_has_read_its_options_is_an_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "ENTRY", ("-c", "pass"))
    monkeypatch.setattr(workers, "options_to_json", lambda _: b"x" * 10_000_000)
    before = _descriptors()

    with trio.fail_after(HANG_S), pytest.raises(HolderError, match="did not start"):
        async with workers_for(SshOptions(), 1).open():
            pytest.fail("it opened")

    assert _descriptors() <= before


async def test_a_transport_whose_block_fails_has_no_workers_left(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workers, "ENTRY", ("-c", "import sys; sys.stdin.read()"))
    transport = workers_for(SshOptions(), 2)
    before = _descriptors()

    with trio.fail_after(HANG_S), pytest.RaisesGroup(ZeroDivisionError, flatten_subgroups=True):
        async with transport.open():
            raise ZeroDivisionError

    assert _children() == []
    assert _descriptors() <= before


def test_a_holder_that_dies_before_it_has_read_its_options_is_an_error(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(spawn, "ENTRY", ("-c", "pass"))
    monkeypatch.setattr(spawn, "options_to_json", lambda _: b"x" * 10_000_000)

    with pytest.raises(HolderError, match="did not start"):
        spawn._spawn_holder(SshOptions(), tmp_path / "sock", 1.0)


def test_a_holder_that_does_not_start_says_why(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    no_place = "import sys; sys.stdin.read(); sys.exit('no space left')"
    monkeypatch.setattr(spawn, "ENTRY", ("-c", no_place))

    with pytest.raises(HolderError, match=r"did not start\.\nno space left"):
        spawn._spawn_holder(SshOptions(), tmp_path / "sock", 1.0)


def test_a_holder_that_says_nothing_is_not_waited_for_without_an_end(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(
        spawn, "ENTRY", ("-c", "import sys, time; print(1, flush=True); time.sleep(1000)")
    )
    monkeypatch.setattr(spawn, "START_LIMIT_S", 2.0)

    with pytest.raises(HolderError, match=r"did not start\.\nIt says nothing"):
        spawn._spawn_holder(SshOptions(), tmp_path / "sock", 1.0)


async def test_a_holder_that_goes_has_no_socket_while_it_closes_connections(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "sock"
    seen: list[bool] = []

    class Transport(FakeTransport):
        def __init__(self, options: SshOptions) -> None:
            super().__init__({})

        @asynccontextmanager
        async def open(self) -> AsyncIterator[None]:
            yield
            seen.append(path.exists())

    monkeypatch.setattr(holder, "SshTransport", Transport)

    with trio.fail_after(HANG_S):
        await holder.hold(SshOptions(), path, 0.0, lambda: seen.append(path.exists()))

    assert seen == [True, False]


def test_a_change_in_an_included_file_leads_to_another_holder(tmp_path: Path) -> None:
    config, included = tmp_path / "config", tmp_path / "more.conf"
    config.write_text(f"Host a\n  Include {tmp_path}/*.conf\n")
    included.write_text(f"include {tmp_path}/deeper\n")
    options = SshOptions(config_file=str(config))
    paths = []

    for change in (
        lambda: None,
        lambda: included.write_text(f"Include {tmp_path}/deeper  \nUser u\n"),
        lambda: (tmp_path / "deeper").write_text("Port 3\n"),
        lambda: (tmp_path / "new.conf").write_text("Port 4\n"),
    ):
        change()
        paths.append(place.socket_path(options, make=False))

    assert len(set(paths)) == 4
    assert place.socket_path(options, make=False) == paths[-1]


@contextmanager
def _as_another_user(act: str, path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Have a process of another user do something with a socket; it says so when it has."""
    script = (
        f"import os, socket, time; os.setuid(64999); path = {str(path)!r}\n"
        f"sock = socket.socket(socket.AF_UNIX)\n{act}\n"
        "print('done', flush=True); time.sleep(1000)"
    )
    # Without our variables: coverage's would have it write where that user may not.
    with subprocess.Popen(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, env={}
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder where every user may make and reach sockets, as no holder's is."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it becomes another user")
    # Not in TMPDIR, which may be ours alone.
    with tempfile.TemporaryDirectory(prefix="trioexec-open-", dir="/tmp") as name:
        Path(name).chmod(0o777)
        yield Path(name)


def test_a_socket_of_another_users_is_no_holder(open_folder: Path) -> None:
    path = open_folder / "sock"
    with _as_another_user("sock.bind(path); sock.listen()", path) as other:
        assert other.stdout is not None
        other.stdout.readline()

        relay = holder_at(path, SshOptions(password=Secret("told to nobody")), _as_they_are)
        asked = ask_holder(path, stop=True)
        lives = other.poll() is None

    assert (relay, asked, lives) == (None, None, True)


async def test_a_holder_answers_no_other_user(open_folder: Path) -> None:
    path = open_folder / "sock"
    listener = holder._listen(path)
    path.chmod(0o777)
    served = holder._Holder(cast("SshTransport", None), 60.0)
    ask = (
        "sock.connect(path)\n"
        f"try: sock.sendall({encode(Ask())!r}); said = sock.recv(1)\n"
        "except ConnectionError: said = b''\n"
        "assert said == b''"
    )

    with _as_another_user(ask, path) as other, trio.fail_after(HANG_S):
        assert other.stdout is not None
        with listener:
            accepted, _ = await listener.accept()
            await holder._serve(accepted, served)
        said = await trio.to_thread.run_sync(other.stdout.readline, abandon_on_cancel=True)

    assert said == b"done\n"
    assert served.runs == 0


class Held(FakeTransport):
    """What a holder holds here: one node."""

    def __init__(self, options: SshOptions) -> None:
        super().__init__({"n": FakeNode(takes_s=0.5, code=3)})

    def look_anew(self) -> None:
        """Nothing changes."""

    def end_programs(self) -> None:
        """There are none."""

    def ages(self) -> list[tuple[str, float, float]]:
        return []

    def locked_keys(self) -> list[str]:
        return []


@asynccontextmanager
async def _holder(
    monkeypatch: pytest.MonkeyPatch, path: Path, persist_s: float
) -> AsyncIterator[trio.Event]:
    """Have a holder in this process; what is given is set when it has gone."""
    monkeypatch.setattr(holder, "SshTransport", Held)
    gone, ready = trio.Event(), trio.Event()

    async def serve() -> None:
        await holder.hold(SshOptions(), path, persist_s, ready.set)
        gone.set()

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            await ready.wait()
            yield gone
            nursery.cancel_scope.cancel()


async def test_a_holder_that_is_told_to_stop_serves_the_runs_that_it_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "sock"

    async with _holder(monkeypatch, path, 3600.0) as gone:
        relay = await trio.to_thread.run_sync(holder_at, path, SshOptions(), _as_they_are)
        assert relay is not None
        async with open_fleet("n", transport=relay) as fleet:
            status = await trio.to_thread.run_sync(partial(ask_holder, path, stop=True))
            while path.exists():
                await trio.sleep(0.01)
            report = await fleet.run("do")
            had_gone = gone.is_set()
        await gone.wait()

    assert isinstance(status, Status)
    assert report["n"].outcome == Exited(code=3)
    assert not had_gone


async def test_a_holder_whose_socket_was_removed_goes_when_its_runs_are_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "sock"
    monkeypatch.setattr(holder, "PLACE_S", 0.01)

    async with _holder(monkeypatch, path, 3600.0) as gone:
        relay = await trio.to_thread.run_sync(holder_at, path, SshOptions(), _as_they_are)
        assert relay is not None
        async with open_fleet("n", transport=relay) as fleet:
            path.unlink()
            path.touch()  # somebody else's
            report = await fleet.run("do")
        await gone.wait()

    assert report["n"].outcome == Exited(code=3)
    assert path.exists()


async def test_to_ask_a_holder_how_it_is_does_not_keep_it(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "sock"

    async with _holder(monkeypatch, path, 0.5) as gone:
        while not gone.is_set():
            await trio.to_thread.run_sync(partial(ask_holder, path, stop=False))
            await trio.sleep(0.01)


async def test_a_bug_ends_the_run_that_meets_it_and_is_told_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "sock"
    other = FakeTransport({"n": FakeNode(code=5)})

    async def fails(self: Held, node: Node, command: Command, call: Call) -> Ended:
        if command.text == "bug":
            raise ZeroDivisionError("a bug")
        return await FakeTransport.run(self, node, command, call)

    monkeypatch.setattr(Held, "run", fails)
    monkeypatch.setattr(spawn, "here", lambda _: other)

    async with _holder(monkeypatch, path, 3600.0):
        reports = []
        for text in ("bug", "do"):
            relay = await trio.to_thread.run_sync(holder_at, path, SshOptions(), _as_they_are)
            assert relay is not None
            async with open_fleet("n", transport=relay) as fleet:
                reports.append(await fleet.run(text))

    died = Unreachable(reason="the holder of its connection died", remote="not confirmed")
    assert [report["n"].outcome for report in reports] == [died, Exited(code=3)]
    told = [each for each in caplog.records if each.name == "trioexec.transports.relay.server"]
    assert [(each.levelname, "ZeroDivisionError: a bug" in each.message) for each in told] == [
        ("ERROR", True)
    ]
