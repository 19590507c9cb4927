"""Config files as a user meets them: in `config`, `clusters`, `nodes` and runs that connect to nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from trioexec.cli.app import arguments_of, field_of, make_app
from trioexec.cli.configured import configurable_groups, known_options
from trioexec.cli.declared import declared
from trioexec.cli.main import main

USER = """\
[defaults]
parallel = 8
user = "me"

[clusters.web]
nodes = ["web[1-3]", {nodes = "web2", user = "two", port = 2222}]
user = "deploy"
parallel = 2

[groups]
front = "@web!web2"

[profiles.careful]
parallel = 1
fail-fast = true
"""

PROJECT = """\
[defaults]
parallel = 64
timeout = "1m"
"""


@dataclass(frozen=True)
class Said:
    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def call(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Call:
    """Call us in a project, with a user's file and a clean environment."""
    for name in (
        "TRIOEXEC_HOSTS",
        "TRIOEXEC_CLUSTER",
        "TRIOEXEC_PARALLEL",
        "BACKENDAI_CLUSTER_HOSTS",
    ):
        monkeypatch.delenv(name, raising=False)
    own = tmp_path / "xdg/trioexec/config.toml"
    own.parent.mkdir(parents=True)
    own.write_text(USER)
    (tmp_path / "p").mkdir()
    (tmp_path / "p/trioexec.toml").write_text(PROJECT)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(tmp_path / "p")

    def run(*argv: str, **env: str) -> Said:
        with monkeypatch.context() as patch:
            for name, value in env.items():
                patch.setenv(name, value)
            code = main(argv)
        captured = capsys.readouterr()
        return Said(code, captured.out, captured.err)

    return run


def shown(said: Said, setting: str) -> tuple[str, str]:
    for line in said.out.splitlines():
        name, _, rest = line.partition("  ")
        if name == setting:
            value, _, source = rest.strip().partition("  ")
            return value, source.strip()
    raise AssertionError(said.out)


@pytest.mark.parametrize(
    ("given", "env", "expected"),
    [
        pytest.param([], {}, ("64", "project file, {p}/trioexec.toml:2"), id="equal to the default"),
        pytest.param(
            ["--config", "{x}"], {}, ("8", "user file, {x}:2"), id="the one file that is named"
        ),
        pytest.param(["--config", "none"], {}, ("64", "default"), id="no file"),
        pytest.param(["-C", "web"], {}, ("2", "cluster web, {x}:8"), id="cluster"),
        pytest.param(
            ["-C", "web", "--profile", "careful"], {}, ("1", "profile careful, {x}:14"), id="profile"
        ),
        pytest.param(
            ["-C", "web"], {"TRIOEXEC_PARALLEL": "5"}, ("5", "environment, TRIOEXEC_PARALLEL"), id="environment",
        ),
        pytest.param(
            ["--parallel", "6"], {"TRIOEXEC_PARALLEL": "5"}, ("6", "command line, --parallel"), id="command line",
        ),
        pytest.param(
            [], {"TRIOEXEC_PROFILE": "careful"}, ("1", "profile careful, {x}:14"), id="by variable"
        ),
    ],
)  # fmt: skip
def test_each_layer_is_stronger_than_the_one_before_and_is_named(
    given: list[str], env: dict[str, str], expected: tuple[str, str], call: Call, tmp_path: Path
) -> None:
    places = {"p": str(tmp_path / "p"), "x": str(tmp_path / "xdg/trioexec/config.toml")}

    said = call("config", "show", *[word.format(**places) for word in given], **env)

    assert said.code == 0
    assert shown(said, "parallel") == (expected[0], expected[1].format(**places))


def test_every_option_that_a_file_may_set_is_shown(call: Call) -> None:
    said = call("config", "show")

    names = {line.split()[0] for line in said.out.splitlines()}
    assert {name.replace("_", "-") for name in known_options()} <= names
    assert {"clusters.web", "groups.front", "profiles.careful"} <= names
    assert said.err.startswith("Files read: ")


def test_every_configurable_option_goes_by_its_name_on_the_command_line() -> None:
    fields = {name for group in configurable_groups() for name in declared(group)}
    for option in arguments_of(make_app(), "run"):
        if field_of(option) in fields:
            assert "--" + field_of(option).replace("_", "-") in option.names


def test_a_check_says_what_is_there(call: Call) -> None:
    said = call("config", "check")

    assert said.code == 0
    assert "2 defaults, 1 cluster, 1 group, 1 profile." in said.out


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("[defaults]\nparallel = -1", ":2: parallel: -1 is out of range", id="range"),
        pytest.param(
            "[profiles.x]\nparallel = -1", ":2: parallel: -1 is out of range", id="of a profile"
        ),
        pytest.param(
            "[profiles.x]\ngroup = true\njson = true",
            "trioexec.toml:3) exclude each other",
            id="exclusive",
        ),
        pytest.param('[groups]\nx = "a,b]"', ":2: ", id="expression"),
        pytest.param('[groups]\nx = "@y"\ny = "@x"', ":2: @x: '@y', character 1: ", id="circle"),
        pytest.param('[groups]\nx = "@config:z"', ":2: @config:z: no such", id="of no group"),
        pytest.param('[defaults]\nhosts = "a]"', ":2: 'a]'", id="nodes of all"),
        pytest.param('[profiles.x]\nfilter = "w*,a["', ":2: 'w*,a['", id="a choice"),
        pytest.param('[clusters.x]\nnodes = ["a", "b]"]', ":2: ", id="of a cluster"),
        pytest.param("[defaults]\nparalel = 1", ":2: there is no 'paralel'", id="key"),
    ],
)
def test_a_check_fails_where_a_file_is_wrong(
    text: str, message: str, call: Call, tmp_path: Path
) -> None:
    (tmp_path / "p/trioexec.toml").write_text(text)

    said = call("config", "check")

    assert said.code == 2
    assert message in said.err
    assert said.err.count("\n") <= 4


def test_a_broken_file_stops_a_run_and_not_the_help(call: Call, tmp_path: Path) -> None:
    (tmp_path / "p/trioexec.toml").write_text("[defaults")

    assert call("--dry-run", "-H", "a", "true").code == 2
    assert call("--help").code == 0
    assert call("--dry-run", "-H", "a", "--config", "none", "true").code == 0


def test_clusters_are_listed_with_their_nodes(call: Call) -> None:
    said = call("clusters")

    assert said.out == (
        "NAME   KIND     NODES  FOLDED\n"
        "web    cluster      3  web[1-3]\n"
        "front  group        2  web[1,3]\n"
    )


def test_a_cluster_that_cannot_be_asked_hides_no_other(call: Call, tmp_path: Path) -> None:
    (tmp_path / "p/trioexec.toml").write_text('[groups]\nbad = "@nowhere"\n')

    said = call("clusters")

    assert said.code == 2
    assert "web    cluster      3  web[1-3]" in said.out
    assert f"{tmp_path}/p/trioexec.toml:2: @nowhere: no such group" in said.err


def test_one_cluster_is_shown_by_name_and_none_says_so(call: Call) -> None:
    assert call("clusters", "front").out.count("\n") == 2
    assert "Did you mean front?" in call("clusters", "fornt").err
    assert "There are no clusters" in call("clusters", "--config", "none").err


def json_of(said: Said) -> list[tuple[str, str | None, int | None]]:
    found = [json.loads(line) for line in said.out.splitlines()]
    return [(one["name"], one["user"], one["port"]) for one in found]


@pytest.mark.parametrize(
    ("argv", "nodes"),
    [
        pytest.param(
            ["-C", "web"],
            [("web1", "deploy", None), ("web2", "two", 2222), ("web3", "deploy", None)],
            id="-C",
        ),
        pytest.param(
            ["@web!web3"], [("web1", "deploy", None), ("web2", "two", 2222)], id="@cluster"
        ),
        pytest.param(["@front"], [("web1", "deploy", None), ("web3", "deploy", None)], id="@group"),
        pytest.param(["web1"], [("web1", None, None)], id="by name"),
        pytest.param(
            ["-H", "db", "-C", "web", "-x", "web[1,3]"],
            [("db", None, None), ("web2", "two", 2222)],
            id="both",
        ),
    ],
)
def test_nodes_of_a_cluster_have_its_users_and_ports(
    argv: list[str], nodes: list[tuple[str, str | None, int | None]], call: Call
) -> None:
    assert json_of(call("nodes", "--json", *argv)) == nodes


@pytest.mark.parametrize(
    ("argv", "env", "names"),
    [
        pytest.param(["-C", "web"], {"TRIOEXEC_HOSTS": "z"}, "web[1-3]", id="-C over the variable"),
        pytest.param(["-H", "z"], {"TRIOEXEC_CLUSTER": "web"}, "z", id="-H over the variable"),
        pytest.param([], {"TRIOEXEC_CLUSTER": "web"}, "web[1-3]", id="the variable alone"),
        pytest.param(["y"], {"TRIOEXEC_HOSTS": "z"}, "y", id="words over the variable"),
        pytest.param([], {"BACKENDAI_CLUSTER_HOSTS": "m1,m2"}, "m[1-2]:2200", id="session"),
        pytest.param(["-H", "z"], {"BACKENDAI_CLUSTER_HOSTS": "m1"}, "z", id="over the session"),
        pytest.param(["-C", "front"], {}, "web[1,3]", id="a group as cluster"),
    ],
)
def test_who_names_nodes_at_the_strongest_place_does(
    argv: list[str], env: dict[str, str], names: str, call: Call
) -> None:
    assert call("nodes", "--fold", *argv, **env).out == f"{names}\n"


def test_a_run_takes_the_cluster_and_its_options(call: Call) -> None:
    said = call("--dry-run", "-C", "web", "uptime")

    assert said.out == "web1: uptime\nweb2: uptime\nweb3: uptime\n"
    assert "3 nodes, 2 at once" in said.err


def test_a_cluster_that_is_not_there_is_told(call: Call) -> None:
    said = call("--dry-run", "-C", "wbe", "uptime")

    assert (said.code, said.err) == (
        2, "trioexec: -C wbe: there is no such cluster.\nDid you mean web?\n",
    )  # fmt: skip


def test_an_import_is_printed_and_what_is_lost_told(call: Call, tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text("clusters: {a: {nodes: [n1]}}\nextra: 1\n")

    said = call("config", "import", str(tmp_path / "old.yaml"))

    assert said.out == '[clusters.a]\nnodes = [\n    "n1",\n]\n'
    assert said.err == "Not taken over: extra: there is nothing like it here.\n"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        pytest.param(["import", "nope.yaml"], "no such file or directory", id="no file"),
        pytest.param(["sow"], "config sow: that is none of its ways", id="no such way"),
    ],
)
def test_config_says_what_it_does_not_understand(argv: list[str], message: str, call: Call) -> None:
    said = call("config", *argv)

    assert said.code == 2
    assert message in said.err


def test_without_files_a_check_says_so(call: Call) -> None:
    assert call("config", "check", "--config", "none").err == "There is no config file here.\n"


def test_a_check_asks_nobody_but_the_files(call: Call, tmp_path: Path) -> None:
    (tmp_path / "p/trioexec.toml").write_text(
        '[groups]\nx = "@slurm:a,@nobody,^nofile,-,@ansible:b"\n[defaults]\nfilter = "web*"\n'
    )

    said = call("config", "check")

    assert (said.code, said.err) == (0, "")
    assert "1 default, 1 group.\n" in said.out


def test_what_a_file_says_cannot_drive_the_terminal(call: Call, tmp_path: Path) -> None:
    file = tmp_path / "p/trioexec.toml"
    file.write_text('[defaults]\nmain-rank = "\\u001b[2J"\n')

    shown = call("config", "show")
    file.write_text('[clusters.x.nodes]\n"\\u001b[2J" = 3\n')
    refused = call("config", "check")

    assert "\\x1b[2J" in shown.out
    assert "\\x1b[2J" in refused.err
    assert "\x1b" not in shown.out + refused.err


def test_a_projects_cluster_that_hides_the_users_is_told(call: Call, tmp_path: Path) -> None:
    (tmp_path / "p/trioexec.toml").write_text('[clusters.web]\nnodes = "evil"\n')

    for argv in (("-C", "web"), ("@web",)):
        said = call("nodes", *argv)

        assert said.out == "evil\n"
        assert said.err.startswith(
            f"trioexec: web is that of {tmp_path}/p/trioexec.toml:1; it hides"
        )
    assert call("nodes", "a").err == ""
