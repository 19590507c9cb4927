from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import trio

from tests.calls import HeardCall
from trioexec.model.command import Command
from trioexec.model.nodes import NODE_VARIABLE, Node
from trioexec.model.outcomes import Exited, Killed, SudoDenied, Unreachable
from trioexec.model.secret import Secret
from trioexec.transports.local import LocalTransport

HANG_S = 60
NODE = Node(name="root@here:22", host="here", port=22, user="root")
TOO_LONG = "true " + "x" * 4_000_000
"""More than a kernel takes as one argument."""


async def run(
    text: str, call: HeardCall | None = None, **options: object
) -> tuple[object, HeardCall]:
    call = call or HeardCall()
    transport = LocalTransport(shell="/bin/sh")
    with trio.fail_after(HANG_S):
        async with transport.open():
            command = Command(text=text, **options)  # type: ignore[arg-type]
            return await transport.run(NODE, command, call), call


async def run_and_cancel(text: str, **options: object) -> HeardCall:
    """Cancel as soon as the command has said something."""
    call = HeardCall()
    transport = LocalTransport(shell="/bin/sh")
    command = Command(text=text, **options)  # type: ignore[arg-type]
    with trio.fail_after(HANG_S):
        async with transport.open(), trio.open_nursery() as nursery:
            nursery.start_soon(transport.run, NODE, command, call)
            await call.heard.wait()
            nursery.cancel_scope.cancel()
    return call


def running(marker: str) -> list[int]:
    """Live processes with the marker in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            state = (entry / "stat").read_text().rpartition(")")[2].split()[0]
        except (OSError, UnicodeDecodeError):
            continue
        if marker in line and state not in "ZX" and entry.name != str(os.getpid()):
            found.append(int(entry.name))
    return found


@pytest.fixture
def seconds(request: pytest.FixtureRequest) -> str:
    """A number of seconds to sleep that no other test sleeps: it finds the process again."""
    return f"9{abs(hash(request.node.nodeid)) % 10**6 + os.getpid() % 1000 / 1000:010.3f}"


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def gone(marker: str) -> bool:
    with trio.move_on_after(HANG_S / 2):
        while running(marker):  # noqa: ASYNC110 - a process table has no event
            await trio.sleep(0.02)
    return not running(marker)


@pytest.mark.parametrize(
    ("text", "outcome"),
    [
        pytest.param("true", Exited(code=0), id="success"),
        pytest.param("exit 3", Exited(code=3), id="failure"),
        pytest.param("kill -9 $$", Killed(signal=9), id="killed"),
        pytest.param("no-such-command-at-all", Exited(code=127), id="not found"),
        pytest.param(
            "(kill -TERM $BASHPID; kill -TERM 0) & wait; exit 4", Killed(signal=15), id="group"
        ),
    ],
)
async def test_the_way_it_ends_is_the_outcome(text: str, outcome: object) -> None:
    ended, call = await run(text)

    assert ended == outcome
    assert call.phases == ["connect", "command"]
    assert call.ended is None


async def test_the_streams_come_apart_and_whole() -> None:
    _, call = await run("printf 'a\\0b\\377'; printf err >&2; printf c")

    assert call.stdout == b"a\0b\xffc"
    assert call.stderr == b"err"


async def test_the_command_sees_its_node_and_its_environment() -> None:
    _, call = await run(f'echo "${NODE_VARIABLE} $COLOUR $HOME"', env={"COLOUR": "b l u"})

    assert call.stdout == f"root@here:22 b l u {os.environ['HOME']}\n".encode()


async def test_stdin_is_empty_unless_given() -> None:
    ended, call = await run("cat; echo end")

    assert (ended, call.stdout) == (Exited(code=0), b"end\n")


async def test_stdin_arrives_whole_and_ends() -> None:
    data = bytes(range(256)) * 4096

    _, call = await run("cat", stdin=data)

    assert call.stdout == data


async def test_a_command_that_does_not_read_its_stdin_ends_well() -> None:
    ended, _ = await run("exec <&-; sleep 0.05; exit 5", stdin=b"x" * 1_000_000)

    assert ended == Exited(code=5)


@pytest.mark.parametrize(
    ("shell", "text", "says"),
    [
        pytest.param("/no/such/shell", "true", "No such file", id="no shell"),
        pytest.param("/bin/sh", TOO_LONG, "Argument list too long", id="a text too long"),
    ],
)
async def test_what_cannot_be_started_is_unreachable(shell: str, text: str, says: str) -> None:
    call = HeardCall()

    ended = await LocalTransport(shell=shell).run(NODE, Command(text=text), call)

    assert isinstance(ended, Unreachable)
    assert says in ended.reason
    assert call.phases == ["connect"]


async def test_a_terminal_without_its_shell_says_so() -> None:
    call = HeardCall()
    command = Command(text="true", tty=True)

    ended = await LocalTransport(shell="/no/such/shell").run(NODE, command, call)

    assert isinstance(ended, Exited)
    assert ended.code == 127
    assert b"/no/such/shell" in call.stdout


async def test_a_terminal_for_a_command_that_cannot_start_leaves_no_descriptor() -> None:
    before = open_descriptors()

    ended = await LocalTransport(shell="/bin/sh").run(
        NODE, Command(text=TOO_LONG, tty=True), HeardCall()
    )

    assert isinstance(ended, Unreachable)
    assert open_descriptors() == before


async def test_a_run_leaves_no_descriptor_open() -> None:
    await run("true")
    before = open_descriptors()

    await run("true", stdin=b"x")
    await run("true", tty=True)
    await run_and_cancel("echo up; sleep 99")

    assert open_descriptors() == before


async def test_ping_answers_and_runs_nothing() -> None:
    call = HeardCall()

    assert await LocalTransport().ping(NODE, call) == Exited(code=0)
    assert call.phases == ["connect"]


async def test_a_command_for_sudo_does_not_run_as_who_we_are() -> None:
    ended, call = await run("echo no", sudo_password=Secret("s"))

    assert isinstance(ended, SudoDenied)
    assert (call.phases, call.stdout) == (["connect"], b"")


async def test_a_terminal_is_the_commands_own() -> None:
    ended, call = await run(
        "test -t 0 && test -t 1 && test -t 2 && : </dev/tty; exit $((7 + $?))", tty=True
    )

    assert ended == Exited(code=7)
    assert call.stdout == b""


@pytest.mark.parametrize("stdin", [None, b"typed\n", b"typed"])
async def test_what_is_typed_at_a_terminal_ends(stdin: bytes | None) -> None:
    ended, call = await run("stty -echo; cat; echo end", tty=True, stdin=stdin)

    assert ended == Exited(code=0)
    assert call.stdout.endswith(b"end\r\n")
    assert (b"typed" in call.stdout) == (stdin is not None)


async def test_a_cancel_ends_a_command_that_obeys_and_keeps_its_last_words(seconds: str) -> None:
    call = await run_and_cancel(
        f"sleep {seconds} & trap 'echo goodbye; exit 1' TERM; echo up; wait"
    )

    assert call.stdout == b"up\ngoodbye\n"
    assert call.ended is True
    assert running(seconds) == []


async def test_a_cancel_ends_a_command_that_is_deaf_to_term(seconds: str) -> None:
    call = await run_and_cancel(
        f"trap '' TERM; echo up; while :; do sleep {seconds}; done", stop_grace_s=0.1
    )

    assert call.ended is True
    assert running(seconds) == []


class HalfAFeed:
    """Something, of which there would be more."""

    def __init__(self) -> None:
        self._pieces = [b"the first half\n"]

    def attach(self, wake: object) -> HalfAFeed:
        return self

    def read(self, limit_bytes: int) -> bytes:
        return self._pieces.pop() if self._pieces else b""

    def close(self) -> None: ...


async def test_a_cancel_in_the_middle_of_the_input_is_not_its_end() -> None:
    call = await run_and_cancel(
        "trap '' TERM; head -n1; cat >/dev/null; echo all of it",
        stdin=HalfAFeed(),
        stop_grace_s=0.3,
    )

    assert (call.stdout, call.ended) == (b"the first half\n", True)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("echo up; sleep {0} & sleep {0}", id="as they are"),
        pytest.param("(sleep 0.2; echo up) & timeout 1000 sleep {0}; :", id="in another group"),
    ],
)
async def test_a_cancel_ends_the_children_too(text: str, seconds: str) -> None:
    call = await run_and_cancel(text.format(seconds))

    assert call.ended is True
    assert running(seconds) == []


async def test_a_cancel_ends_what_was_stopped(seconds: str) -> None:
    call = await run_and_cancel(f"sleep {seconds} & kill -STOP $!; echo up; wait", stop_grace_s=30)

    assert call.ended is True
    assert running(seconds) == []


async def test_a_cancel_ends_what_runs_on_a_terminal(seconds: str) -> None:
    call = await run_and_cancel(f"echo up; sleep {seconds} & sleep {seconds}", tty=True)

    assert call.ended is True
    assert running(seconds) == []


async def test_output_during_the_grace_is_kept(seconds: str) -> None:
    call = await run_and_cancel(
        f"sleep {seconds} & trap 'i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; exit'"
        " TERM; echo up; wait",
        stop_grace_s=30,
    )

    assert call.stdout.splitlines()[-1] == b"line 19999"
    assert len(call.stdout.splitlines()) == 20001


async def test_a_cut_ends_the_goodbye_at_once(seconds: str) -> None:
    call = HeardCall()
    transport = LocalTransport(shell="/bin/sh")
    command = Command(
        text=f"trap '' TERM; echo up; while :; do sleep {seconds}; done", stop_grace_s=HANG_S * 10
    )

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.run, NODE, command, call)
            await call.heard.wait()
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                await call.leaving.wait()
                call.cuts[0]()

    assert call.ended is True  # KILL needs no grace
    assert await gone(seconds)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("sleep {0} >/dev/null 2>&1 & exit 0", id="silent"),
        pytest.param("sleep {0} & exit 0", id="holds stdout"),
        pytest.param("(trap '' TERM; while :; do sleep {0}; done) & exit 0", id="deaf"),
        pytest.param("timeout 1000 sleep {0} >/dev/null 2>&1 & sleep 0.2", id="in another group"),
    ],
)
async def test_what_a_command_leaves_behind_is_ended(text: str, seconds: str) -> None:
    ended, _ = await run(text.format(seconds))

    assert ended == Exited(code=0)
    assert running(seconds) == []


async def test_a_child_that_got_away_with_stdout_does_not_hang_the_run(seconds: str) -> None:
    ended, call = await run(f"setsid sleep {seconds} & echo said; exit 6")

    try:
        assert (ended, call.stdout) == (Exited(code=6), b"said\n")
    finally:
        for pid in running(seconds):
            os.kill(pid, signal.SIGKILL)


async def test_an_end_is_not_confirmed_while_somebody_still_holds_the_output(seconds: str) -> None:
    call = await run_and_cancel(f"setsid sh -c 'echo up; sleep {seconds}; :' & wait")

    try:
        assert call.ended is False
    finally:
        for pid in running(seconds):
            os.kill(pid, signal.SIGKILL)


async def test_what_is_left_behind_may_finish_what_it_says() -> None:
    _, call = await run("(sleep 0.05; echo late) & exit 0")

    assert call.stdout == b"late\n"


async def test_a_cancel_while_leftovers_are_awaited_ends_them(seconds: str) -> None:
    call = await run_and_cancel(
        f"(trap '' TERM; while :; do sleep {seconds}; done) & echo up", stop_grace_s=0.1
    )

    assert call.ended is True
    assert running(seconds) == []


async def test_a_held_flow_stops_the_reading_and_a_release_loses_nothing() -> None:
    call = HeardCall()
    call.flow.hold("reader")
    transport = LocalTransport(shell="/bin/sh")
    command = Command(text="yes | head -c 4000000")

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.run, NODE, command, call)
            await trio.sleep(0.3)
            held = len(call.stdout)
            call.flow.release("reader")
            await call.heard.wait()
            call.flow.hold("reader")
            await trio.sleep(0.1)
            again = len(call.stdout)
            await trio.sleep(0.1)
            assert len(call.stdout) == again
            call.flow.release("reader")

    assert held == 0
    assert call.stdout == b"y\n" * 2_000_000


async def test_a_cancel_with_a_stuck_reader_is_bounded_in_time_and_memory() -> None:
    call = HeardCall()
    transport = LocalTransport(shell="/bin/sh")
    command = Command(text="trap '' TERM; yes", stop_grace_s=0.2)

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(transport.run, NODE, command, call)
            await call.heard.wait()
            call.flow.hold("reader")
            had = len(call.stdout)
            nursery.cancel_scope.cancel()

    assert call.ended is True
    assert len(call.stdout) - had <= 3 * 65536


async def test_hundreds_at_once_do_not_mix() -> None:
    transport = LocalTransport(shell="/bin/sh")
    calls = {f"n{i}": HeardCall() for i in range(150)}

    with trio.fail_after(HANG_S):
        async with transport.open(), trio.open_nursery() as nursery:
            for name, call in calls.items():
                node = Node(name=name, host=name)
                nursery.start_soon(
                    transport.run, node, Command(text=f"echo ${NODE_VARIABLE}"), call
                )

    assert all(call.stdout == f"{name}\n".encode() for name, call in calls.items())


STARTED = 6
"""Who has the seconds in its words: the program, its shell, `timeout`, and three times sleep."""


async def test_the_commands_end_when_we_are_killed(seconds: str) -> None:
    program = f"""
        import trio
        from trioexec.model.command import Command
        from trioexec.model.flow import Flow
        from trioexec.model.nodes import Node
        from trioexec.transports.local import LocalTransport

        class Call:
            flow = Flow()
            def reached(self, phase): pass
            def output(self, stream, data): print(data.decode(), flush=True)

        async def main():
            transport = LocalTransport(shell="/bin/sh")
            async with transport.open(), trio.open_nursery() as nursery:
                node = Node(name="n", host="n")
                nursery.start_soon(transport.run, node, Command(text="true"), Call())
                text = "sleep {seconds} & timeout 1000 sleep {seconds} & echo up; sleep {seconds}"
                nursery.start_soon(transport.run, node, Command(text=text), Call())

        trio.run(main)
    """
    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as nursery:
            process = await trio.lowlevel.open_process(
                [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE
            )
            assert process.stdout is not None
            assert (await process.stdout.receive_some(100)).startswith(b"up")
            while len(running(f"sleep {seconds}")) < STARTED:
                await trio.sleep(0.02)
            process.send_signal(signal.SIGKILL)
            await process.wait()
            await process.stdout.aclose()
            nursery.cancel_scope.cancel()

    assert await gone(seconds)


async def test_without_a_guard_the_commands_still_run(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*_: object, **__: object) -> None:
        raise FileNotFoundError

    transport = LocalTransport(shell="/bin/sh")
    call = HeardCall()
    with monkeypatch.context() as patch:
        patch.setattr(trio.lowlevel, "open_process", refuse)
        opened = transport.open()
        await opened.__aenter__()

    assert await transport.run(NODE, Command(text="exit 2"), call) == Exited(code=2)
    await opened.__aexit__(None, None, None)


async def test_a_guard_that_somebody_ended_does_not_disturb_the_run() -> None:
    transport = LocalTransport(shell="/bin/sh")

    async with transport.open():
        read_end = os.open("/dev/null", os.O_RDONLY)  # writing to it is an error
        line = transport._guard._line
        assert line is not None
        os.dup2(read_end, line, inheritable=False)
        os.close(read_end)
        ended = await transport.run(NODE, Command(text="exit 2"), HeardCall())

    assert ended == Exited(code=2)
