"""What the README shows is what happens."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from trioexec.cli.main import main
from trioexec.model.exitcodes import EXIT_CODES, Strategy

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()

DURATION = re.compile(r" in [0-9.]+ s$")


def console_blocks() -> list[tuple[list[str], list[str]]]:
    """Each command of a console block, and what is printed under it."""
    found = []
    for block in re.findall(r"^```console\n(.*?)^```$", README, re.DOTALL | re.MULTILINE):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *printed = part.splitlines()
            found.append((command.split(), printed))
    return found


def sh_lines() -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    return [line for block in blocks for line in block.splitlines()]


def comparable(lines: list[str]) -> list[str]:
    """Nodes answer in any order, and take as long as they take."""
    return sorted(DURATION.sub(" in N s", line) for line in lines)


@pytest.mark.parametrize(("command", "printed"), console_blocks(), ids=lambda part: part[0])
def test_an_example_prints_what_the_readme_shows(command: list[str], printed: list[str]) -> None:
    assert command[0] == "trioexec"

    done = subprocess.run(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )

    assert comparable(done.stdout.splitlines()) == comparable(printed)


@pytest.mark.parametrize(
    "line", [line for line in sh_lines() if line.startswith("trioexec -H")], ids=str
)
def test_a_command_line_of_the_readme_is_one(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nodes.txt").write_text("a\nb\n")
    Path("setup.sh").write_text("#!/bin/sh\n")
    words = line.partition(" # ")[0].replace("'", "").split()[1:]

    assert main(["--dry-run", *words]) == 0


def test_the_readme_has_exactly_two_commands_for_newcomers() -> None:
    assert [line for line in sh_lines() if line.startswith("python3")] == [
        "python3 dev.py demo",
        "python3 dev.py test",
    ]


def test_ci_runs_the_readmes_test_command_to_the_letter() -> None:
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec python3 dev.py test"


def test_the_readmes_exit_codes_are_those_of_the_program() -> None:
    rows = dict(re.findall(r"^\| (\d+) \| (.*) \|$", README, re.MULTILINE))

    assert rows == {str(code): EXIT_CODES[code] for code in (2, 70, 129, 130, 141, 143)}


def test_every_strategy_is_in_the_readme() -> None:
    assert all(f"`{strategy.value}`" in README for strategy in Strategy if strategy.value)
