"""The cyclopts app and our own reading of a command line are one grammar."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from trioexec.cli.app import make_app
from trioexec.cli.arguments import split
from trioexec.cli.main import main
from trioexec.cli.registry import COMMANDS, load
from trioexec.settings.option import options_of
from trioexec.settings.readers import Choice

APP = make_app()

WAYS = {
    # One parse a way, not one an option: cyclopts takes a tenth of a second.
    "the first name": lambda option: option.flags[0],
    "the last name": lambda option: option.flags[-1],
    "the long name": lambda option: option.long,
    "taken back": lambda option: option.negative or option.long,
}


def cyclopts_reads(argv: list[str]) -> dict[str, Any]:
    _, bound, _ = APP.parse_args(argv, exit_on_error=False, print_error=False)
    return {name: _as_text(value) for name, value in bound.arguments.items() if name != "words"}


def _as_text(value: object) -> object:
    if isinstance(value, tuple):
        return tuple(map(str, value))
    return str(value) if isinstance(value, Path) else value


def we_read(name: str, argv: list[str]) -> dict[str, Any]:
    options = {option.field: option for option in options_of(load(name).entry.groups)}
    found = split(argv, options.values()).layer.given
    return {
        field: given.texts
        if options[field].many
        else given.texts[-1]
        if options[field].takes_value
        else given.texts[-1] == "yes"
        for field, given in found.items()
    }


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("name", COMMANDS)
def test_both_read_every_option_alike(name: str, way: str) -> None:
    argv: list[str] = []
    for option in options_of(load(name).entry.groups):
        argv.append(WAYS[way](option))
        if option.takes_value:
            argv.append(option.reader.words[-1] if isinstance(option.reader, Choice) else "x=1")

    ours = we_read(name, argv)

    assert len(ours) == len(options_of(load(name).entry.groups))
    assert cyclopts_reads([name, *argv]) == ours


def test_both_read_the_options_of_run_alike_without_its_name() -> None:
    argv = ["-H", "a", "--parallel", "3", "-k"]

    assert cyclopts_reads(argv) == we_read("run", argv)


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(["-kb"], id="a cluster"),
        pytest.param(["--parallel=3"], id="an equals sign"),
        pytest.param(["-H", "a", "--hosts", "b", "-w=c"], id="a repeated option"),
    ],
)
def test_both_read_what_is_typed_in_other_ways_alike(argv: list[str]) -> None:
    assert cyclopts_reads(["run", *argv]) == we_read("run", argv)


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


def test_completion_wants_a_shell_it_knows(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "tcsh"]) == 2
    assert main(["completion"]) == 2

    assert "completion takes one shell" in capsys.readouterr().err
