"""A Ctrl-C that is typed: the terminal sends it to the whole foreground process group."""

from __future__ import annotations

import fcntl
import os
import re
import shlex
import shutil
import signal
import struct
import termios
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from tests.e2e.presses import STOPPED, WARNED
from tests.e2e.rig import HANG_S, Cli, Marker, until

NODES = "127.0.1.[1-3]"
SLOW = "echo up; sleep 1000"

MODES = {
    "stream": ("--stream", "--progress", "never"),
    "group": ("--group", "--progress", "never"),
    "progress": ("--stream", "--progress", "always"),
}

WAYS = {
    "ssh": (),
    # It stands in our process group unless we see to that, and must not hear of the Ctrl-C.
    "a proxy": ("-o", "ProxyCommand={ssh} -F {config} -W [%h]:%p 127.0.1.9"),
    "workers": ("--workers", "2"),
}


class Terminal:
    """The program's only terminal: its stdin, stdout and stderr, and where keys are typed."""

    def __init__(self, ours: int, theirs: int, process: trio.Process) -> None:
        self._ours = ours
        self._theirs = theirs
        self._raw = bytearray()
        self.process = process

    @property
    def raw(self) -> str:
        return self._raw.decode(errors="replace")

    @property
    def said(self) -> str:
        """All of it, without what a terminal does not show: colours, and lines that were erased."""
        text = re.sub(r"\x1b\[[\d;]*m", "", self.raw).replace("\r\n", "\n")
        return re.sub(r"[^\n]*\r\x1b\[[JK]", "", text).replace("^C", "")

    @property
    def modes(self) -> list[object]:
        """The line's, as the shell finds them."""
        return list(termios.tcgetattr(self._theirs))

    def type_ctrl_c(self) -> None:
        os.write(self._ours, b"\x03")

    async def watch(self) -> None:
        while True:
            await trio.lowlevel.wait_readable(self._ours)
            self._raw += os.read(self._ours, 65536)

    async def shows(self, text: str, *, times: int = 1) -> None:
        await self._until(lambda: self.said.count(text) >= times)
        assert self.said.count(text) >= times, self.raw

    async def end_by_ctrl_c(self) -> None:
        """Type until a second one came within a second of the first."""
        while STOPPED not in self.said and self.process.returncode is None:
            told = self.said.count(WARNED)
            self.type_ctrl_c()
            await self._until(
                lambda told=told: STOPPED in self.said or self.said.count(WARNED) > told
            )

    async def exits(self) -> int:
        with trio.move_on_after(HANG_S):
            code = await self.process.wait()
            while fcntl.ioctl(self._ours, termios.FIONREAD, bytes(4)) != bytes(4):
                await trio.lowlevel.checkpoint()  # `watch` has not taken all yet
            return code
        raise AssertionError(f"trioexec hangs; it said:\n{self.raw}")

    async def _until(self, holds: object) -> None:
        assert callable(holds)
        await until(
            lambda: holds() or self.process.poll() is not None, what=f"more than {self.raw}"
        )


@asynccontextmanager
async def at_a_terminal(cli: Cli, *words: str) -> AsyncIterator[Terminal]:
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 40, 200, 0, 0))
    setsid = shutil.which("setsid")
    assert setsid
    process = await trio.lowlevel.open_process(
        [setsid, "--ctty", "--wait", *cli.argv(*words)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=cli.environ(TERM="xterm-256color", SHELL="/bin/sh"),
        cwd=cli.folder,
    )
    terminal = Terminal(ours, theirs, process)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(terminal.watch)
            yield terminal
            nursery.cancel_scope.cancel()
    finally:
        if process.poll() is None:
            process.kill()
            with trio.CancelScope(shield=True):
                await process.wait()
        os.close(ours)
        os.close(theirs)


def way_of(cli: Cli, way: str) -> list[str]:
    ssh = shutil.which("ssh") or ""
    if way == "a proxy" and not ssh:
        pytest.skip("no ssh on this machine")
    key = cli.sshd.dir / "client_key"
    command = f"{shlex.quote(ssh)} -i {key} -o IdentitiesOnly=yes -o BatchMode=yes"
    return [word.format(ssh=command, config=cli.sshd.config) for word in WAYS[way]]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("way", WAYS)
async def test_the_first_one_tells_and_the_second_one_ends(
    cli: Cli, mark: Marker, mode: str, way: str
) -> None:
    options = (*MODES[mode], *way_of(cli, way), "--no-record", *mark.options)
    async with at_a_terminal(cli, *options, "-H", NODES, SLOW) as terminal:
        before = terminal.modes
        await mark.are_running("sleep 1000", count=3)
        if mode != "group":  # what arrived is shown at the end there
            await terminal.shows(": up\n", times=3)

        terminal.type_ctrl_c()
        await terminal.shows(WARNED)
        await terminal.shows("Running: ")
        first = terminal.said
        await terminal.end_by_ctrl_c()
        code = await terminal.exits()
        after = terminal.modes

    assert code == 130
    assert "Status: 3 running, 0 completed\n" in first, terminal.raw
    assert f"Running: {NODES}\n" in first, terminal.raw
    assert "failed" not in first.partition(WARNED)[2], terminal.raw
    rest = terminal.said.partition(STOPPED)[2]
    assert "3 nodes: 0 ok, 3 failed in " in rest, terminal.raw
    assert f"  stopped (interrupt): {NODES}\n" in rest, terminal.raw
    if mode == "group":
        assert f"{NODES} (3): stopped (interrupt)\n  up\n" in rest, terminal.raw
    assert "Traceback" not in terminal.raw
    assert after == before
    assert_is_clean(terminal.raw)
    await mark.are_gone()


def assert_is_clean(raw: str) -> None:
    """Nothing stays switched on, and the next prompt stands on a line of its own."""
    assert raw.endswith("\n")
    colours = re.findall(r"\x1b\[([\d;]*)m", raw)
    assert not colours or colours[-1] in ("", "0"), raw
    modes: dict[str, str] = dict(re.findall(r"\x1b\[\?(\d+)([hl])", raw))
    on = {number for number, state in modes.items() if state == "h" and number != "25"}
    assert on == set(), raw
    assert modes.get("25", "h") == "h", raw  # the cursor


@pytest.mark.parametrize("mode", MODES)
async def test_the_run_goes_on_after_the_first_one(cli: Cli, mark: Marker, mode: str) -> None:
    go, up = (cli.sshd.shared / f"{word}-{mark.text}" for word in ("go", "up"))
    command = f"touch {up}-$$; until test -e {go}; do sleep 0.1; done; rm {up}-$$; echo done"
    options = (*MODES[mode], *way_of(cli, "a proxy"), "--no-record", *mark.options)
    async with at_a_terminal(cli, *options, "-H", NODES, command) as terminal:
        await until(lambda: len(list(up.parent.glob(f"{up.name}-*"))) == 3)
        terminal.type_ctrl_c()
        await terminal.shows("Running: ")
        go.touch()
        code = await terminal.exits()
    go.unlink()

    assert code == 0, terminal.raw
    assert terminal.said.count("done\n") == (1 if mode == "group" else 3)
    assert "3 nodes: 3 ok in " in terminal.said
    assert_is_clean(terminal.raw)


async def test_commands_on_this_machine_hear_of_it_through_us_alone(cli: Cli) -> None:
    command = "trap 'echo heard' INT; echo pid $$; while :; do sleep 0.1; done"
    options = ("--transport", "local", "--no-record")
    async with at_a_terminal(cli, *options, "-H", "a,b,c", command) as terminal:
        await terminal.shows(": pid ", times=3)
        pids = [int(pid) for pid in re.findall(r": pid (\d+)\n", terminal.said)]

        terminal.type_ctrl_c()
        await terminal.shows("Running: ")
        first = terminal.said
        await terminal.end_by_ctrl_c()

        assert await terminal.exits() == 130
    assert "Status: 3 running, 0 completed\n" in first
    assert "heard" not in terminal.said
    assert "  stopped (interrupt): a,b,c\n" in terminal.said
    assert not any(os.path.exists(f"/proc/{pid}") for pid in pids)  # noqa: ASYNC240, PTH110
    assert_is_clean(terminal.raw)


@pytest.mark.parametrize(
    ("number", "code"),
    [
        pytest.param(signal.SIGINT, 130, id="INT"),
        pytest.param(signal.SIGTERM, 143, id="TERM"),
        pytest.param(signal.SIGHUP, 129, id="HUP"),
    ],
)
async def test_a_signal_at_a_prompt_gives_the_terminal_its_echo_back(
    cli: Cli, number: signal.Signals, code: int
) -> None:
    options = ("--password", "--no-record")
    async with at_a_terminal(cli, *options, "-H", NODES, "true") as terminal:
        before = terminal.modes
        await terminal.shows("Password for the nodes: ")
        asking = terminal.modes
        terminal.process.send_signal(number)

        assert await terminal.exits() == code
        after = terminal.modes

    assert asking != before
    assert after == before
    assert "Traceback" not in terminal.raw
