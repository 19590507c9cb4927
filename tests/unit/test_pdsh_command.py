"""pdsh mode in the process: what it makes of a command line, and what it says of a bad one."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from trioexec.cli.main import main
from trioexec.model.nodes import Node
from trioexec.transports.ssh.options import SshOptions
from trioexec.transports.ssh.transport import SshTransport

Answer = tuple[int, str, str]
Call = Callable[..., Answer]


@pytest.fixture
def pdsh(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> Call:
    for name in ("WCOLL", "FANOUT", "DSHPATH", "PDSH_RCMD_TYPE", "PDSH_SSH_ARGS_APPEND"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def run(*argv: str) -> Answer:
        code = main(["pdsh", *argv])
        captured = capfd.readouterr()
        return code, captured.out, captured.err

    return run


def test_a_local_command_is_run_and_counted(pdsh: Call) -> None:
    code, out, err = pdsh("-R", "exec", "-S", "-w", "a", "sh", "-c", "echo %h; exit 3")

    assert (code, out) == (3, "a: a\n")
    assert err.endswith(": a: sh exited with exit code 3\n")


def test_without_labels_and_codes(pdsh: Call) -> None:
    assert pdsh("-R", "exec", "-N", "-f", "0", "-w", "a", "sh", "-c", "echo x; exit 3")[:2] == (
        0,
        "x\n",
    )


def test_with_k_the_first_failure_stops_all(pdsh: Call) -> None:
    code, out, _ = pdsh("-R", "exec", "-k", "-f", "1", "-w", "a,b", "sh", "-c", "echo %h; exit 4")

    assert (code, out) == (4, "a: a\n")


def test_groups_of_the_config_are_ours_to_choose_from(pdsh: Call, tmp_path: Path) -> None:
    (tmp_path / "trioexec.toml").write_text('[groups]\nweb = "web[1-3]"\nold = "web2"\n')

    assert pdsh("-q", "-g", "web", "-X", "old")[1].splitlines()[-1] == "web[1,3]"
    assert pdsh("-q", "-a")[1].splitlines()[-1] == "web[1-3]"


@pytest.mark.parametrize(
    ("argv", "code", "out", "err"),
    [
        pytest.param(["-h"], 1, "", "Usage: pdsh [-options] command ...", id="usage"),
        pytest.param(["-V"], 0, "rcmd modules: ssh,exec", "", id="version"),
        pytest.param(["-L"], 0, "rcmd modules: ssh,exec", "", id="modules"),
        pytest.param(["-Z"], 1, "", "pdsh: invalid option -- 'Z'\nUsage: ", id="option"),
        pytest.param(["-R", "rsh", "-w", "a", "x"], 1, "", 'No such rcmd module "rsh"', id="rsh"),
        pytest.param(["x"], 1, "", "no remote hosts specified", id="no hosts"),
        pytest.param(["-g", "nope", "x"], 1, "", "@nope: no such group of nodes.", id="group"),
        pytest.param(["--help"], 0, "Usage: trioexec pdsh", "", id="our own help"),
    ],
)
def test_what_is_not_a_run_is_answered(
    argv: list[str], code: int, out: str, err: str, pdsh: Call
) -> None:
    answer = pdsh(*argv)

    assert answer[0] == code
    assert out in answer[1]
    assert err in answer[2]


def test_without_a_command_some_are_asked_for(pdsh: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("echo %h\n\n!echo here\nquit\necho never\n"))

    code, out, err = pdsh("-R", "exec", "-w", "a")

    assert (code, err) == (0, "")
    assert sorted(out.replace("pdsh> ", "").splitlines()) == ["a: a", "here"]
    assert out.count("pdsh> ") == 4


def test_ssh_gets_what_the_options_and_variables_say(
    pdsh: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[SshOptions] = []
    prepared: list[Node] = []

    def prepare(self: SshTransport, nodes: list[Node], ask: object) -> None:
        prepared.extend(nodes)
        raise KeyboardInterrupt  # far enough

    monkeypatch.setattr(SshTransport, "__init__", lambda _, options: made.append(options))
    monkeypatch.setattr(SshTransport, "prepare", prepare)
    monkeypatch.setenv("PDSH_SSH_ARGS_APPEND", "-p 2222 -F none")

    code, _, _ = pdsh("-l", "joe", "-t", "7", "-f", "9", "-w", "a.x,u@b.x", "id")

    (options,) = made
    assert code == 130
    assert (options.port, options.config_file, options.connect_timeout_s, options.parallel) == (
        2222, "none", 7, 9,
    )  # fmt: skip
    assert [(node.name, node.host, node.user, node.port) for node in prepared] == [
        ("a", "a.x", "joe", None),
        ("b", "b.x", "u", None),
    ]


def test_under_the_name_pdsh_we_are_it(pdsh: Call, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["/usr/local/bin/pdsh", "-h"])

    assert main() == 1
