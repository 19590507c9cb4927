"""The journal through the command line: list, show, compare, run again, and do no harm."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import xmlschema

HANG_S = 120
Cli = Callable[..., subprocess.CompletedProcess[str]]
HOW = "test -e up || test $TRIOEXEC_NODE != b || exit 3; echo $TRIOEXEC_NODE $((6*7))"


@pytest.fixture
def cli(tmp_path: Path) -> Cli:
    def call(*words: str, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "trioexec", *words],
            env={
                **os.environ,
                "XDG_STATE_HOME": str(tmp_path / "state"),
                "SHELL": "/bin/sh",
                **env,
            },
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=HANG_S,
            check=False,
        )

    return call


def run(cli: Cli, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    return cli("-H", "a,b,c", "--transport", "local", *options, HOW, **env)


def records(tmp_path: Path) -> list[Path]:
    return sorted((tmp_path / "state" / "trioexec" / "runs").glob("*.gz"))


def test_a_run_is_listed_and_shown_as_it_was(cli: Cli) -> None:
    first = run(cli)

    listed = cli("runs")
    shown = cli("runs", "show", "last")

    assert re.fullmatch(
        r"RUN   WHEN .*\n[a-z2-9]{4}  \d{4}-\d\d-\d\d \d\d:\d\d +\d+\.\d s +3 +1 +0  test -e up .*\n",
        listed.stdout,
    )
    assert sorted(shown.stdout.splitlines()) == sorted(first.stdout.splitlines())
    assert shown.stderr == first.stderr
    assert shown.returncode == 0


@pytest.mark.parametrize("mode", ["-g", "--json"])
def test_a_run_is_shown_in_another_mode_as_that_mode_would_have(cli: Cli, mode: str) -> None:
    now = run(cli, mode)

    again = cli("runs", "show", mode)

    assert again.stdout == now.stdout


def test_a_list_is_there_for_programs_too(cli: Cli, tmp_path: Path) -> None:
    run(cli)
    run(cli, "-S")
    records(tmp_path)[0].write_bytes(b"junk")

    lines = [json.loads(line) for line in cli("runs", "--json").stdout.splitlines()]

    damaged = next(line for line in lines if line["state"] == "damaged")
    whole = next(line for line in lines if line["state"] == "finished")
    assert set(damaged) == {"v", "id", "state"}
    assert (whole["nodes"], whole["ok"], whole["command"]) == (3, 2, HOW)
    assert whole["exit_code"] in (0, 3)


@pytest.mark.parametrize(
    "words",
    [
        ("runs", "-g"),
        ("runs", "list", "--tui"),
        ("runs", "diff", "last", "last", "--json"),
        ("runs", "report", "--output-dir", "out"),
    ],
)
def test_what_has_one_look_refuses_another(cli: Cli, words: tuple[str, ...]) -> None:
    run(cli)

    done = cli(*words)
    from_elsewhere = cli("runs", TRIOEXEC_GROUP="1")

    assert done.returncode == 2
    assert "does not know --" in done.stderr
    assert from_elsewhere.returncode == 0


def test_a_run_that_is_shown_again_is_judged_by_its_answers_where_that_is_asked(cli: Cli) -> None:
    run(cli)

    shown = cli("runs", "show", "-g", "--fail-on-diff")
    masked = cli("runs", "show", "-g", "--fail-on-diff", "--mask", "host", "--sort", "node")
    plain = cli("runs", "show", "-g")

    assert (shown.returncode, masked.returncode, plain.returncode) == (1, 1, 0)


def test_two_runs_are_compared_by_node(cli: Cli, tmp_path: Path) -> None:
    run(cli)
    (tmp_path / "up").touch()
    run(cli)

    differ = cli("runs", "diff", "last-1", "last")
    same = cli("runs", "diff", "last", "last")
    masked = cli("runs", "diff", "last-1", "last", "--mask", "host", "--color", "always")

    assert differ.returncode == 1
    assert differ.stdout == "b (1): exit 3 -> exit 0\n  @@ -0,0 +1 @@\n  +b 42\n"
    assert differ.stderr.endswith(": 1 of 3 nodes changed.\n")
    assert (same.returncode, same.stdout) == (0, "")
    assert "\x1b[32m+b 42\x1b[0m" in masked.stdout


def test_what_failed_is_run_again_with_the_same_command(cli: Cli, tmp_path: Path) -> None:
    run(cli, "--main-rank", "a", "--require-all-success")
    (tmp_path / "up").touch()

    again = cli("rerun", "--failed")

    assert (again.returncode, again.stdout) == (0, "b: b 42\n")
    assert again.stderr.startswith("Again, run "), "who names no run learns what it was"
    assert again.stderr.splitlines()[0].endswith(f": {HOW}")
    assert cli("rerun", "--failed").returncode == 2  # nothing failed any more
    assert sorted(cli("rerun", "last-1", "-N").stdout.split()) == ["42", "42", "42", "a", "b", "c"]


def test_a_script_is_listed_by_its_name(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "setup.sh").write_text("echo $1\n")
    words = ("-H", "a", "--transport", "local", "--script", "setup.sh", "fast")
    assert cli(*words).stdout == "a: fast\n"

    listed = cli("runs")
    again = cli("rerun")

    assert listed.stdout.endswith("  --script setup.sh fast\n")
    assert again.stdout == "a: fast\n"
    assert re.match(r"Again, run \w{4}: --script setup\.sh fast\n", again.stderr)


def test_a_rerun_keeps_the_options_and_may_change_them(cli: Cli) -> None:
    run(cli, "--require-all-success", "--parallel", "1")

    assert cli("rerun").returncode == 1
    assert cli("rerun", "--any-failure").returncode == 3
    dry = cli("rerun", "last", "--dry-run")
    assert "1 at once by local" in dry.stderr


CLUSTER = """
[clusters.prod]
nodes = ["a", {nodes = "b", user = "postgres", port = 2222, host = "10.0.0.2"}, "x@c:7"]
port = 2200
"""


@pytest.mark.parametrize("named", [("-C", "prod"), ("-H", "@prod")])
@pytest.mark.parametrize(
    ("options", "b"),
    [
        pytest.param((), ("10.0.0.2", "postgres", 2222), id="as it was"),
        pytest.param(("-l", "root"), ("10.0.0.2", None, 2222), id="as another user"),
        pytest.param(("-p", "8"), ("10.0.0.2", "postgres", None), id="at another port"),
    ],
)
def test_a_rerun_reaches_each_node_as_the_run_did(
    cli: Cli,
    tmp_path: Path,
    named: tuple[str, ...],
    options: tuple[str, ...],
    b: tuple[str, str | None, int | None],
) -> None:
    how = ("--transport", "local", "--json", "test $TRIOEXEC_NODE = a")
    (tmp_path / "clusters.toml").write_text(CLUSTER)
    cli("--config", "clusters.toml", *named, *how)
    (tmp_path / "clusters.toml").unlink()  # the journal alone says who they were

    again = cli("rerun", "--failed", *options, "--config", "none", "--json")

    nodes = json.loads(again.stdout.splitlines()[0])["nodes"]
    reached = [(node["host"], node.get("user"), node.get("port")) for node in nodes]
    assert reached == [b, ("c", "x", 7)]


def test_nodes_that_were_not_started_are_run_again_alone(cli: Cli) -> None:
    run(cli, "--fail-fast", "--parallel", "1")

    again = cli("rerun", "--not-started")

    assert again.stdout == "c: c 42\n"
    assert cli("rerun", "last-1", "--unreachable").returncode == 2


def test_values_of_the_environment_are_not_kept_and_asked_for_again(
    cli: Cli, tmp_path: Path
) -> None:
    run(cli, "--env", "TOKEN=sesame-open", "-o", "SetEnv=OTHER=sesame-too")

    kept = b"".join(gzip.decompress(path.read_bytes()) for path in records(tmp_path))
    refused = cli("rerun")
    given = cli("rerun", "--env", "TOKEN=x", "-o", "SetEnv=OTHER=y")

    assert b"sesame" not in kept
    assert b"--env TOKEN" in kept
    assert refused.returncode == 2
    assert "--env TOKEN, -o SetEnv, whose values the journal does not keep" in refused.stderr
    assert given.returncode == 0


def test_a_secret_of_a_descriptor_is_asked_for_again_and_may_come_by_another_way(cli: Cli) -> None:
    run(cli, "--password-fd", "0", "--key-passphrase-fd", "0")

    refused = cli("rerun", "--password-fd", "0")
    again = cli("rerun", "last", "--password-fd", "0", "--key-passphrase-fd", "0")
    asked = cli("rerun", "last-1", "--password", "--key-passphrase-fd", "0")

    assert refused.returncode == 2
    assert "had --key-passphrase-fd, whose values" in refused.stderr
    assert (again.returncode, asked.returncode) == (0, 0)


def test_what_is_not_to_be_kept_is_not(cli: Cli, tmp_path: Path) -> None:
    run(cli, "--no-record")
    assert records(tmp_path) == []

    run(cli, "--no-record-output")
    shown = cli("runs", "show")
    assert shown.stdout == ""
    assert "recorded without its output" in shown.stderr
    assert "3 nodes: 2 ok, 1 failed" in shown.stderr


def test_a_journal_that_cannot_be_written_does_not_break_the_run(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "state").write_text("in the way")

    done = run(cli)

    assert len(done.stdout.splitlines()) == 2
    said = f"this run is not kept in the journal: {tmp_path}/state/"
    assert done.stderr.count(said) == done.stderr.count(": Not a directory\n") == 1


def test_a_run_that_was_killed_can_be_looked_at(cli: Cli, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "trioexec",
            "-H",
            "a,b",
            "--transport",
            "local",
            "echo on; sleep 99",
        ],
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "SHELL": "/bin/sh"},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    assert "runs  echo on; sleep 99" in cli("runs").stdout
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()

    assert "cut  echo on; sleep 99" in cli("runs").stdout
    shown = cli("runs", "show", "last")
    assert "has no end (trioexec was killed" in shown.stderr
    assert "2 nodes: 0 ok, 2" in shown.stderr


def test_a_damaged_record_is_listed_and_refused(cli: Cli, tmp_path: Path) -> None:
    run(cli)
    records(tmp_path)[0].write_bytes(b"junk")

    assert "(damaged)" in cli("runs").stdout
    for words in (("runs", "show", "last"), ("rerun",), ("runs", "report")):
        done = cli(*words)
        assert done.returncode == 2
        assert re.fullmatch(
            r"trioexec: run \w{4}: its beginning is missing or damaged\.\nThe file is .*gz\.\n",
            done.stderr,
        )


@pytest.mark.parametrize(
    "words",
    [("runs", "dance"), ("runs", "show", "zzzz"), ("rerun", "a", "b"), ("runs", "diff", "x")],
)
def test_a_wrong_word_is_a_usage_error(cli: Cli, words: tuple[str, ...]) -> None:
    run(cli)

    done = cli(*words)

    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 2


def test_an_empty_journal_says_where_it_will_be(cli: Cli) -> None:
    assert "No run has been kept yet" in cli("runs").stderr


def test_a_ping_is_listed_and_not_run_again(cli: Cli) -> None:
    cli("ping", "--transport", "local", "a,b")

    assert "(ping)" in cli("runs").stdout
    assert "was no command" in cli("rerun").stderr


def test_junit_is_written_by_the_run_also_when_it_fails(cli: Cli, tmp_path: Path) -> None:
    schema = Path(__file__).parents[1] / "unit" / "schemas" / "junit-jenkins.xsd"

    done = run(cli, "--junit", "out.xml", "-S")
    refused = run(cli, "--junit", "no/such/out.xml")

    assert done.returncode == 3
    xmlschema.XMLSchema(schema).validate((tmp_path / "out.xml").read_text())
    assert 'failures="1"' in (tmp_path / "out.xml").read_text()
    assert refused.returncode == 2
    assert refused.stdout == ""


def test_a_junit_file_that_could_not_be_written_is_no_success(cli: Cli, tmp_path: Path) -> None:
    # What was a file when the run began is none when it ends.
    away = "mkdir -p d; rm -rf d/out.xml; mkdir d/out.xml"
    (tmp_path / "d").mkdir()

    done = cli("-H", "a", "--transport", "local", "--junit", "d/out.xml", away)

    assert "cannot write d/out.xml: " in done.stderr
    assert done.returncode == 1


def test_github_is_told_where_it_is_github(cli: Cli, tmp_path: Path) -> None:
    on = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}

    done = run(cli, **on)
    quiet = run(cli, "--annotations", "none", **on)

    assert "::warning title=" in done.stderr
    assert "::" not in done.stdout
    assert "3 nodes: 2 ok" in (tmp_path / "summary.md").read_text()
    assert "::" not in quiet.stderr


def test_every_kept_line_is_json(cli: Cli, tmp_path: Path) -> None:
    run(cli)

    for line in gzip.decompress(records(tmp_path)[0].read_bytes()).splitlines():
        json.loads(line)


def test_a_run_that_is_interrupted_is_kept_and_told_to_ci(tmp_path: Path) -> None:
    words = ["-b", "--parallel", "2", "--junit", "out.xml", "--annotations", "github"]
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "trioexec",
            "-H",
            "a,b,c",
            "--transport",
            "local",
            *words,
            "echo on; test $TRIOEXEC_NODE = a && exit 3; sleep 99",
        ],
        env={**os.environ, "XDG_STATE_HOME": str(tmp_path / "state"), "SHELL": "/bin/sh"},
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for _ in range(3):  # a is done, so b and c both run
        process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=HANG_S)

    assert process.returncode == 130
    document = (tmp_path / "out.xml").read_text()
    assert 'tests="3" failures="1" errors="2" skipped="0"' in document
    assert 'name="trioexec.stopped" value="interrupt"' in document
    assert "::error title=" in errors
    (path,) = records(tmp_path)
    last = json.loads(gzip.decompress(path.read_bytes()).splitlines()[-1])
    assert last["summary"]["exit_code"] == 130
    assert last["summary"]["stopped"] == "interrupt"
