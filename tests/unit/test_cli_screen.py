from __future__ import annotations

import os
from importlib import util

import pytest

from trioexec.cli.invocation import Invocation
from trioexec.cli.main import main
from trioexec.cli.screen import make_console, require_screen
from trioexec.model.errors import UsageError
from trioexec.model.flow import Flow
from trioexec.settings.layers import Setting
from trioexec.sinks.console import Console
from trioexec.sinks.tui.console import ScreenConsole

RUN = ("--transport", "local", "-H", "a", "--no-record", "--tui")


def on_terminal(monkeypatch: pytest.MonkeyPatch, *, but: int = -1, term: str = "xterm") -> None:
    monkeypatch.setattr(os, "isatty", lambda fd: fd != but)
    monkeypatch.setenv("TERM", term)


@pytest.mark.parametrize(("number", "name"), [(0, "stdin"), (1, "stdout"), (2, "stderr")])
def test_without_a_terminal_it_is_a_usage_error_that_names_what_is_none(
    number: int, name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_terminal(monkeypatch, but=number)

    assert main([*RUN, "true"]) == 2
    assert f"--tui needs a terminal, and {name} is none" in capsys.readouterr().err


@pytest.mark.parametrize("term", ["dumb", ""])
def test_a_terminal_that_can_place_nothing_is_a_usage_error(
    term: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_terminal(monkeypatch, term=term)

    assert main([*RUN, "true"]) == 2
    assert "TERM is" in capsys.readouterr().err


def test_stdin_cannot_be_the_keyboard_and_the_commands_input(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    on_terminal(monkeypatch)
    env = {"TERM": "xterm"}
    given = Setting(value=True, source="command line")
    call = Invocation(name="run", words=("cat",), settings={"stdin": given}, env=env)

    with pytest.raises(UsageError, match="--tui and --stdin both read stdin"):
        require_screen(call)


def test_without_textual_it_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    on_terminal(monkeypatch)
    monkeypatch.setattr(
        "trioexec.cli.screen.find_spec",
        lambda name: None if name == "textual" else util.find_spec(name),
    )

    assert main([*RUN, "true"]) == 2
    assert "pip install 'trioexec[tui]'" in capsys.readouterr().err


def test_another_mode_beside_it_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*RUN, "--json", "true"]) == 2
    assert "--tui" in capsys.readouterr().err


async def test_only_a_screen_holds_back_what_is_said() -> None:
    console, hand_quit = make_console(Flow(), on_screen=False)
    assert type(console) is Console
    assert hand_quit is None

    console, hand_quit = make_console(Flow(), on_screen=True)
    assert isinstance(console, ScreenConsole)
    assert hand_quit == console.take_quit
