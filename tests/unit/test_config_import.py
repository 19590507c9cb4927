"""The earlier tool's YAML becomes a file of ours that says the same."""

from __future__ import annotations

import tomllib

import pytest

from trioexec.cli.configured import known_options
from trioexec.model.errors import ConfigError
from trioexec.settings.config.lines import lines_of
from trioexec.settings.config.tables import read_tables
from trioexec.settings.config.texts import Place
from trioexec.settings.config.yaml_import import import_yaml

SAMPLE = """
defaults:
  user: admin
  port: 22
  ssh_key: ~/.ssh/id
  parallel: 10
  timeout: 300
  colour: blue
clusters:
  production:
    nodes:
      - web1.example.com
      - user@web2.example.com:2222
      - host: web3
        port: 2200
        user: ${USER}
        ssh_key: ~/.ssh/other
      - host: web4
    ssh_key: ~/.ssh/prod
    jump_host: $GW
  "a.b": [n1, n2]
interactive:
  prompt: x
"""


def test_what_has_a_counterpart_is_taken_over() -> None:
    data = tomllib.loads(import_yaml(SAMPLE, "F").toml)

    assert data == {
        "defaults": {
            "user": "admin",
            "port": 22,
            "identity": "~/.ssh/id",
            "parallel": 10,
            "timeout": 300,
        },
        "clusters": {
            "production": {
                "nodes": [
                    "web1.example.com",
                    "user@web2.example.com:2222",
                    {"nodes": "web3", "port": 2200, "user": "${USER}"},
                    "web4",
                ],
                "identity": "~/.ssh/prod",
                "jump": "${GW}",
            },
            "a.b": {"nodes": ["n1", "n2"]},
        },
    }


def test_what_has_none_is_told() -> None:
    assert import_yaml(SAMPLE, "F").lost == (
        "defaults: colour: there is nothing like it here",
        "clusters.production, node 3: ssh_key: say it of the cluster, or in ssh_config",
        "interactive: there is nothing like it here",
    )


def test_what_comes_out_is_a_config_file_of_ours() -> None:
    text = import_yaml(SAMPLE, "F").toml
    place = Place(
        name="F",
        folder="/",
        of_project=False,
        lines=lines_of(text),
        root=(),
        env={"USER": "me", "GW": "gw"},
    )

    tables = read_tables(tomllib.loads(text), known_options(), place)

    assert tables.clusters["production"].members[2].user == "me"
    assert tables.clusters["production"].options["jump"].texts == ("gw",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("a: [", r"^F:1: this is no YAML", id="YAML"),
        pytest.param("[" * 5000, "too much stands inside", id="brackets"),
        pytest.param("- a", "neither defaults nor clusters", id="list"),
        pytest.param("clusters: [a]", "clusters is no mapping", id="clusters"),
        pytest.param("clusters: {a: {nodes: []}}", "clusters.a has no list of nodes", id="nodes"),
        pytest.param("clusters: {a: {nodes: [{port: 1}]}}", "node 1: it has no host", id="host"),
        pytest.param("clusters: {'a b': {nodes: [x]}}", "cannot be a name", id="name"),
    ],
)
def test_another_shape_is_an_error(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        import_yaml(text, "F")

    assert len(str(caught.value).splitlines()) == 2


def test_an_empty_table_and_a_flag_are_taken_as_they_are() -> None:
    assert import_yaml("defaults:\n", "F").toml == "[defaults]\n"
    assert import_yaml("defaults: {parallel: true}", "F").toml == "[defaults]\nparallel = true\n"
