"""What the end-to-end tests share: the real command line, and a look at the node's processes."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import trio

from tests.e2e.sshd_rig import Sshd

__all__ = ["HANG_S", "MARK", "MODES", "Cli", "Done", "Marker", "Running", "until"]

HANG_S = 60.0
"""Longer than anything takes on a machine that is busy elsewhere: who meets it hangs."""

CLIENT = "E2E_CLIENT"
"""In the environment of our side's processes, so that they are not taken for the node's."""

MARK = "E2E_MARK"

MODES: dict[str, tuple[str, ...]] = {
    "stream": ("--stream",),
    "group": ("--group",),
    "json": ("--json",),
    "files": ("--output-dir", "out"),
}
"""Every way to show a run, and how it is asked for."""


@dataclass(frozen=True)
class Marker:
    """What the processes on the node are known by that a run with `options` started."""

    text: str

    @property
    def options(self) -> tuple[str, str]:
        return ("--env", f"{MARK}={self.text}")

    def processes(self) -> list[str]:
        """List them, watchdogs included.

        Zombies do not count: some containers have an init that never reaps.
        """
        return [
            f"{pid} {what}"
            for pid, what, environ in _processes()
            if self.text.encode() in environ or self.text in what
        ]

    async def are_running(self, command: str, *, count: int = 1) -> None:
        """Wait until so many processes with this very command line are there.

        A shell that was given it does not count: its children look like it until they are it.
        """
        await until(
            lambda: (
                sum(each.split(" ", 1)[1].rstrip() == command for each in self.processes()) >= count
            ),
            what=f"{count} x {command!r} running",
        )

    async def are_gone(self, *, limit_s: float = HANG_S) -> float:
        """Wait until none is left; give how long that took."""
        began_s = trio.current_time()
        try:
            await until(lambda: not self.processes(), limit_s=limit_s)
        except AssertionError as exc:
            raise AssertionError(f"left on the node: {self.processes()}") from exc
        return trio.current_time() - began_s


def _processes() -> Iterator[tuple[int, str, bytes]]:
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal():
            continue
        with contextlib.suppress(OSError):
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
            environ = (entry / "environ").read_bytes()
            if state == "Z" or CLIENT.encode() in environ:
                continue
            what = (entry / "cmdline").read_bytes().replace(b"\x00", b" ")
            yield int(entry.name), what.decode(errors="replace"), environ


async def until(holds: Callable[[], object], *, what: str = "", limit_s: float = HANG_S) -> None:
    """Wait until something holds.

    Raises:
        AssertionError: It did not.
    """
    with trio.move_on_after(limit_s):
        while not holds():
            await trio.sleep(0.02)
        return
    raise AssertionError(f"not within {limit_s} s: {what or holds}")


@dataclass(frozen=True, kw_only=True)
class Done:
    """What a command line came to."""

    code: int
    stdout: bytes
    stderr: str
    seconds: float

    @property
    def last_line(self) -> str:
        return self.stderr.rstrip("\n").rpartition("\n")[2]


@dataclass(eq=False, kw_only=True)
class Running:
    """A trioexec that runs, and what it has said so far."""

    process: trio.Process
    stdout: bytearray = field(default_factory=bytearray)
    raw_stderr: bytearray = field(default_factory=bytearray)
    began_s: float = field(default_factory=trio.current_time)

    @property
    def stderr(self) -> str:
        return self.raw_stderr.decode()

    @property
    def pid(self) -> int:
        return self.process.pid

    async def prints(self, data: bytes, *, times: int = 1) -> None:
        """Wait until this stands on stdout so many times."""
        await self._until(lambda: self.stdout.count(data) >= times, f"{times} x {data!r} on stdout")

    async def says(self, text: str, *, times: int = 1) -> None:
        """Wait until this stands on stderr so many times."""
        await self._until(lambda: self.stderr.count(text) >= times, f"{times} x {text!r} on stderr")

    def press(self, number: int = signal.SIGINT) -> float:
        """Send a signal; give the time."""
        self.process.send_signal(number)
        return trio.current_time()

    async def press_twice(self) -> float:
        """Press until a second Ctrl-C came within a second of the first; give its time."""
        while True:
            told = self.stderr.count("Received Ctrl+C. ")
            at_s = self.press()

            def answered(told: int = told) -> bool:
                return self.stopping or self.stderr.count("Received Ctrl+C. ") > told

            await self._until(answered, "an answer to a Ctrl-C")
            if self.stopping:
                return at_s

    @property
    def stopping(self) -> bool:
        return "Received second Ctrl+C. " in self.stderr

    async def exits(self) -> int:
        """Wait for the end."""
        with trio.move_on_after(HANG_S):
            return await self.process.wait()
        raise AssertionError(f"trioexec hangs; it said:\n{self.stderr}")

    async def _until(self, holds: Callable[[], object], what: str) -> None:
        await until(
            lambda: holds() or self.process.returncode is not None or self._poll(), what=what
        )
        if not holds():
            await trio.sleep(0.5)  # what the pipes still hold
        assert holds(), f"{what}: never, exit {self.process.returncode}, said:\n{self.stderr}"

    def _poll(self) -> bool:
        return self.process.poll() is not None


class Cli:
    """The real command line, towards an sshd."""

    def __init__(self, sshd: Sshd, folder: Path) -> None:
        self.sshd = sshd
        self.folder = folder

    def environ(self, **more: str) -> dict[str, str]:
        """An environment without traces of whoever runs the tests."""
        foreign = ("TRIOEXEC_", "BACKENDAI_", "SSH_")
        kept = {k: v for k, v in os.environ.items() if not k.startswith(foreign)}
        ours = {"HOME": str(self.sshd.dir / "home"), CLIENT: "1", "PYTHONWARNINGS": "default"}
        return kept | ours | more

    def argv(self, *words: str) -> list[str]:
        """The command line as it is started; ssh options are put in front, but not of pdsh's own."""
        head = [sys.executable, "-m", "trioexec"]
        if words and words[0] == "pdsh":
            return [*head, *words]
        if words and words[0] in ("check", "ping", "rerun", "run"):
            head.append(words[0])
            words = words[1:]
        return [*head, "-F", str(self.sshd.config), *words]

    async def __call__(
        self,
        *words: str,
        stdin: bytes | None = None,
        env: dict[str, str] | None = None,
    ) -> Done:
        """Run to the end."""
        began_s = trio.current_time()
        with trio.move_on_after(HANG_S) as scope:
            done = await trio.run_process(
                self.argv(*words),
                capture_stdout=True,
                capture_stderr=True,
                check=False,
                stdin=stdin or b"",
                env=self.environ(**(env or {})),
                cwd=self.folder,
            )
        assert not scope.cancelled_caught, f"hangs: {words}\n{self.sshd.log[-3000:]}"
        stderr = done.stderr.decode()
        assert "Traceback" not in stderr, stderr
        assert "Warning:" not in stderr, stderr
        return Done(
            code=done.returncode,
            stdout=done.stdout,
            stderr=stderr,
            seconds=trio.current_time() - began_s,
        )

    async def in_every_mode(self, *words: str, ping: bool = False) -> dict[str, Done]:
        """Run to the end in each output mode, side by side."""
        done: dict[str, Done] = {}

        async def one(name: str, options: tuple[str, ...]) -> None:
            head = ("ping", *options) if ping else ("--env", f"MODE={name}", *options)
            done[name] = await self(*head, *words)

        async with trio.open_nursery() as nursery:
            for name, options in MODES.items():
                if not (ping and name == "group"):
                    nursery.start_soon(one, name, options)
        return done

    @asynccontextmanager
    async def start(
        self,
        *words: str,
        stdout: int | None = None,
        env: dict[str, str] | None = None,
        prefix: Sequence[str] = (),
    ) -> AsyncIterator[Running]:
        """Start it, and have it ended when this is left.

        Args:
            words: Of the command line.
            stdout: A descriptor of the caller's; without one, `Running.stdout` collects.
            env: More of it.
            prefix: Of the argv, such as a launcher.
        """
        process = await trio.lowlevel.open_process(
            [*prefix, *self.argv(*words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if stdout is None else stdout,
            stderr=subprocess.PIPE,
            env=self.environ(**(env or {})),
            cwd=self.folder,
        )
        running = Running(process=process)
        try:
            async with trio.open_nursery() as nursery:
                if process.stdout is not None:
                    nursery.start_soon(_collect, process.stdout, running.stdout)
                assert process.stderr is not None
                nursery.start_soon(_collect, process.stderr, running.raw_stderr)
                try:
                    yield running
                except BaseException:
                    nursery.cancel_scope.cancel()
                    raise
                with trio.move_on_after(HANG_S):
                    await process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
        assert "Traceback" not in running.stderr, running.stderr
        assert "Warning:" not in running.stderr, running.stderr


async def _collect(stream: trio.abc.ReceiveStream, into: bytearray) -> None:
    async with stream:
        async for piece in stream:
            into += piece
