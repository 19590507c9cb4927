"""Every option reaches its consumer: what is parsed and dropped is the oldest trap of this field."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.unit.sink_fakes import FakeConsole
from trioexec.cli import secrets as secrets_module
from trioexec.cli.app import arguments_of, field_of, make_app
from trioexec.cli.commands import nodes as nodes_command
from trioexec.cli.commands import ping, run
from trioexec.cli.fanout import Plan
from trioexec.cli.mapping import strategy_of
from trioexec.cli.options import LimitOptions, ResultOptions, SshOptions
from trioexec.cli.reading import read
from trioexec.cli.registry import COMMANDS, load
from trioexec.cli.transport import login_password, ssh_options_of
from trioexec.cli.view import make_sinks
from trioexec.engine.jobs import CommandJob
from trioexec.model.errors import UsageError
from trioexec.model.exitcodes import Strategy
from trioexec.model.hostlist import fold
from trioexec.model.nodes import parse_node
from trioexec.model.outcomes import Exited, Outcome
from trioexec.model.report import NodeResult, Report
from trioexec.model.secret import Secret
from trioexec.transports.local import LocalTransport
from trioexec.transports.ssh.options import SshOptions as WantedSsh

NO_ENV: Mapping[str, str] = {}


def plan_of(*argv: str, env: Mapping[str, str] = NO_ENV) -> Plan:
    """What would run; on three nodes, where the case names none itself."""
    where = () if "-H" in argv else ("-H", "a,b,c")
    how = () if "--transport" in argv else ("--transport", "local")
    words = () if "cmd" in argv else ("cmd",)
    return run.plan_for(read(load("run"), [*where, *how, *argv, *words], env))


def command(plan: Plan) -> Any:
    assert isinstance(plan.job, CommandJob)
    return plan.job.command


def codes(plan: Plan, **by_name: int) -> int:
    """What the run exits with when its nodes exit with these codes."""
    outcomes: dict[str, Outcome] = {name: Exited(code=code) for name, code in by_name.items()}
    rows = tuple(
        NodeResult(
            node=parse_node(name, rank=rank),
            outcome=outcome,
            connecting_s=0.0,
            started_s=0.0,
            finished_s=1.0,
        )
        for rank, (name, outcome) in enumerate(outcomes.items())
    )
    return plan.decide(Report(command="", results=rows, took_s=1.0, unix_s=0.0), None, None)


def strategy(plan: Plan) -> tuple[int, int]:
    """Tells all four apart: without a flag it is 0 and 4."""
    return codes(plan, a=0, b=5), codes(plan, a=4, b=5)


def broadcasts(plan: Plan) -> bool:
    if plan.feed is None:
        return False
    plan.feed._spool.close()
    return command(plan).stdin is plan.feed


def sinks(plan: Plan) -> list[str]:
    console = FakeConsole()
    return [type(sink).__name__ for sink in make_sinks(plan.view, console.as_console, fold=fold)]


def kept(plan: Plan) -> list[str]:
    assert plan.records is not None
    return [type(sink).__name__ for sink in plan.records(FakeConsole().as_console, fold, list)]


def names(plan: Plan) -> list[str]:
    return [node.name for node in plan.nodes]


Get = Callable[[Plan], object]

RUN_CASES: dict[str, tuple[list[str], Get, object]] = {
    # option: what is typed, where it has to arrive, as what
    "hosts": (["-H", "x[1-2]"], names, ["x1", "x2"]),
    "filter": (["-f", "b"], names, ["b"]),
    "exclude": (["-x", "b"], names, ["a", "c"]),
    "parallel": (["--parallel", "7"], lambda p: p.limits.parallel, 7),
    "fail_fast": (["-k"], lambda p: p.limits.fail_fast, True),
    "batch": (["-b"], lambda p: p.batch, True),
    "connect_timeout": (["--connect-timeout", "3"], lambda p: p.limits.connect_timeout_s, 3.0),
    "deadline": (["--deadline", "1m"], lambda p: p.limits.deadline_s, 60.0),
    "timeout": (["--timeout", "2m"], lambda p: p.limits.timeout_s, 120.0),
    "idle_timeout": (["--idle-timeout", "5"], lambda p: p.limits.idle_timeout_s, 5.0),
    "stdin": (["--stdin"], broadcasts, True),
    "script": (["--script", "SCRIPT"], lambda p: command(p).stdin, b"#!/bin/bash -e\ntrue\n"),
    "tty": (["--tty"], lambda p: command(p).tty, True),
    "substitute": (["--substitute"], lambda p: command(p).substitute, True),
    "env": (["--env", "A=1", "--env", "B="], lambda p: command(p).env, {"A": "1", "B": ""}),
    "no_wrap": (["--no-wrap"], lambda p: command(p).wrap, False),
    "require_all_success": (["--require-all-success"], strategy, (1, 1)),
    "check_all_nodes": (["--check-all-nodes"], strategy, (1, 4)),
    "any_failure": (["-S"], strategy, (5, 5)),
    "main_rank": (["--main-rank", "b"], lambda p: codes(p, a=4, b=5), 5),
    "transport": (["--transport", "local"], lambda p: type(p.transport), LocalTransport),
    "stream": (["--stream", "--output-dir", "OUT"], lambda p: sinks(p)[0], "StreamSink"),
    "group": (["-g"], lambda p: sinks(p)[0], "GroupSink"),
    "diff": (["-g", "--diff"], lambda p: p.view.diff, True),
    "mask": (["-g", "--mask", "time, host"], lambda p: p.view.masks, ("host", "time")),
    "sort": (["-g", "--sort", "code"], lambda p: p.view.order, "code"),
    "fail_on_diff": (["-g", "--fail-on-diff"], lambda p: p.view.fail_on_diff, True),
    "json": (["--json"], lambda p: sinks(p)[0], "JsonSink"),
    "output_dir": (["--output-dir", "OUT"], lambda p: sinks(p)[0], "FilesSink"),
    "no_prefix": (["-N"], lambda p: p.view.prefix, False),
    "quiet": (["-q"], lambda p: "SummarySink" in sinks(p), False),
    "verbose": (["-v"], lambda p: "NarrateSink" in sinks(p), True),
    "color": (
        ["--color", "always"],
        lambda p: (p.view.color_stdout, p.view.color_stderr),
        (True,) * 2,
    ),
    "progress": (["--progress", "always"], lambda p: "ProgressSink" in sinks(p), True),
    "junit": (["--junit", "OUT.xml"], lambda p: "JunitSink" in kept(p), True),
    "annotations": (["--annotations", "github"], lambda p: "GithubSink" in kept(p), True),
    "log_file": (["--log-file", "LOG"], lambda p: "LogSink" in kept(p), True),
    "otel": (["--otel"], lambda p: "OtelExportSink" in kept(p), True),
    "no_record": (["--no-record"], kept, []),
}

SSH_CASES: dict[str, tuple[list[str], str, object]] = {
    # option: what is typed, the transport's name for it, as what
    "user": (["-l", "me"], "user", "me"),
    "port": (["-p", "22"], "port", 22),
    "identity": (["-i", "/a", "-i", "~/b"], "identities", ("/a", "~/b")),
    "ssh_config": (["-F", "none"], "config_file", "none"),
    "jump": (["-J", "one, two"], "jump", "one,two"),
    "ssh_option": (["-o", "A b", "-oC=d=e"], "settings", ("A=b", "C=d=e")),
    "ipv4": (["-4"], "address_family", "inet"),
    "ipv6": (["-6"], "address_family", "inet6"),
    "strict_host_key_checking": (
        ["--strict-host-key-checking", "no"],
        "strict_host_key_checking",
        "no",
    ),
    "password": (["--password"], "password", Secret("typed")),
    "server_alive_interval": (["--server-alive-interval", "0"], "server_alive_interval_s", 0),
    "server_alive_count_max": (["--server-alive-count-max", "2"], "server_alive_count_max", 2),
}

ELSEWHERE = {
    "password_fd",
    "sudo_password_fd",
    "key_passphrase_fd",
    "dry_run",
    "tui",
    "cluster",
    "no_hold",
    "persist",
    "workers",
    "sudo_password",
    "help",
    "version",
    "no_record_output",
    "config",
    "profile",
}
"""Held by tests of their own: further down, in test_cli_main, with the journal, and end to end with holders."""


@pytest.fixture(autouse=True)
def _in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    Path("SCRIPT").write_bytes(b"#!/bin/bash -e\ntrue\n")
    with open(os.devnull, encoding="utf-8") as nothing:  # noqa: PTH123
        monkeypatch.setattr("sys.stdin", nothing)
        yield


@pytest.mark.parametrize("field", RUN_CASES)
def test_an_option_of_run_arrives(field: str) -> None:
    argv, get, wanted = RUN_CASES[field]

    assert get(plan_of(*argv)) == wanted


@pytest.mark.parametrize("field", sorted(RUN_CASES.keys() - {"stream", "transport"}))
def test_and_without_the_option_something_else_arrives(field: str) -> None:
    _, get, wanted = RUN_CASES[field]

    assert get(plan_of()) != wanted


@pytest.mark.parametrize("field", SSH_CASES)
def test_an_option_of_ssh_arrives(field: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(secrets_module, "ask_if_possible", lambda _: Secret("typed"))
    argv, name, wanted = SSH_CASES[field]
    call = read(load("run"), ["-H", "a", *argv, "cmd"], {})

    options = ssh_options_of(
        call.options(SshOptions),
        call.options(LimitOptions),
        connect_timeout_given=False,
        password=login_password(call),
    )

    assert getattr(options, name) == wanted
    assert getattr(WantedSsh(), name) != wanted


def test_limits_that_ssh_has_to_know_arrive_there_too() -> None:
    call = read(load("run"), ["--parallel", "0", "--connect-timeout", "3", "cmd"], {})

    options = ssh_options_of(
        call.options(SshOptions),
        call.options(LimitOptions),
        connect_timeout_given=call.is_given("connect_timeout"),
        password=None,
    )

    assert (options.parallel, options.connect_timeout_s) == (math.inf, 3.0)


def test_no_option_is_without_a_case() -> None:
    options = {field_of(option) for option in arguments_of(make_app(), "run")}

    assert options == RUN_CASES.keys() | SSH_CASES.keys() | ELSEWHERE


def test_no_ssh_option_of_ours_is_left_at_the_transports_default() -> None:
    """The transport can do what no option asks for only where that is meant."""
    not_offered = {"keep_connections", "connect_timeout_s", "parallel"}
    not_offered |= {"key_passphrases"}  # asked for when a key wants it

    asked_for = {name for _, name, _ in SSH_CASES.values()}

    assert asked_for | not_offered == set(WantedSsh.__struct_fields__)


def test_the_transport_is_given_what_ssh_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_of("--transport", "ssh", "-F", "none", "-l", "me", "-p", "2200")

    routes = plan.transport._routes  # type: ignore[attr-defined]
    assert (routes._options.user, routes._options.port) == ("me", 2200)


def test_a_sudo_password_is_asked_for_once_and_goes_with_the_command(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = []

    def answer(prompt: str) -> Secret:
        asked.append(prompt)
        return Secret("typed")

    monkeypatch.setattr(secrets_module, "ask_if_possible", answer)

    plan = plan_of("--transport", "ssh", "-F", "none", "--sudo-password")

    assert command(plan).sudo_password == Secret("typed")
    assert asked == ["sudo password on the nodes: "]


def test_a_password_without_anybody_to_ask_is_a_usage_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(secrets_module, "ask_if_possible", lambda _: None)

    with pytest.raises(UsageError, match=r"--password: there is no terminal"):
        plan_of("--transport", "ssh", "-F", "none", "--password")


def test_no_limit_is_infinite() -> None:
    limits = plan_of("--parallel", "0", "--timeout", "0", "--deadline", "0").limits

    assert (limits.parallel, limits.timeout_s, limits.deadline_s) == (math.inf,) * 3


def test_options_of_the_environment_arrive_and_the_command_line_is_stronger() -> None:
    env = {"TRIOEXEC_PARALLEL": "3", "TRIOEXEC_HOSTS": "x,y", "TRIOEXEC_CHECK_ALL_NODES": "1"}
    call = read(load("run"), ["--transport", "local", "--parallel", "4", "-S", "cmd"], env)

    plan = run.plan_for(call)

    assert plan.limits.parallel == 4
    assert names(plan) == ["x", "y"]
    assert codes(plan, x=4, y=5) == 5


@pytest.mark.parametrize(
    ("argv", "env", "stdout_and_stderr"),
    [
        pytest.param([], {}, (False, False), id="no terminals here"),
        pytest.param(["--color", "always"], {"NO_COLOR": "1"}, (True, True), id="asked for"),
        pytest.param(
            [], {"NO_COLOR": "1", "TRIOEXEC_COLOR": "always"}, (False,) * 2, id="NO_COLOR"
        ),
        pytest.param([], {"NO_COLOR": "", "TRIOEXEC_COLOR": "always"}, (True,) * 2, id="empty"),
    ],
)
def test_no_color_is_stronger_than_all_but_the_command_line(
    argv: list[str], env: dict[str, str], stdout_and_stderr: tuple[bool, bool]
) -> None:
    view = plan_of(*argv, env=env).view

    assert (view.color_stdout, view.color_stderr) == stdout_and_stderr


@pytest.mark.parametrize(
    ("argv", "wanted"),
    [
        pytest.param([], Strategy.MAIN_RANK, id="default"),
        pytest.param(["--require-all-success"], Strategy.ALL, id="all"),
        pytest.param(["--check-all-nodes"], Strategy.HYBRID, id="hybrid"),
        pytest.param(["--any-failure"], Strategy.ANY, id="any"),
    ],
)
def test_each_strategy_has_its_flag(argv: list[str], wanted: Strategy) -> None:
    assert wanted.value in (*argv, "")
    assert strategy_of(read(load("run"), argv, {}).options(ResultOptions)) is wanted


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        pytest.param(["-H", "a"], "there is no command to run", id="no command"),
        pytest.param(["-H", "a", "  "], "there is no command to run", id="an empty command"),
        pytest.param(["cmd"], "no nodes: -H is missing.\nName some, as in", id="no hosts"),
        pytest.param(
            ["--transport", "ssh", "-H", "a", "-o", "Foo=1", "cmd"],
            "-o 'Foo=1': there is no directive",
            id="directive",
        ),
        pytest.param(
            ["--transport", "ssh", "-H", "a", "-J", "x y", "cmd"],
            "-o 'ProxyJump=x y': ProxyJump: 'x y' is not",
            id="jump",
        ),
        pytest.param(
            ["-q", "ping", "a"],
            "after a command of ours: trioexec ping [OPTIONS]",
            id="a command behind options",
        ),
        pytest.param(["png", "-H", "a"], "Did you mean trioexec ping?", id="a typo in ping"),
        pytest.param(["df", "-H", "a"], "write them before df", id="hosts after the command"),
        pytest.param(["df", "--hosts=a"], "write them before df", id="hosts as one word"),
        pytest.param(["help"], "Write trioexec --help", id="help as a command"),
        pytest.param(
            ["-H", "a", "-x", "a", "cmd"],
            "after -f and -x.\n`trioexec nodes` without them",
            id="none",
        ),
        pytest.param(["-H", "a", "--main-rank", "z", "cmd"], "--main-rank z", id="main rank"),
        pytest.param(["-H", "a", "--script", "NOPE"], "--script NOPE: no such file", id="script"),
        pytest.param(["-H", "^NOPE", "cmd"], "no such file", id="file of nodes"),
        pytest.param(["-H", "a[", "cmd"], "a[", id="node set"),
        pytest.param(["-H", "-", "--stdin", "cmd"], "-H - and --stdin both", id="stdin twice"),
        pytest.param(["-H", "a", "--diff", "cmd"], "--diff works with --group only", id="diff"),
        pytest.param(["-H", "a", "-g", "--mask", "x", "cmd"], "no mask 'x'", id="mask"),
        pytest.param(
            ["-H", "a", "--sudo-password", "cmd"],
            "and --transport local do not go together",
            id="sudo",
        ),
    ],
)
def test_what_makes_no_sense_is_found_before_the_run(argv: list[str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        run.plan_for(read(load("run"), ["--transport", "local", *argv], {}))

    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


@pytest.mark.parametrize(
    "flags",
    [
        ("--require-all-success", "--check-all-nodes"),
        ("--require-all-success", "-S"),
        ("--check-all-nodes", "-S"),
        ("--stdin", "--tty"),
        ("--stream", "--json"),
        ("-g", "--json"),
        ("-4", "-6"),
        ("-q", "-v"),
    ],
)
def test_flags_that_contradict_each_other_are_refused(flags: tuple[str, str]) -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        plan_of(*flags)


def test_a_script_with_arguments_becomes_a_command() -> None:
    assert (
        command(plan_of("--script", "SCRIPT", "cmd", "a b")).text
        == "exec /bin/bash -e -s -- cmd 'a b'"
    )


def test_words_are_joined_with_blanks_as_ssh_does() -> None:
    assert command(plan_of("cmd", "a  b", "*")).text == "cmd a  b *"


def test_ping_has_no_command_and_its_words_are_nodes() -> None:
    call = read(load("ping"), ["a", "-k", "b", "--transport", "local", "--deadline", "9"], {})

    plan = ping.plan_for(call)

    assert names(plan) == ["a", "b"]
    assert (plan.job.text, plan.limits.fail_fast, plan.limits.deadline_s) == ("", True, 9.0)
    assert codes(plan, a=0, b=0) == 0
    assert codes(plan, a=0, b=5) == 1
    assert codes(plan, a=5, b=5) == 255


@pytest.mark.parametrize(
    ("argv", "wanted"),
    [
        pytest.param(["a,b,c"], "a\nb\nc\n", id="a line each"),
        pytest.param(["-H", "a[1-3]", "--fold"], "a[1-3]\n", id="fold"),
        pytest.param(["a[1-3]", "--count"], "3\n", id="count"),
        pytest.param(["a[1-4]", "--split", "2", "--fold"], "a[1-2]\na[3-4]\n", id="split"),
        pytest.param(["a[1-4]", "--pick", "9", "--count"], "4\n", id="pick"),
        pytest.param(["a[1-3]", "-x", "a2"], "a1\na3\n", id="exclude"),
        pytest.param(
            ["me@a:22", "--json"],
            '{"name": "me@a:22", "host": "a", "port": 22, "user": "me", "rank": 0}\n',
            id="json",
        ),
    ],
)
def test_nodes_shows_what_expressions_come_to(
    argv: list[str], wanted: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert nodes_command.main(read(load("nodes"), argv, {})) == 0

    assert capsys.readouterr().out == wanted


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_explained_and_has_a_long_name(name: str) -> None:
    for option in arguments_of(make_app(), name):
        assert (option.parameter.help or "").endswith((".", "]")), option.names
        assert any(flag.startswith("--") for flag in option.names)
        assert option.is_flag() or option.parameter.metavar


def test_files_are_those_of_this_directory_also_for_a_holder_in_another_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    wanted = ssh_options_of(
        SshOptions(
            identity=("key", "~/key", "%d/key"),
            ssh_config="config",
            ssh_option=(
                ("UserKnownHostsFile", "a /b none"),
                ("IdentityFile", "'k x'"),
                ("Tag", "t"),
            ),
        ),
        LimitOptions(),
        connect_timeout_given=False,
        password=None,
    )

    assert wanted.identities == (f"{tmp_path}/key", "~/key", "%d/key")
    assert wanted.config_file == f"{tmp_path}/config"
    assert wanted.settings == (
        f"UserKnownHostsFile={tmp_path}/a /b none",
        "IdentityFile='k x'",
        "Tag=t",
    )
