"""A command line that waits for no cyclopts is settled as cyclopts settles it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioexec.cli.app import make_app, settle
from trioexec.cli.declared import flags_of
from trioexec.cli.options.general import groups_of
from trioexec.cli.reading import read, settle_plainly
from trioexec.cli.registry import COMMANDS, load
from trioexec.model.errors import UsageError
from trioexec.settings.layers import Setting

TEXTS = ["", "a", "0", "1", " 7 ", "-1", "70000", "A=b", "=", "2m", "auto", "NEVER", "yes", "x y"]
PLAIN = [name for name in COMMANDS if not load(name).entry.raw]


def by_cyclopts(name: str, options: list[str]) -> dict[str, Setting] | None:
    try:
        return settle(make_app(whole=False)[name], options, [])
    except UsageError:
        return None


@given(data=st.data(), name=st.sampled_from(PLAIN))
def test_both_settle_the_same_or_both_refuse(data: st.DataObject, name: str) -> None:
    groups = groups_of(load(name).entry)
    flags = flags_of(groups)
    options = []
    for flag in data.draw(st.lists(st.sampled_from(sorted(flags)), max_size=5)):
        text = "" if flags[flag].option.read is None else f"={data.draw(st.sampled_from(TEXTS))}"
        options.append(flag + text)

    plainly = settle_plainly(groups, options, flags)

    theirs = by_cyclopts(name, options)
    # An option, or a set of them, that was given twice may be left to cyclopts.
    given_flags = [flags[one.partition("=")[0]] for one in options]
    rivals = [one for flag in given_flags for one in flag.option.sets or (flag.field,)]
    if plainly is not None or len(rivals) == len(set(rivals)):
        assert plainly == theirs


def test_an_option_that_keeps_all_keeps_all_and_another_the_last() -> None:
    call = read(load("run"), ["-H", "a", "-w", "b,c", "-p", "1", "-p2", "--env=A=b", "x"], {})

    assert call.settings["hosts"] == Setting(value=("a", "b,c"), source="command line", where="-w")
    assert call.settings["port"] == Setting(value=2, source="command line", where="-p")
    assert call.settings["env"].value == (("A", "b"),)
    assert call.settings["deadline"] == Setting(value=math.inf)
    assert call.words == ("x",)


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--parallel", "x", "y"], "--parallel: 'x' is not a number"),
        (["--stdin", "--tty", "x"], "exclude each other"),
        (["--persist", "1m", "--workers", "2", "x"], "--persist and --workers exclude each other"),
        (["--persist", "1m", "--no-hold", "x"], "--persist and --no-hold exclude each other"),
        (["-p", "0", "x"], "-p: 0 is out of range"),
        (["--color", "red", "x"], "--color: 'red' is none of the choices"),
    ],
)
def test_what_is_wrong_is_said_by_cyclopts(argv: list[str], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        read(load("run"), argv, {})


def test_the_environment_has_its_say() -> None:
    call = read(load("run"), ["-H", "a", "x"], {"TRIOEXEC_PARALLEL": "3"})

    assert call.settings["parallel"] == Setting(
        value=3, source="environment", where="TRIOEXEC_PARALLEL"
    )
    assert call.settings["hosts"].source == "command line"


@pytest.mark.parametrize("argv", [["-w", "a", "--help"], ["-h"], [], ["x", "-f", "-"]])
def test_a_grammar_of_its_own_is_left_to_its_command(argv: list[str]) -> None:
    call = read(load("pdsh"), argv, {"TRIOEXEC_NO": "1"})

    assert call.words == tuple(argv)
    assert not any(setting.value for setting in call.settings.values())
    assert read(load("pdsh"), ["--help", *argv], {}).settings["help"].value is True


def test_what_something_else_may_say_can_be_taken_back() -> None:
    flags = flags_of(groups_of(load("run").entry))

    assert "--no-fail-fast" in flags
    assert "--prefix" in flags
    # What the journal keeps of a run, `rerun` can take back.
    assert {"--no-password", "--no-sudo-password"} <= flags.keys()
    assert not {"--no-help", "--no-version"} & flags.keys()
