"""What a command is given: terminal, variables, stdin, its node's words, a script; and sessions."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.e2e.rig import Cli, Marker, until
from tests.e2e.ssh_rig import own_sshd
from tests.e2e.sshd_rig import Sshd, silent_server
from trioexec.api import open_fleet
from trioexec.model.outcomes import Exited
from trioexec.transports.ssh.options import SshOptions

A, B = "127.0.1.1", "127.0.1.2"

SETTINGS = """\
AcceptEnv GOOD_*
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    folder = tmp_path_factory.mktemp("commands")
    with own_sshd(folder, SETTINGS) as served:
        text = f"IdentityFile {folder}/client_key\nIdentitiesOnly yes\n"
        served.config.write_text(text + served.config.read_text())
        yield served


@pytest.fixture
def trioexec(server: Sshd, tmp_path: Path) -> Cli:
    return Cli(server, tmp_path)


async def test_tty_is_a_terminal_on_the_node(trioexec: Cli) -> None:
    without = await trioexec("-N", "-H", A, "test -t 1 && echo yes || echo no")
    with_tty = await trioexec("-N", "-H", A, "--tty", "test -t 1 && echo yes || echo no")
    by_config = await trioexec("-N", "-H", A, "-oRequestTTY=yes", "test -t 1 && echo yes")

    assert without.stdout == b"no\n"
    assert with_tty.stdout.split() == [b"yes"]
    assert by_config.stdout.split() == [b"yes"]


async def test_who_asks_at_a_terminal_learns_that_nobody_is_there(trioexec: Cli) -> None:
    asks = "printf 'Sure? '; read -r x || echo no"

    done = await trioexec("-N", "-H", A, "--tty", "--timeout", "30", asks)

    assert (done.code, done.stdout.split()) == (0, [b"Sure?", b"no"])


async def test_a_configured_terminal_leaves_a_script_alone(trioexec: Cli) -> None:
    (trioexec.folder / "script").write_text("test -t 0 || echo no terminal\n")

    done = await trioexec("-N", "-H", A, "-oRequestTTY=yes", "--script", "script")

    assert done.stdout == b"no terminal\n", done.stderr


async def test_a_variable_arrives_whatever_accept_env_says(trioexec: Cli) -> None:
    done = await trioexec("-N", "-H", A, "--env", "ANY=a b'$(x)", 'printf "%s\\n" "$ANY"')

    assert done.stdout == b"a b'$(x)\n", done.stderr


async def test_without_the_wrapper_a_variable_that_is_refused_is_said(trioexec: Cli) -> None:
    done = await trioexec(
        "-H", f"{A},{B}", "--no-wrap", "--env", "GOOD_ONE=in", "--env", "BAD_ONE=out",
        "echo $GOOD_ONE,$BAD_ONE",
    )  # fmt: skip

    assert done.stdout.splitlines() in ([f"{x}: in,".encode() for x in y] for y in ((A, B), (B, A)))
    for node in (A, B):
        said = f"{node}: trioexec: the node does not take the variable BAD_ONE (its AcceptEnv)"
        assert said in done.stderr
    assert "GOOD_ONE" not in done.stderr


async def test_send_env_and_set_env_are_honoured(trioexec: Cli) -> None:
    done = await trioexec(
        *("-N", "-H", A, "-oSendEnv=GOOD_SENT", "-oSetEnv=GOOD_SET=set"),
        "echo $GOOD_SENT,$GOOD_SET",
        env={"GOOD_SENT": "sent"},
    )

    assert done.stdout == b"sent,set\n", done.stderr


async def test_a_variable_that_is_sent_may_have_any_bytes(trioexec: Cli) -> None:
    latin = os.fsdecode(b"caf\xe9")

    done = await trioexec(
        *("-N", "-H", A, "-oSendEnv=GOOD_SENT", f"-oSetEnv=GOOD_SET={latin}"),
        "echo $GOOD_SENT,$GOOD_SET",
        env={"GOOD_SENT": latin},
    )

    assert done.stdout == b"caf\xe9,caf\xe9\n", done.stderr


async def test_stdin_goes_to_every_node_also_to_late_ones(trioexec: Cli) -> None:
    data = b"".join(b"line %d\n" % n for n in range(200_000))  # beyond every buffer

    done = await trioexec("-H", "127.0.1.[1-4]", "--parallel", "2", "--stdin", "cksum", stdin=data)

    wanted = subprocess.run(["cksum"], input=data, capture_output=True, check=True).stdout  # noqa: ASYNC221
    assert done.code == 0, done.stderr
    answers = sorted(done.stdout.splitlines(keepends=True))
    assert answers == [f"127.0.1.{n}: ".encode() + wanted for n in (1, 2, 3, 4)]


async def test_stdin_is_passed_on_while_it_comes(trioexec: Cli, server: Sshd) -> None:
    reading, writing = os.pipe()
    async with await trio.open_file(writing, "wb", buffering=0) as feed:
        process = await trio.lowlevel.open_process(
            trioexec.argv("-N", "-H", f"{A},{B}", "--stdin", "cat"),
            stdin=reading, stdout=subprocess.PIPE, env=trioexec.environ(),
        )  # fmt: skip
        os.close(reading)
        assert process.stdout is not None
        seen = b""
        with trio.fail_after(120):
            await feed.write(b"first\n")
            while seen.count(b"first\n") < 2:
                seen += await process.stdout.receive_some()
            await feed.write(b"second\n")
            while seen.count(b"second\n") < 2:
                seen += await process.stdout.receive_some()
    with trio.fail_after(120):
        assert await process.wait() == 0
    await process.stdout.aclose()


@pytest.mark.parametrize("option", ["--stdin", "--tty"])
async def test_of_a_command_that_a_signal_ended_its_own_words_are_there_and_no_others(
    trioexec: Cli, option: str
) -> None:
    killed = await trioexec("-q", "-N", "-H", A, option, "echo up; echo oh >&2; kill -KILL $$")
    ended = await trioexec("-q", "-N", "-H", A, option, "--timeout", "1", "echo up; sleep 1000; :")

    assert (killed.stdout + killed.stderr.encode()).split() == [b"up", b"oh"]
    assert killed.code == 137
    assert (ended.stdout + ended.stderr.encode()).split() == [b"up"]
    assert ended.code == 124


async def test_stdin_may_be_a_terminal(trioexec: Cli) -> None:
    ours, theirs = os.openpty()
    os.write(ours, b"typed\n\x04")

    with trio.fail_after(120):
        done = await trio.run_process(
            trioexec.argv("-N", "-H", f"{A},{B}", "--stdin", "cat"),
            stdin=theirs, capture_stdout=True, env=trioexec.environ(),
        )  # fmt: skip

    os.close(ours)
    os.close(theirs)
    assert done.stdout == b"typed\n" * 2


async def test_stdin_is_read_as_fast_as_the_slowest_node_takes_it(
    trioexec: Cli, mark: Marker
) -> None:
    """One node reads nothing: of an endless stdin only a bounded piece is taken."""
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    process = await trio.lowlevel.open_process(
        trioexec.argv(
            "-q", "-H", f"{A},{B}", "--stdin", *mark.options,
            f"case $SSH_CONNECTION in *' {B} '*) exec sleep 1000;; esac; cat >/dev/null",
        ),
        stdin=reading, env=trioexec.environ(),
    )  # fmt: skip
    os.close(reading)
    taken, quiet_since = 0, trio.current_time()
    with trio.fail_after(120):
        await mark.are_running("sleep 1000")
        while taken == 0 or trio.current_time() - quiet_since < 3:
            try:
                taken += os.write(writing, b"x" * 65536)
                quiet_since = trio.current_time()
            except BlockingIOError:
                await trio.sleep(0.05)
            assert taken < 64 * 1024 * 1024, "nothing holds it back"
        process.terminate()
        await process.wait()
    os.close(writing)
    await mark.are_gone()


async def test_a_nodes_own_words_stand_in_the_command_when_asked_for(
    trioexec: Cli, server: Sshd
) -> None:
    nodes = f"{A},{server.user}@{B}:{server.port}"

    without = await trioexec("-N", "-H", A, "echo %h %%")
    done = await trioexec("-N", "-H", nodes, "--substitute", "echo '%n %h %u %p %r 100%%'")
    unknown = await trioexec("-H", nodes, "--substitute", "date +%s")

    assert without.stdout == b"%h %%\n"
    user, port = server.user, server.port
    assert sorted(done.stdout.decode().splitlines()) == sorted(
        [
            f"{A} {A} {user} {port} 0 100%",
            f"{user}@{B}:{port} {B} {user} {port} 1 100%",
        ]
    )
    assert (unknown.code, "'%s' is no word of a node" in unknown.stderr) == (2, True)


@pytest.mark.parametrize(
    ("script", "says"),
    [
        pytest.param("echo $0 $1; ls -A | wc -l", b"a b\n", id="without a first line"),
        pytest.param("#!/usr/bin/env python3\nimport sys; print(sys.argv[1])", b"a b\n", id="python"),
        pytest.param("#!/bin/sh -e\nfalse\necho never", b"", id="an option"),
    ],
)  # fmt: skip
async def test_a_script_runs_by_its_interpreter_and_leaves_nothing(
    trioexec: Cli, script: str, says: bytes
) -> None:
    (trioexec.folder / "script").write_text(script)
    before = _around()

    done = await trioexec("-N", "-H", A, "--script", "script", "a b")

    assert says in done.stdout, done.stderr
    assert done.code == (1 if "false" in script else 0)
    assert [each for each in _around() - before if "script" in each.name] == []


def _around() -> set[Path]:
    """What lies where a script might have been put."""
    return {*Path("/tmp").iterdir(), *Path.home().iterdir()}


async def test_v_names_a_directive_that_is_not_honoured_once_and_the_key_that_was_learned(
    trioexec: Cli, tmp_path: Path
) -> None:
    known = tmp_path / "learned"

    done = await trioexec(
        *("-v", "-H", f"{A},{B}", "-oForwardX11=yes", "-o", f"UserKnownHostsFile={known}"), "true"
    )
    quiet = await trioexec("-H", A, "-oForwardX11=yes", "true")

    assert done.code == 0, done.stderr
    assert done.stderr.count("ForwardX11 is not honoured") == 1, done.stderr
    assert done.stderr.count(f"in {known}") == 2
    assert "orwardx11" not in quiet.stderr.lower()


async def test_connect_timeout_of_the_configuration_counts_unless_an_option_says_more(
    trioexec: Cli,
) -> None:
    with silent_server() as port:
        by_config = await trioexec("-H", f"{A}:{port}", "-oConnectTimeout=1", "true")
        by_option = await trioexec(
            "-H", f"{A}:{port}", "-oConnectTimeout=600", "--connect-timeout", "1", "true"
        )

    assert (by_config.code, by_option.code) == (124, 124)
    assert by_config.seconds < 9


async def test_with_one_session_a_connection_commands_at_once_get_connections_of_their_own(
    tmp_path: Path,
) -> None:
    with own_sshd(tmp_path, "MaxSessions 1") as server:
        options = SshOptions(
            config_file=str(server.config), identities=(str(tmp_path / "client_key"),)
        )
        async with open_fleet(A, ssh=options) as fleet:
            with trio.fail_after(120):
                await fleet.run("true")
                go = tmp_path / "go"
                codes: list[object] = []

                async def one(command: str) -> None:
                    codes.extend(row.outcome for row in await fleet.run(command))

                async with trio.open_nursery() as nursery:
                    held = f"touch {tmp_path}/held; while [ ! -e {go} ]; do sleep 0.05; done"
                    nursery.start_soon(one, held)
                    await until((tmp_path / "held").exists)
                    await one("true")
                    go.touch()

    assert codes == [Exited(code=0), Exited(code=0)]
    assert server.logins() == 2


async def test_with_one_session_a_command_that_reads_is_ended_all_the_same(
    tmp_path: Path, mark: Marker
) -> None:
    """There is no second session to ask for its end, and the connection would be kept."""
    with own_sshd(tmp_path, "MaxSessions 1") as server:
        key = str(tmp_path / "client_key")
        options = SshOptions(config_file=str(server.config), identities=(key,))
        async with open_fleet(A, ssh=options) as fleet:
            async with trio.open_nursery() as nursery:
                command = f": {mark.text}; sleep 1000; :"
                nursery.start_soon(lambda: fleet.run(command, input=b"x" * 10_000_000))
                await mark.are_running("sleep 1000", count=0)
                await until(lambda: any("sleep 1000" in each for each in mark.processes()))
                nursery.cancel_scope.cancel()

            await mark.are_gone()
