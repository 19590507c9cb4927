"""Every row of the exit-code table, by the real command line, the same in every output mode."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.rig import Cli, Marker
from tests.e2e.sshd_rig import closed_port, silent_server

A, B, C = "127.0.1.1", "127.0.1.2", "127.0.1.3"
ALL = f"{A},{B},{C}"

# The node's own address decides what a command comes to on it.
OTHERS_FAIL = "case $SSH_CONNECTION in *' 127.0.1.2 '*) exit 5;; *' 127.0.1.3 '*) exit 9;; esac"
FIRST_FAILS = "case $SSH_CONNECTION in *' 127.0.1.1 '*) exit 5;; esac"


@pytest.mark.parametrize(
    ("options", "command", "code"),
    [
        pytest.param((), OTHERS_FAIL, 0, id="the main rank succeeds"),
        pytest.param(("--main-rank", C), OTHERS_FAIL, 9, id="another main rank"),
        pytest.param(("--require-all-success",), OTHERS_FAIL, 1, id="all"),
        pytest.param(("--require-all-success",), "true", 0, id="all, all succeed"),
        pytest.param(("--check-all-nodes",), OTHERS_FAIL, 1, id="hybrid, others fail"),
        pytest.param(("--check-all-nodes",), FIRST_FAILS, 5, id="hybrid, main rank fails"),
        pytest.param(("-S",), OTHERS_FAIL, 9, id="the largest"),
        pytest.param((), "kill -KILL $$", 137, id="killed"),
        pytest.param(("--timeout", "0.3"), "sleep 1000", 124, id="timed out"),
        pytest.param(("--idle-timeout", "0.3"), "sleep 1000", 124, id="silent"),
        pytest.param(("--deadline", "5"), "sleep 1000", 124, id="deadline"),
    ],
)
async def test_a_command_decides_the_exit_code(
    cli: Cli, options: tuple[str, ...], command: str, code: int
) -> None:
    done = await cli.in_every_mode("-H", ALL, *options, command)

    assert {mode: each.code for mode, each in done.items()} == dict.fromkeys(done, code)


@pytest.mark.parametrize(
    ("node", "says"),
    [
        pytest.param("127.0.9.1", "denied: ", id="denied"),
        pytest.param("127.0.6.1", "host key rejected: ", id="another host key"),
        pytest.param("127.0.1.1:{closed}", "unreachable: connection refused: ", id="closed port"),
    ],
)
async def test_a_node_that_does_not_let_us_in_is_255(cli: Cli, node: str, says: str) -> None:
    with closed_port() as closed:
        node = node.format(closed=closed)

        done = await cli.in_every_mode("-H", f"{node},{A}", "true")

    assert {mode: each.code for mode, each in done.items()} == dict.fromkeys(done, 255)
    for each in done.values():
        (line,) = (line for line in each.stderr.splitlines() if line.startswith(f"  {says}"))
        assert line.endswith(f": {node}")


async def test_a_name_nobody_knows_is_255(cli: Cli) -> None:
    done = await cli("-H", "no-such-name.invalid", "true")

    assert done.code == 255
    assert "unreachable: name look-up failed: " in done.stderr


async def test_a_server_that_says_nothing_and_one_that_never_decides_are_124(cli: Cli) -> None:
    with silent_server() as silent:
        nodes = f"127.0.1.1:{silent},127.0.5.1"

        done = await cli.in_every_mode("-H", nodes, "--connect-timeout", "4", "true")

    assert {mode: each.code for mode, each in done.items()} == dict.fromkeys(done, 124)
    for each in done.values():
        assert f"  timed out connecting (no SSH greeting): 127.0.1.1:{silent}\n" in each.stderr
        assert "  timed out authenticating: 127.0.5.1\n" in each.stderr


@pytest.mark.parametrize(
    "words",
    [
        pytest.param(("-H", A), id="no command"),
        pytest.param(("-H", A, "--parallel", "x", "true"), id="no number"),
        pytest.param(("-H", A, "--no-such-option", "true"), id="no option"),
        pytest.param(("-H", "n[1-", "true"), id="no node set"),
        pytest.param(("-H", A, "-S", "--check-all-nodes", "true"), id="two strategies"),
        pytest.param(("-H", A, "--main-rank", B, "true"), id="main rank of another run"),
        pytest.param(("-H", A, "-x", A, "true"), id="no nodes left"),
        pytest.param(("-H", A, "-J", "a b:c:d", "true"), id="no jump host"),
        pytest.param(("-H", A, "-F", "/no/such/config", "true"), id="no ssh_config"),
    ],
)
async def test_a_usage_error_is_2_in_two_lines_and_connects_to_nothing(
    cli: Cli, words: tuple[str, ...]
) -> None:
    since = len(cli.sshd.log)

    done = await cli(*words)

    assert done.code == 2
    assert done.stdout == b""
    assert len(done.stderr.splitlines()) == 2, done.stderr
    assert done.stderr.startswith("trioexec: ")
    assert "Connection from" not in cli.sshd.log[since:]


async def test_a_broken_ssh_config_is_2_and_names_the_line(cli: Cli, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("Host *\n  Port twenty\n")

    done = await cli("-F", str(broken), "-H", A, "true")

    assert done.code == 2
    assert f"{broken} line 2" in done.stderr or f"{broken}:2" in done.stderr


@pytest.mark.parametrize(
    ("nodes", "code"),
    [
        pytest.param(f"{A},{B}", 0, id="all"),
        pytest.param(f"{A},127.0.9.1", 1, id="some"),
        pytest.param("127.0.9.1,127.0.6.1", 255, id="none"),
    ],
)
async def test_ping_says_how_many_answer(cli: Cli, nodes: str, code: int) -> None:
    done = await cli.in_every_mode("-H", nodes, ping=True)

    assert {mode: each.code for mode, each in done.items()} == dict.fromkeys(done, code)


async def test_fail_fast_stops_what_runs_and_what_waits_and_is_not_0(
    cli: Cli, mark: Marker
) -> None:
    # The main rank succeeds and frees its slot for the third node, which fails once the
    # second one runs.
    begun = cli.sshd.shared / mark.text
    command = (
        "case $SSH_CONNECTION in *' 127.0.1.1 '*) exit 0;; "
        f"*' 127.0.1.3 '*) until [ -e {begun}.$MODE ]; do sleep 0.05; done; exit 7;; "
        f"esac; touch {begun}.$MODE; sleep 1000"
    )

    done = await cli.in_every_mode(
        *("-H", "127.0.1.[1-9]", "--parallel", "2", "-k"), *mark.options, command
    )

    assert {mode: each.code for mode, each in done.items()} == dict.fromkeys(done, 7)
    for each in done.values():
        assert each.stderr.startswith("9 nodes: 1 ok, 8 failed")
        assert "  exit 7: 127.0.1.3\n" in each.stderr
        assert "  stopped (fail-fast): 127.0.1.2\n" in each.stderr
        assert "  not started (fail-fast): 127.0.1.[4-9]\n" in each.stderr
    await mark.are_gone()


async def test_json_and_the_summary_tell_outcomes_apart_alike(cli: Cli) -> None:
    done = await cli("-H", f"{ALL},127.0.9.1", "--json", OTHERS_FAIL)

    events = [json.loads(line) for line in done.stdout.splitlines()]
    ends = {each["node"]: each["outcome"] for each in events if "outcome" in each}
    assert {node: (end["kind"], end["exit_code"], end["ok"]) for node, end in ends.items()} == {
        A: ("exited", 0, True),
        B: ("exited", 5, False),
        C: ("exited", 9, False),
        "127.0.9.1": ("denied", 255, False),
    }
    assert events[-1]["exit_code"] == done.code == 0
    assert done.stderr.startswith("4 nodes: 1 ok, 3 failed")
