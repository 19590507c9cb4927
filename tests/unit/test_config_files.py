"""Which files count, in which order, and what is said of one that cannot be read."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from trioexec.cli.configured import known_options
from trioexec.model.errors import ConfigError, UsageError
from trioexec.settings.config import Config, load_config
from trioexec.settings.config.config import Groups
from trioexec.settings.config.files import user_file
from trioexec.settings.config.texts import Place


def load(folder: Path, *, file: str = "", home: Path | None = None) -> Config:
    env = {"XDG_CONFIG_HOME": str(home or folder / "none")}
    return load_config(known_options, env, folder=str(folder), file=file)


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def test_without_a_file_nothing_is_read_and_nothing_imported(tmp_path: Path) -> None:
    def unwanted() -> dict[str, str]:
        raise AssertionError

    config = load_config(unwanted, {"HOME": str(tmp_path)}, folder=str(tmp_path))  # type: ignore[arg-type]

    assert config.sources == ()


def test_the_users_file_is_in_the_xdg_folder() -> None:
    assert user_file({"XDG_CONFIG_HOME": "/x", "HOME": "/h"}) == "/x/trioexec/config.toml"
    assert user_file({"XDG_CONFIG_HOME": "rel", "HOME": "/h"}) == "/h/.config/trioexec/config.toml"


def test_the_users_is_under_the_projects(tmp_path: Path) -> None:
    write(tmp_path / "xdg/trioexec/config.toml", "[defaults]\nparallel = 1")
    write(tmp_path / "p/trioexec.toml", "[defaults]\nparallel = 2")

    config = load(tmp_path / "p", home=tmp_path / "xdg")

    layers = config.layers(["parallel"], cluster="", profile="")
    assert [(layer.name, layer.given["parallel"].texts) for layer in layers] == [
        ("user file", ("1",)),
        ("project file", ("2",)),
    ]


def test_the_nearest_project_file_above_counts_alone(tmp_path: Path) -> None:
    write(tmp_path / "trioexec.toml", "[defaults]\nparallel = 1")
    near = write(tmp_path / "a/pyproject.toml", "[tool.trioexec.defaults]\nparallel = 2")
    write(tmp_path / "a/b/pyproject.toml", "[project]\nname = 'trioexec-user'")
    (tmp_path / "a/b/c").mkdir()

    config = load(tmp_path / "a/b/c")

    (source,) = config.sources
    assert source.path == str(near)
    assert source.tables.defaults["parallel"].where == f"{near}:2"


def test_a_file_that_is_named_counts_alone(tmp_path: Path) -> None:
    write(tmp_path / "trioexec.toml", "[defaults]\nparallel = 1")
    named = write(tmp_path / "mine.toml", '[defaults]\nidentity = "k"')

    assert [source.path for source in load(tmp_path, file=str(named)).sources] == [str(named)]
    assert load(tmp_path, file="none").sources == ()


def test_two_project_files_in_one_folder_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "trioexec.toml", "")
    write(tmp_path / "pyproject.toml", "[tool.trioexec]")

    with pytest.raises(ConfigError, match="Put everything into one of them"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        pytest.param(
            "trioexec.toml", "[defaults]\na = = 1", r"trioexec.toml:2: this is no TOML: ", id="TOML"
        ),
        pytest.param(
            "pyproject.toml",
            "[tool.trioexec]\na = = 1",
            r"pyproject.toml:2: this is no TOML: ",
            id="pyproject",
        ),
        pytest.param(
            "pyproject.toml", "[tool]\ntrioexec = 3", r"pyproject.toml:2: it is no table", id="3"
        ),
        pytest.param(
            "pyproject.toml",
            "[tool.trioexec.defaults]\nparalel = 3",
            r"pyproject.toml:2: there is no 'paralel' in \[defaults\]",
            id="key",
        ),
        pytest.param(
            "pyproject.toml",
            "[tool.trioexec.defaults]\nidentity = 'k'",
            r"pyproject.toml:2: identity: a project's file may not choose identities",
            id="forbidden",
        ),
    ],
)
def test_a_broken_project_file_is_told_with_its_line(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    write(tmp_path / name, text)

    with pytest.raises(ConfigError, match=message):
        load(tmp_path)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("[tool.trioexec.defaults]\nparallel = 2", id="a table"),
        pytest.param("[ tool . 'trioexec' . defaults ]\nparallel = 2", id="with room and quotes"),
        pytest.param('tool."trioexec" .defaults.parallel = 2', id="a dotted key"),
        pytest.param("[tool]\ntrioexec = {defaults = {parallel = 2}}", id="in line"),
        pytest.param("[tool]\ntrioexec\t= {defaults = {parallel = 2}}", id="in line, with a tab"),
    ],
)
def test_our_table_in_a_pyproject_is_found_however_it_is_written(tmp_path: Path, text: str) -> None:
    write(tmp_path / "pyproject.toml", text)

    (layer,) = load(tmp_path).layers(["parallel"], cluster="", profile="")
    assert layer.given["parallel"].texts == ("2",)


def test_a_pyproject_that_only_depends_on_us_is_not_parsed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "pyproject.toml", "[project]\ndependencies = [\n  'trioexec>=1',\n]")
    monkeypatch.setitem(sys.modules, "tomllib", None)

    assert load(tmp_path).sources == ()


def test_a_broken_pyproject_without_a_table_of_ours_is_not_our_business(tmp_path: Path) -> None:
    write(tmp_path / "pyproject.toml", "[project]\ndependencies = ['trioexec'")

    assert load(tmp_path).sources == ()


def test_a_file_that_is_not_there_is_an_error_when_it_was_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot read it: no such file"):
        load(tmp_path, file=str(tmp_path / "nope"))


def test_a_file_that_is_no_text_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "trioexec.toml").write_bytes(b"\xff\xfe")

    with pytest.raises(ConfigError, match="not text in UTF-8"):
        load(tmp_path)


@pytest.mark.parametrize("name", ["trioexec.toml", "pyproject.toml"])
def test_a_pipe_in_the_way_is_refused_and_not_waited_for(name: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / name)

    with pytest.raises(ConfigError, match=f"{name}: it is in the way of this folder"):
        load(tmp_path)


def test_a_file_with_a_byte_order_mark_is_read(tmp_path: Path) -> None:
    (tmp_path / "trioexec.toml").write_bytes(b"\xef\xbb\xbf[defaults]\nparallel = 8\n")

    assert load(tmp_path).sources[0].tables.defaults["parallel"].texts == ("8",)


def test_brackets_in_brackets_without_end_are_an_error_of_the_file(tmp_path: Path) -> None:
    write(tmp_path / "trioexec.toml", f"a = {'[' * 5000}{']' * 5000}")

    with pytest.raises(ConfigError, match="too many brackets in brackets"):
        load(tmp_path)


def test_a_number_of_too_many_digits_is_an_error_of_the_file(tmp_path: Path) -> None:
    write(tmp_path / "trioexec.toml", f"[defaults]\nparallel = {'9' * 5000}")

    with pytest.raises(ConfigError, match="a number has too many digits"):
        load(tmp_path)


def test_a_file_that_anybody_may_write_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "trioexec.toml", "").chmod(0o666)
    (tmp_path / "own").mkdir()

    with pytest.raises(ConfigError, match="another user can write it"):
        load(tmp_path / "own")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_a_strangers_file_counts_in_the_strangers_own_folder_only(tmp_path: Path) -> None:
    os.chown(write(tmp_path / "trioexec.toml", ""), 12345, 12345)
    (tmp_path / "ours").mkdir()
    (tmp_path / "theirs").mkdir()
    os.chown(tmp_path / "theirs", 12345, 12345)

    assert len(load(tmp_path / "theirs").sources) == 1
    with pytest.raises(ConfigError, match="another user can write it"):
        load(tmp_path / "ours")


FILE = """
[defaults]
parallel = 1
user = "me"
[clusters.web]
nodes = "web[1-2]"
parallel = 2
[profiles.one]
parallel = 3
"""


def test_a_profile_is_over_the_cluster_and_that_over_the_defaults(tmp_path: Path) -> None:
    write(tmp_path / "trioexec.toml", FILE)

    layers = load(tmp_path).layers(["parallel"], cluster="web", profile="one")

    assert [layer.name for layer in layers] == ["project file", "cluster web", "profile one"]
    assert [set(layer.given) for layer in layers] == [{"parallel"}] * 3


def test_a_profile_that_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    write(tmp_path / "trioexec.toml", FILE)

    with pytest.raises(
        UsageError, match=r"^--profile ones: there is no such profile.\nDid you mean one\?"
    ):
        load(tmp_path).layers([], cluster="", profile="ones", where="--profile")
    with pytest.raises(UsageError, match="There is none at all"):
        Config().layers([], cluster="", profile="x")


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        pytest.param("wbe", "Did you mean web?", id="near"),
        pytest.param("q", "There are web.", id="far"),
    ],
)
def test_a_cluster_that_is_not_there_is_told(name: str, advice: str, tmp_path: Path) -> None:
    write(tmp_path / "trioexec.toml", FILE)

    with pytest.raises(UsageError, match="-C " + name) as caught:
        load(tmp_path).check_cluster(name, "-C")

    assert str(caught.value).endswith(advice)


def test_a_projects_cluster_hides_the_users_whole(tmp_path: Path) -> None:
    write(
        tmp_path / "xdg/trioexec/config.toml",
        'ansible_inventory = "/i"\n[clusters.web]\nnodes = "u"\nidentity = "k"\n[groups]\ng = "x"\n'
        '[commands]\nc = ["c"]',
    )
    write(tmp_path / "p/trioexec.toml", '[clusters.web]\nnodes = "p"')

    config = load(tmp_path / "p", home=tmp_path / "xdg")

    assert config.clusters["web"].options == {}
    assert dict(config.node_groups()) == {"g": ("x",), "web": ("p",)}
    assert config.commands == {"c": ("c",)}
    assert config.ansible_inventory == "/i"


def test_groups_remember_who_was_asked_for() -> None:
    groups = Groups({"a": ("x",), "b": ("y",)})

    assert "a" in groups
    assert len(groups) == 2
    assert list(groups) == ["a", "b"]
    assert groups.asked == {}
    assert groups["b"] == ("y",)
    assert list(groups.asked) == ["b"]


def test_a_run_anywhere_but_beside_the_file_finds_its_node_files_beside_it(tmp_path: Path) -> None:
    write(tmp_path / "trioexec.toml", '[groups]\nx = "^n.txt"')
    (tmp_path / "deep").mkdir()

    config = load(tmp_path / "deep")

    assert config.groups["x"].expressions == (f"^{tmp_path}/n.txt",)


def test_what_stands_on_no_line_is_told_at_the_files_first() -> None:
    place = Place(name="F", folder="/", of_project=False, lines={}, root=(), env={})

    assert place.at(("defaults", "x")) == "F:1"
