from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from trioexec.cli.app import arguments_of, make_app
from trioexec.cli.help import man_page, plain_help, print_help, reference
from trioexec.cli.letters import ASCII_BOXES
from trioexec.cli.parameters import PANELS
from trioexec.cli.quick import TEXTS, help_text
from trioexec.cli.registry import COMMANDS, load

NAMES = sorted(COMMANDS)


def help_of(name: str, width: int = 80, **how: bool) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, **how)  # type: ignore[arg-type]
    whole = name == "trioexec"
    print_help(load("run" if whole else name), whole=whole, console=console)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


@pytest.mark.parametrize("name", ["trioexec", *NAMES])
def test_the_kept_help_is_what_cyclopts_renders(name: str) -> None:
    kept = (Path(TEXTS) / f"{name}.txt").read_text("utf-8")

    assert kept == plain_help(name), "run: python -m trioexec.cli.help"


@pytest.mark.parametrize(
    ("arguments", "name"),
    [
        pytest.param(["--help"], "trioexec", id="all"),
        pytest.param(["-h"], "trioexec", id="all, short"),
        pytest.param(["run", "--help"], "run", id="a command"),
        pytest.param(["pdsh", "--help"], "pdsh", id="of pdsh, ours"),
    ],
)
def test_kept_help_is_given_where_nothing_else_is_said(arguments: list[str], name: str) -> None:
    kept = (Path(TEXTS) / f"{name}.txt").read_text("utf-8")

    assert help_text(arguments, {"LANG": "C.UTF-8"}) == kept


@pytest.mark.parametrize(
    "arguments",
    [
        pytest.param(["pdsh", "-h"], id="of pdsh, its own"),
        pytest.param(["uptime", "--help"], id="of the command"),
        pytest.param(["trioexec", "--help"], id="of the command, which is like us"),
        pytest.param(["-H", "a", "--help"], id="behind an option"),
        pytest.param(["../helptexts/run", "--help"], id="a path"),
        pytest.param([], id="nothing"),
    ],
)
def test_other_help_has_to_be_rendered_or_is_not_ours(arguments: list[str]) -> None:
    assert help_text(arguments, {}) == ""


def test_a_width_that_is_asked_for_has_to_be_rendered() -> None:
    assert help_text(["--help"], {"COLUMNS": "70"}) == ""


@pytest.mark.parametrize("width", [40, 80, 100])
@pytest.mark.parametrize("name", NAMES)
def test_no_line_is_wider_than_the_terminal(name: str, width: int) -> None:
    lines = help_of(name, width).splitlines()

    assert [line for line in lines if len(line) > width and "  trioexec " not in line] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_terminal_without_unicode_lacks_nothing_but_the_boxes(name: str) -> None:
    assert help_of(name).translate(ASCII_BOXES).isascii()


@pytest.mark.parametrize("name", [name for name in NAMES if not load(name).entry.raw])
def test_every_option_is_named_with_all_its_names(name: str) -> None:
    words = help_of(name).replace("\u2502", " ").split()

    for option in arguments_of(make_app(), name):
        assert set(option.parameter.name or ()) <= set(words), option.names


def test_what_takes_a_switch_back_is_said_once() -> None:
    words = help_of("trioexec", 100).replace("\u2502", " ").split()

    assert [word for word in words if word in ("--no-fail-fast", "--wrap", "--no-password")] == []
    assert "--no-NAME" in words
    assert "--no-NAME" not in help_of("hold")


def test_a_command_with_a_grammar_of_its_own_shows_that_and_none_of_ours() -> None:
    lines = help_of("pdsh").splitlines()

    assert {line.split()[0] for line in lines if line.startswith("-")} >= {"-S", "-w", "-x", "-a,"}
    assert "Exit code: 0 whatever the commands gave" in " ".join(lines)
    assert not [line for line in lines if "--config" in line or "TRIOEXEC_" in line]


def test_panels_come_in_the_order_in_which_they_are_looked_for() -> None:
    lines = help_of("trioexec").splitlines()

    titles = [line.split()[1] for line in lines if line.startswith("\u256d")]
    wanted = ["Commands", *(name.split()[0] for name in PANELS)]
    assert titles == sorted(titles, key=wanted.index)
    assert {"Commands", "Nodes", "Run", "Result", "SSH", "Output", "General"} <= set(titles)


def test_the_programs_own_help_lists_every_command_and_a_commands_does_not() -> None:
    assert all(f"\u2502 {name} " in help_of("trioexec") for name in COMMANDS)
    assert "Commands" not in help_of("run")


def test_numbers_say_their_default_and_unset_ones_say_nothing() -> None:
    text = " ".join(help_of("trioexec", 100).replace("\u2502", " ").split())

    assert "0 is no limit. [default: 64]" in text
    assert "For the whole run. [default: no limit]" in text
    assert "For nodes that name none themselves. --identity" in text
    assert "default: -1" not in text


def test_columns_decide_the_width_within_reason() -> None:
    assert max(map(len, help_of("ping", 5000).splitlines())) == 100
    assert max(map(len, help_of("ping", 3).splitlines())) <= 40


def test_a_terminal_gets_colours() -> None:
    assert "\x1b[" in help_of("ping", force_terminal=True)


@pytest.mark.parametrize("width", [{}, {"COLUMNS": "70"}])
@pytest.mark.parametrize("locale", [{}, {"LANG": "C"}, {"LANG": "de_DE.UTF-8"}])
def test_help_needs_no_terminal(width: dict[str, str], locale: dict[str, str]) -> None:
    env = width | locale
    done = subprocess.run(
        [sys.executable, "-m", "trioexec", "--help"],
        capture_output=True,
        stdin=subprocess.DEVNULL,
        env={
            **{key: os.environ[key] for key in ("PATH", "PYTHONPATH") if key in os.environ},
            **env,
        },
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout.startswith(b"Usage: trioexec [OPTIONS] COMMAND...")
    assert b"\x1b" not in done.stdout
    assert done.stdout.isascii() is ("LANG" not in env or env["LANG"] == "C")
    assert max(len(line) for line in done.stdout.decode().splitlines()) == int(
        env.get("COLUMNS", "80")
    )


def test_the_reference_page_is_what_cyclopts_writes() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "options.md"

    assert page.read_text("utf-8") == reference(), (
        f"run: python -m trioexec.cli.help {page} docs/man/trioexec.1"
    )


def test_the_manual_page_is_made_from_the_same_texts() -> None:
    page = Path(__file__).parents[2] / "docs" / "man" / "trioexec.1"

    assert page.read_text() == man_page()


def test_the_manual_page_fits_80_columns_with_its_margin() -> None:
    kept_as_is = re.findall(r"^\.nf\n(.*?)^\.fi$", man_page(), re.DOTALL | re.MULTILINE)
    shown = [line.replace("\\-", "-") for text in kept_as_is for line in text.splitlines()]

    wide = [line for line in shown if len(line) > 73 and "  trioexec " not in line]
    assert shown
    assert wide == []


def test_no_line_of_the_manual_page_is_a_request_by_chance() -> None:
    requests = {line.split()[0] for line in man_page().splitlines() if line.startswith((".", "'"))}

    assert requests == {".B", ".SH", ".TH", ".TP", ".br", ".fi", ".nf"}
