from __future__ import annotations

import subprocess
import sys
from itertools import pairwise

import pytest

from trioexec.cli.help import help_for, render
from trioexec.cli.options import GeneralOptions
from trioexec.cli.registry import COMMANDS, load
from trioexec.settings.option import options_of

NAMES = sorted(COMMANDS)


@pytest.mark.parametrize("width", [60, 80, 100])
@pytest.mark.parametrize("name", NAMES)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    lines = render(load(name), whole=name == "run", width=width)

    assert [line for line in lines if len(line) > width] == []


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_named_with_all_its_names_once(name: str) -> None:
    module = load(name)

    text = "\n".join(render(module, whole=False, width=80))

    for option in options_of((*module.entry.groups, GeneralOptions)):
        first = [flag for flag in option.flags if not flag.startswith("--")] or [option.long]
        rows = [line for line in text.splitlines() if line.strip().startswith(first[0])]
        assert any(all(flag in row for flag in option.flags) for row in rows), option.field


def test_panels_come_in_the_order_in_which_they_are_looked_for() -> None:
    lines = render(load("run"), whole=True, width=80)

    titles = [after for before, after in pairwise(lines) if not before]
    wanted = ["Examples", "Commands", "Nodes", "Run", "Result", "SSH", "Output"]
    assert [title for title in titles if title in wanted] == wanted


def test_the_programs_own_help_lists_every_command() -> None:
    text = "\n".join(render(load("run"), whole=True, width=80))

    assert all(f"  {name} " in text for name in COMMANDS)
    assert "Commands" not in render(load("run"), whole=False, width=80)


def test_numbers_say_their_default_and_unset_ones_say_nothing() -> None:
    text = " ".join(" ".join(render(load("run"), whole=True, width=100)).split())

    assert "0 is no limit. [64]" in text
    assert "For the whole run. [no limit]" in text
    assert "For nodes that name none themselves. -i" in text
    assert "[-1]" not in text


def test_columns_decide_the_width_within_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "5000")
    wide = help_for(load("run"), whole=True)
    monkeypatch.setenv("COLUMNS", "3")
    narrow = help_for(load("run"), whole=True)

    assert max(map(len, wide.splitlines())) in range(90, 101)
    assert max(map(len, narrow.splitlines())) <= 60


def test_help_needs_no_terminal() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "trioexec", "--help"],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={"PATH": "/usr/bin:/bin"},
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"Usage: trioexec [OPTIONS] COMMAND...")
    assert b"\x1b" not in done.stdout
