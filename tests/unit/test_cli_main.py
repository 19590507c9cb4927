from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from trioexec.cli import main as main_module
from trioexec.cli.early import ToldToGo
from trioexec.cli.main import main
from trioexec.cli.registry import COMMANDS, load
from trioexec.model.errors import UsageError

QUIET = ("--transport", "local", "-q", "--no-record")


@pytest.fixture(autouse=True)
def _no_options_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("TRIOEXEC_")]:
        monkeypatch.delenv(name)


def raising(exc: BaseException) -> object:
    def command(_call: object) -> int:
        raise exc

    return command


@pytest.mark.parametrize(
    ("argv", "first_line"),
    [
        pytest.param(["--paralel", "3", "x"], "trioexec: there is no option --paralel.", id="typo"),
        pytest.param(
            ["--parallel", "x", "y"],
            "trioexec: --parallel: 'x' is not a number; it takes 0 (no limit) to 100000.",
            id="no number",
        ),
        pytest.param(["-H", "a", "-p", "0", "x"], "trioexec: -p: 0 is out of range", id="range"),
        pytest.param([], "trioexec: no nodes: -H is missing.", id="nothing at all"),
        pytest.param(
            ["ping"],
            "trioexec: no nodes: none is named.\nName some, as in trioexec ping 'web[1-3]'",
            id="nobody to ping",
        ),
        pytest.param(["-H", "a"], "trioexec: there is no command to run.", id="no command"),
        pytest.param(["-H", "web[1-", "x"], "trioexec: ", id="node set"),
        pytest.param(["nodes", "--fold", "--count", "a"], "trioexec: --fold and --count", id="two"),
    ],
)
def test_a_usage_error_is_two_lines_on_stderr_and_2(
    argv: list[str], first_line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(argv)

    out, err = capsys.readouterr()
    assert code == 2
    assert out == ""
    assert err.startswith(first_line)
    assert len(err.splitlines()) == 2
    assert "Traceback" not in err


def test_a_bug_shows_its_traceback_asks_for_a_report_and_is_70(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trioexec.cli.commands.run.main", raising(ZeroDivisionError("oh")))

    code = main(["-H", "a", "x"])

    err = capsys.readouterr().err
    assert code == 70
    assert "Traceback (most recent call last)" in err
    assert "ZeroDivisionError: oh" in err
    assert err.splitlines()[-1] == f"trioexec: {main_module.REPORT_BUGS}"


@pytest.mark.parametrize(
    ("exc", "code"),
    [
        pytest.param(KeyboardInterrupt(), 130, id="Ctrl-C outside a run"),
        pytest.param(BaseExceptionGroup("", [KeyboardInterrupt()]), 130, id="in a group"),
        pytest.param(ToldToGo(143), 143, id="SIGTERM outside a run"),
        pytest.param(ExceptionGroup("", [UsageError("a\nb")]), 2, id="usage in a group"),
        pytest.param(
            ExceptionGroup("", [UsageError("a\nb"), ExceptionGroup("", [ValueError()])]),
            70,
            id="a bug beside a usage error is a bug",
        ),
        pytest.param(OSError("disk"), 70, id="an error nobody expected"),
        pytest.param(
            ExceptionGroup("", [OSError(errno.ENOSPC, "full"), ValueError()]),
            70,
            id="a bug beside a full disk is a bug",
        ),
    ],
)
def test_what_a_command_raises_becomes_a_code(
    exc: BaseException, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trioexec.cli.commands.run.main", raising(exc))

    assert main(["-H", "a", "x"]) == code


@pytest.mark.parametrize(
    ("cause", "code"),
    [
        pytest.param(KeyboardInterrupt(), 130, id="Ctrl-C"),
        pytest.param(ToldToGo(129), 129, id="SIGHUP"),
    ],
)
def test_a_signal_that_came_under_another_name_is_no_bug(
    cause: BaseException,
    code: int,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # What Python 3.11 makes of one that comes while a dataclass is made.
    error = RuntimeError("Error calling __set_name__")
    error.__cause__ = cause
    monkeypatch.setattr("trioexec.cli.commands.run.main", raising(error))

    assert main(["-H", "a", "x"]) == code
    assert capsys.readouterr().err == ""


def test_a_bug_in_what_follows_a_signal_is_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    error = ZeroDivisionError("oh")
    error.__context__ = KeyboardInterrupt()
    monkeypatch.setattr("trioexec.cli.commands.run.main", raising(error))

    assert main(["-H", "a", "x"]) == 70
    assert "ZeroDivisionError: oh" in capsys.readouterr().err


def test_an_error_of_one_line_gets_a_second_that_says_where_to_look(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trioexec.cli.commands.run.main", raising(UsageError("no")))

    main(["-H", "a", "x"])

    assert capsys.readouterr().err == (
        "trioexec: no\n`trioexec --help` shows the options and some examples.\n"
    )


def test_what_is_wrong_with_a_command_of_ours_leads_to_its_own_help(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["runs", "--xyzzy"]) == 2

    said = "there is no option --xyzzy.\n`trioexec runs --help` shows"
    assert said in capsys.readouterr().err


def test_a_command_is_one_only_as_the_very_first_word(
    capfd: pytest.CaptureFixture[str],
) -> None:
    code = main(["-H", "h", "--dry-run", "ping", "h"])

    assert (code, capfd.readouterr().out) == (0, "h: ping h\n")


def test_run_may_be_said(capfd: pytest.CaptureFixture[str]) -> None:
    code = main(["run", "-H", "h", "--dry-run", "nodes"])

    assert (code, capfd.readouterr().out) == (0, "h: nodes\n")


def test_a_dry_run_says_what_would_run_where_and_runs_nothing(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trioexec.cli.commands.run.execute", raising(AssertionError()))

    code = main(["-H", "a,b", "--parallel", "1", "--dry-run", "--main-rank", "b", "ls", "-l"])

    out, err = capfd.readouterr()
    assert code == 0
    assert out == "a: ls -l\nb: ls -l\n"
    assert err == "Dry run: 2 nodes, 1 at once by ssh, main rank b; nothing was connected to.\n"


def test_a_dry_run_tells_what_the_command_does_not_show(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-H", "a", "--dry-run", "--sudo-password", "--substitute", "echo %h"]) == 0

    err = capsys.readouterr().err
    assert "main rank a, under sudo, with each node's own words; nothing was" in err


def test_a_variable_that_is_neither_true_nor_false_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIOEXEC_BATCH", "maybe")

    assert main(["-H", "a", "x"]) == 2

    said = "trioexec: TRIOEXEC_BATCH: 'maybe' is neither true nor false.\nWrite one of them.\n"
    assert capsys.readouterr().err == said


@pytest.mark.parametrize("words", [["run", "-H", "a"], ["ping", "-H", "a"]], ids=["run", "ping"])
@pytest.mark.parametrize(
    "options",
    [
        pytest.param(["-J", "me@gate:99999"], id="a jump host"),
        pytest.param(["-o", "Bogus=1"], id="a directive"),
        pytest.param(["-F", "/no/such/config"], id="ssh_config"),
    ],
)
def test_a_dry_run_refuses_what_ssh_could_not_be_told(
    options: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["true"] if words[0] == "run" else []

    assert main([*words, "--dry-run", *options, *command]) == 2

    assert capsys.readouterr().out == ""


def test_a_dry_ping_and_a_dry_demo_connect_to_nothing_either(
    capfd: pytest.CaptureFixture[str],
) -> None:
    assert main(["ping", "a", "--dry-run"]) == 0
    assert main(["demo", "--nodes", "1", "--dry-run", "true"]) == 0

    assert capfd.readouterr().out == "a: ping\ndemo1: true\n"


def test_a_variable_that_is_nearly_an_option_is_named(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIOEXEC_PARALEL", "3")
    monkeypatch.setenv("TRIOEXEC_NODE", "ours, and no option")

    assert main(["nodes", "a"]) == 0

    out, err = capsys.readouterr()
    assert out == "a\n"
    assert err == (
        "trioexec: TRIOEXEC_PARALEL is set, but there is no such option; it is ignored. "
        "Did you mean TRIOEXEC_PARALLEL?\n"
    )


def test_a_variable_with_nonsense_is_refused_by_its_name(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRIOEXEC_PARALLEL", "many")

    assert main(["-H", "a", "x"]) == 2

    assert capsys.readouterr().err.startswith("trioexec: TRIOEXEC_PARALLEL: 'many' is not a number")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_has_help_version_and_a_module(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    assert main([name, "--version"]) == 0

    out = capsys.readouterr().out
    assert f"Usage: trioexec {name} {load(name).entry.usage}" in out
    assert out.splitlines()[-1].startswith("trioexec ")


@pytest.mark.parametrize(
    ("argv", "code", "said"),
    [
        pytest.param(["pdsh", "-q", "-w", "a"], 0, f"Local username\t\t{os.getuid()}\n", id="pdsh"),
        pytest.param(
            ["ping", "--no-record", "--connect-timeout", "5", "no.invalid"], 255, "", id="ssh"
        ),
    ],
)
def test_a_user_without_a_name_is_known_by_the_number(
    argv: list[str],
    code: int,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    # As in a container that was started with `--user 12345`.
    for name in ("LOGNAME", "USER", "LNAME", "USERNAME"):
        monkeypatch.setenv(name, "")  # undone also where we set it

    def unknown(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr("pwd.getpwuid", unknown)

    assert main(argv) == code
    assert said in capfd.readouterr().out


def trioexec(*argv: str, **more: object) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        [sys.executable, "-m", "trioexec", *argv],
        check=False,
        **{"capture_output": True, "timeout": 120, **more},
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")  # noqa: PTH110
@pytest.mark.parametrize("argv", [["--help"], ["--version"], ["nodes", "a"]], ids=" ".join)
def test_a_full_disk_under_stdout_is_no_bug_of_ours(argv: list[str]) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = trioexec(*argv, capture_output=False, stdout=full, stderr=subprocess.PIPE)

    assert done.returncode == 141
    assert done.stderr.startswith(b"trioexec: cannot write: ")
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")  # noqa: PTH110
@pytest.mark.parametrize(
    ("argv", "code", "out"),
    [
        pytest.param(["--nope"], 2, b"", id="an error"),
        pytest.param(["-H", "a", "--dry-run", "true"], 0, b"a: true\n", id="a remark"),
        pytest.param([*QUIET[:2], "--no-record", "-H", "a", "exit 3"], 3, b"", id="a summary"),
    ],
)
def test_what_stderr_does_not_take_changes_no_code(argv: list[str], code: int, out: bytes) -> None:
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = trioexec(*argv, capture_output=False, stdout=subprocess.PIPE, stderr=full)

    assert (done.returncode, done.stdout) == (code, out)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no such device")  # noqa: PTH110
def test_an_error_is_said_also_where_stdout_took_nothing_of_what_came_before(
    tmp_path: Path,
) -> None:
    (tmp_path / "trioexec.toml").write_text('[groups]\nbad = ["@nosuch:x"]\n')
    with open("/dev/full", "wb") as full:  # noqa: PTH123
        done = trioexec(
            "clusters", capture_output=False, stdout=full, stderr=subprocess.PIPE, cwd=tmp_path
        )

    assert done.returncode == 2
    assert b"no such source of nodes" in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("closed", "code", "out"),
    [
        pytest.param("<&-", 0, b"a: hi\n", id="stdin"),
        pytest.param(">&-", 141, b"", id="stdout"),
        pytest.param("2>&-", 0, b"a: hi\n", id="stderr"),
        pytest.param("<&- >&- 2>&-", 141, b"", id="all"),
    ],
)
def test_descriptors_that_are_closed_break_nothing(closed: str, code: int, out: bytes) -> None:
    line = f'exec "$@" {closed}'
    argv = [sys.executable, "-m", "trioexec", *QUIET, "-H", "a", "echo", "hi"]

    done = subprocess.run(["sh", "-c", line, "sh", *argv], capture_output=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (code, out, b"")


def test_a_local_run_for_real() -> None:
    done = trioexec(*QUIET, "-H", "a", "echo hi; exit 3")

    assert (done.returncode, done.stdout, done.stderr) == (3, b"a: hi\n", b"")


def test_a_local_ping_for_real() -> None:
    done = trioexec("ping", "--transport", "local", "a,b", "--no-record")

    assert done.returncode == 0
    assert done.stderr.startswith(b"2 nodes: 2 ok in ")


def test_stdin_and_scripts_for_real(tmp_path: os.PathLike[str]) -> None:
    script = os.path.join(tmp_path, "script")  # noqa: PTH118
    with open(script, "w", encoding="utf-8") as file:  # noqa: PTH123
        file.write('#!/bin/sh\necho "got $1"\n')

    read = trioexec(*QUIET, "-H", "a,b", "--stdin", "cat", input=b"x\n")
    ran = trioexec(*QUIET, "-H", "a", "--script", script, "a b")

    assert sorted(read.stdout.splitlines()) == [b"a: x", b"b: x"]
    assert ran.stdout == b"a: got a b\n"


def test_nodes_into_a_closed_pipe_ends_quietly_with_141() -> None:
    reader, writer = os.pipe()
    os.close(reader)

    done = trioexec("nodes", "web[1-100000]", capture_output=False, stdout=writer, stderr=-1)
    os.close(writer)

    assert (done.returncode, done.stderr) == (141, b"")


def test_a_run_has_all_the_descriptors_it_may_have() -> None:
    done = trioexec(*QUIET, "-H", "a", "ulimit -S -n; ulimit -H -n")

    soft, hard = done.stdout.split(b"\n")[:2]
    assert soft == hard


def test_a_rerun_of_nothing_names_the_option_that_left_nothing(tmp_path: Path) -> None:
    env = {**os.environ, "HOME": str(tmp_path), "XDG_STATE_HOME": str(tmp_path)}
    trioexec("--transport", "local", "-H", "a,b", "true", env=env)

    done = trioexec("rerun", "--failed", "--unreachable", env=env)

    assert done.returncode == 2
    assert done.stderr.startswith(b"trioexec: --failed or --unreachable: run ")
    assert b" has no such node, of 2 in all.\n" in done.stderr
