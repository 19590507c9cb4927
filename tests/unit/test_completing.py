"""What is offered where the cursor is, whatever shell it is in."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from trioexec.cli.completing import Answer, complete
from trioexec.cli.main import main
from trioexec.cli.registry import COMMANDS

CONFIG = """\
[clusters.production]
nodes = "web[1-3]"
[clusters.staging]
nodes = "st[1-3]"
[groups]
frontend = "@production"
[profiles.careful]
parallel = 1
[commands]
cmdb = ["touch", "ran"]
"""


@pytest.fixture
def env(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Mapping[str, str]:
    own = tmp_path / "xdg/trioexec/config.toml"
    own.parent.mkdir(parents=True)
    own.write_text(CONFIG)
    (tmp_path / "here/dir").mkdir(parents=True)
    (tmp_path / "here/file.txt").touch()
    (tmp_path / "none/clustershell").mkdir(parents=True)
    (tmp_path / "none/clustershell/groups.conf").write_text("[Main]\n")
    monkeypatch.setenv("CLUSTERSHELL_CFGDIR", str(tmp_path / "none/clustershell"))
    monkeypatch.setattr("ClusterShell.Defaults.config_paths", lambda _: [])
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.chdir(tmp_path / "here")
    return {"XDG_CONFIG_HOME": str(tmp_path / "xdg"), "HOME": str(tmp_path)}


def texts(answer: Answer) -> list[str]:
    return [offer.text for offer in answer.offers]


def ask(line: str, env: Mapping[str, str]) -> str:
    """What is offered at the end of a line; ``FILES`` where the shell adds files."""
    answer = complete(line.split(" "), env)
    return " ".join([*texts(answer), *(["FILES"] if answer.files else [])])


@pytest.mark.parametrize(
    ("line", "offered"),
    [
        pytest.param("no", "nodes", id="a command"),
        pytest.param("nodes no", "", id="which comes first only"),
        pytest.param("--paral", "--parallel", id="an option"),
        pytest.param("run --check", "--check-all-nodes", id="of a command"),
        pytest.param("nodes --pi", "--pick", id="of another command"),
        pytest.param("--dif", "--diff", id="a flag"),
        pytest.param("--no-fail-f", "--no-fail-fast", id="a flag taken back"),
        pytest.param("--fail-fast --fail", "--fail-on-diff", id="not again"),
        pytest.param("-kb --fail", "--fail-on-diff", id="not again, of several letters"),
        pytest.param("-H a --hosts", "--hosts", id="again, where there may be several"),
        pytest.param("-C ", "production staging frontend", id="clusters and groups"),
        pytest.param("-C pro", "production", id="one of them"),
        pytest.param("-kC pro", "production", id="after several letters"),
        pytest.param("--cluster=pro", "--cluster=production", id="after an equals sign"),
        pytest.param("--profile ", "careful", id="profiles"),
        pytest.param("--transport ", "ssh local", id="choices"),
        pytest.param("--transport=l", "--transport=local", id="a choice after an equals sign"),
        pytest.param("-i ", "FILES", id="files"),
        pytest.param("--output-dir=x", "FILES", id="directories"),
        pytest.param("--user ", "", id="what nobody knows"),
        pytest.param("-H @pro", "@production", id="a group"),
        pytest.param("-H @cm", "@cmdb", id="a program"),
        pytest.param("-H web1,@st", "web1,@staging", id="after a comma"),
        pytest.param("-H web1&@st", "web1&@staging", id="after another operator"),
        pytest.param("-H @config:f", "@config:frontend", id="of a source"),
        pytest.param("-x @pro", "@production", id="what is left out"),
        pytest.param("-H ^fi", "^file.txt", id="a file of nodes"),
        pytest.param("-H a,^di", "a,^dir/", id="a folder of such"),
        pytest.param("nodes @pro", "@production", id="a word that is an expression"),
        pytest.param("nodes a @pro", "@production", id="and another"),
        pytest.param("clusters st", "staging", id="a word that is a cluster"),
        pytest.param("config ", "show check import", id="a word that is one of some"),
        pytest.param("config import ", "FILES", id="and a file after it"),
        pytest.param("completion f", "fish", id="a shell"),
        pytest.param("check ", "FILES", id="a file"),
        pytest.param("check x.toml @pro", "@production", id="an expression after it"),
        pytest.param("-H a ls --dif", "FILES", id="nothing of ours in the user's command"),
        pytest.param("-H a -- --dif", "FILES", id="nor after --"),
        pytest.param("nodes -- --pi", "FILES", id="nor there"),
        pytest.param("pdsh -w a --dif", "FILES", id="nor in pdsh's grammar"),
        pytest.param("--nosuch -C pro", "production", id="past an option that is none"),
        pytest.param("-Zz -p22 -C pro", "production", id="past letters that are none"),
    ],
)
def test_what_fits_is_offered(line: str, offered: str, env: Mapping[str, str]) -> None:
    assert ask(line, env) == offered


def test_commands_are_offered_first_with_what_they_do(env: Mapping[str, str]) -> None:
    assert dict(complete([""], env).offers) == COMMANDS
    assert dict(complete([], env).offers) == COMMANDS


def test_hosts_of_ssh_config_are_offered_once_something_is_typed(
    env: Mapping[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trioexec.settings.sources.process._home_of_account", lambda: tmp_path)
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh/config").write_text("Host bastion web9\n")

    assert ask("-H web1,b", env) == "web1,bastion"
    assert ask("-H ", env) == ""


def test_another_config_file_counts(env: Mapping[str, str], tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text('[groups]\nelse = "a"\n')

    assert ask(f"--config {tmp_path}/other.toml -C ", env) == "else"
    assert ask("-C ", {**env, "TRIOEXEC_CONFIG": f"{tmp_path}/other.toml"}) == "else"


def test_no_program_is_run(env: Mapping[str, str]) -> None:
    ask("-H @cmdb:", env)

    assert not Path("ran").exists()


def test_the_answer_is_a_line_how_and_a_line_each(
    env: Mapping[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    del env
    assert main(["__complete", "nodes", "--pi"]) == 0
    assert main(["__complete", "-i", ""]) == 0

    assert capsys.readouterr().out == "-\n--pick\tSo many of them, at random.\nfiles\n"


def test_what_is_wrong_is_not_said_while_somebody_types(
    env: Mapping[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    del env
    (tmp_path / "xdg/trioexec/config.toml").write_text("[broken")

    assert main(["__complete", "-C", ""]) == 0
    assert main(["__complete", "-H", "^nowhere/"]) == 0
    assert main(["__complete", "-H", "@nobody:"]) == 0

    said = capsys.readouterr()
    assert (said.out, said.err) == ("-\n-\n-\n", "")
