"""Every option of `check` arrives, and what makes no sense is found before the run."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.sink_fakes import FakeConsole
from trioexec.cli.commands import check
from trioexec.cli.declared import declared
from trioexec.cli.fanout import Plan
from trioexec.cli.main import main
from trioexec.cli.options import CheckOptions, CommandOptions, OutputOptions
from trioexec.cli.reading import read
from trioexec.cli.registry import load
from trioexec.engine.checks import ChecksJob
from trioexec.model.errors import UsageError
from trioexec.model.hostlist import fold
from trioexec.transports.ssh.transport import SshTransport

FILE = """\
nodes = ["web[1-2]", "^more"]
[checks.up]
command = "true"
[checks.disk]
command = "df /"
"""


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    Path("checks.toml").write_text(FILE)
    Path("more").write_text("db1\n")


def plan_of(*argv: str, env: dict[str, str] | None = None) -> Plan:
    where = () if "--transport" in argv else ("--transport", "local")
    return check.plan_for(read(load("check"), ["checks.toml", *where, *argv], env or {}))


def names(plan: Plan) -> list[str]:
    return [node.name for node in plan.nodes]


def job(plan: Plan) -> ChecksJob:
    assert isinstance(plan.job, ChecksJob)
    return plan.job


def shown(plan: Plan) -> list[str]:
    assert plan.shown is not None
    return [type(sink).__name__ for sink in plan.shown(FakeConsole().as_console, fold)]


def kept(plan: Plan) -> list[str]:
    assert plan.records is not None
    return [type(sink).__name__ for sink in plan.records(FakeConsole().as_console, fold, list)]


@pytest.mark.parametrize(
    ("argv", "env", "wanted"),
    [
        pytest.param([], {}, ["web1", "web2", "db1"], id="the file's"),
        pytest.param(["a,b"], {}, ["a", "b"], id="words"),
        pytest.param(["-H", "a"], {}, ["a"], id="-H"),
        pytest.param(["-H", "a", "b"], {}, ["a", "b"], id="both"),
        pytest.param([], {"TRIOEXEC_HOSTS": "x"}, ["web1", "web2", "db1"], id="not a variable"),
        pytest.param(["-x", "web2"], {}, ["web1", "db1"], id="less one"),
    ],
)
def test_the_nodes_are_the_files_unless_the_command_line_names_some(
    argv: list[str], env: dict[str, str], wanted: list[str]
) -> None:
    assert names(plan_of(*argv, env=env)) == wanted


def test_a_file_of_an_editor_that_marks_its_encoding_is_read() -> None:
    Path("checks.toml").write_text(FILE, encoding="utf-8-sig")

    assert names(plan_of()) == ["web1", "web2", "db1"]


def test_a_cluster_of_the_command_line_stands_for_the_files_nodes() -> None:
    Path("config.toml").write_text('[clusters.prod]\nnodes = ["p1"]\n')

    assert names(plan_of("--config", "config.toml", "-C", "prod")) == ["p1"]


def test_a_cluster_of_the_environment_does_not() -> None:
    Path("config.toml").write_text('[clusters.prod]\nnodes = ["p1"]\n')

    plan = plan_of("--config", "config.toml", env={"TRIOEXEC_CLUSTER": "prod"})

    assert names(plan) == ["web1", "web2", "db1"]


def test_options_arrive() -> None:
    plan = plan_of(
        *("--parallel", "3", "-k", "-b", "--deadline", "1m", "--connect-timeout", "4"),
        *("--timeout", "7", "--env", "A=1", "--junit", "out.xml", "--annotations", "github"),
        *("--log-file", "log", "--color", "always", "--progress", "always", "-v", "--no-record"),
    )

    limits = plan.limits
    assert (limits.parallel, limits.fail_fast, limits.deadline_s) == (3, True, 60.0)
    assert (plan.batch, limits.connect_timeout_s, plan.view.verbose) == (True, 4.0, True)
    assert (job(plan)._timeout_s, job(plan)._env, job(plan)._stops) == (7.0, {"A": "1"}, True)
    assert shown(plan) == ["ChecksSink", "NarrateSink", "ProgressSink"]
    assert kept(plan) == ["ChecksJunitSink", "ChecksGithubSink", "LogSink"]
    assert plan.view.color_stdout


def test_options_of_the_environment_and_of_config_files_arrive() -> None:
    Path("config.toml").write_text('[defaults]\ntimeout = "9s"\nquiet = true\njunit = "j.xml"\n')
    env = {"TRIOEXEC_FAIL_FAST": "1", "TRIOEXEC_CONFIG": "config.toml"}

    plan = plan_of("--config", "config.toml", env=env)

    assert plan.limits.fail_fast
    assert plan.view.quiet
    assert job(plan)._timeout_s == 9.0
    assert "ChecksJunitSink" in kept(plan)


def test_a_node_is_asked_everything_over_one_connection() -> None:
    plan = plan_of("--transport", "ssh", "-F", "none")

    assert isinstance(plan.transport, SshTransport)
    assert plan.transport._kept._limit > 0


def test_what_is_kept_of_an_answer_is_a_share_of_a_bound() -> None:
    few, many = plan_of("a"), plan_of("a[1-5000]")

    assert job(few)._keep_bytes == 64 * 1024
    assert job(many)._keep_bytes == 512


def test_namesakes_are_of_the_same_kind_as_what_files_set() -> None:
    """A file says `timeout` once, for `run` and for `check`."""
    kinds = {
        name: (flag.hint, flag.default)
        for group in (CommandOptions, OutputOptions)
        for name, flag in declared(group).items()
    }

    for name, flag in declared(CheckOptions).items():
        assert (flag.hint, flag.default) == kinds[name], name


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        pytest.param([], "there is nothing to check", id="no file"),
        pytest.param(["nope.toml"], "check nope.toml: no such file", id="no such file"),
        pytest.param(["binary.toml"], "check binary.toml: not a text file", id="binary"),
        pytest.param(
            ["bare.toml"], "bare.toml names none.\nWrite nodes =", id="nobody names nodes"
        ),
        pytest.param(["wrong.toml"], "Did you mean checks?", id="wrong"),
    ],
)
def test_what_makes_no_sense_is_found_before_the_run(argv: list[str], says: str) -> None:
    Path("binary.toml").write_bytes(b"\xff")
    Path("bare.toml").write_text('[checks.up]\ncommand = "true"\n')
    Path("wrong.toml").write_text("check = 3\n")

    with pytest.raises(UsageError) as caught:
        check.plan_for(read(load("check"), argv, {}))

    assert says in str(caught.value)


def test_a_dry_run_shows_nodes_and_checks(capfd: pytest.CaptureFixture[str]) -> None:
    code = main(["check", "checks.toml", "a[1-2]", "--dry-run"])

    out, err = capfd.readouterr()
    assert code == 0
    assert out == "a1: up: true\na1: disk: df /\na2: up: true\na2: disk: df /\n"
    assert err == "Dry run: 2 nodes, 2 checks; nothing was connected to.\n"
