"""Shell completion: scripts that their shells take, and what they offer."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest

from trioexec.cli.main import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_completion_script_is_one_that_its_shell_takes(
    shell: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out

    assert "require-all-success" in script
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=script, text=True, check=True)


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        pytest.param("trioexec --paral", "--parallel", id="an option"),
        pytest.param("trioexec run --check", "--check-all-nodes", id="of a command"),
        pytest.param("trioexec no", "nodes", id="a command"),
        pytest.param("trioexec --transport lo", "local", id="a choice"),
    ],
)
def test_bash_completes(typed: str, wanted: str, capsys: pytest.CaptureFixture[str]) -> None:
    if shutil.which("bash") is None:
        pytest.skip("no bash here")
    main(["completion", "bash"])
    script = capsys.readouterr().out
    words = typed.split(" ")
    ask = (
        f'\nCOMP_WORDS=({" ".join(words)}); COMP_CWORD={len(words) - 1}; COMP_LINE="{typed}"\n'
        '_trioexec; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )

    done = subprocess.run(
        ["bash", "--norc"],
        input=script + ask,
        capture_output=True,
        text=True,
        check=True,
        env={"PATH": os.environ["PATH"]},
    )

    assert wanted in [line.strip() for line in done.stdout.splitlines()], done.stderr


def test_groups_are_offered_where_nodes_are_wanted(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["__complete", "run", "--hosts", "@"]) == 0

    assert "@slurm" in capsys.readouterr().out.splitlines()


def test_completion_wants_a_shell_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert main(["completion"]) == 2

    assert "completion takes one shell" in capsys.readouterr().err
