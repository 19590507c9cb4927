"""Whatever a flag can say a variable can say too, to the same effect: for every option of every command."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest

from trioexec.cli.declared import Flag, declared
from trioexec.cli.options.general import groups_of
from trioexec.cli.reading import read, variables_of
from trioexec.cli.registry import COMMANDS, load
from trioexec.model.errors import UsageError
from trioexec.settings.layers import ENVIRONMENT

TEXTS = ("7", "A=b", "x", "no", "ssh", "never")
"""For each option one of these is a value that is not the default."""

NONSENSE = ("x", "-3", "70000", "=", "")

NOT_OF_VARIABLES = {
    *("help", "version", "install"),
    *("password", "password_fd", "sudo_password", "sudo_password_fd", "key_passphrase_fd"),
}
"""What one call is asked for, and what would hand a secret on to whatever it starts."""

PLAIN = [name for name in COMMANDS if not load(name).entry.raw]


def groups_with_variables(name: str) -> Mapping[str, tuple[Flag, object]]:
    """The options of a command that have a variable, by its name, with their defaults."""
    groups = groups_of(load(name).entry)
    variables = variables_of(groups)
    return {
        variables[field]: (flag, flag.default)
        for group in groups
        for field, flag in declared(group).items()
        if field in variables
    }


def text_for(flag: Flag, default: object) -> str:
    """Say something that is not the default; of a flag, yes."""
    if flag.option.read is None:
        return "yes"
    texts = get_args(flag.hint) if get_origin(flag.hint) is Literal else TEXTS
    return next(text for text in texts if value_of(flag, text) not in {None, default})


def value_of(flag: Flag, text: str) -> object:
    assert flag.option.read is not None
    try:
        return flag.option.read(text, flag.hint)
    except ValueError:
        return None


def settled(name: str, argv: Sequence[str], env: Mapping[str, str]) -> dict[str, object]:
    settings = read(load(name), argv, env).settings
    return {field: setting.value for field, setting in settings.items()}


def rounds_of(options: Mapping[str, tuple[Flag, object]]) -> list[list[str]]:
    """Cut the variables into sets of which all can be given at once."""
    rounds: list[list[str]] = []
    met: Counter[str] = Counter()
    for variable, (flag, _) in options.items():
        number = max((met[one] for one in flag.option.sets), default=0)
        for one in flag.option.sets:
            met[one] = number + 1
        rounds.extend([] for _ in range(number + 1 - len(rounds)))
        rounds[number].append(variable)
    return rounds


@pytest.fixture(autouse=True)
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place where the file that TRIOEXEC_CONFIG names exists, and what others name in it."""
    monkeypatch.chdir(tmp_path)
    Path("7").write_text('[clusters.7]\nnodes = "a"\n[profiles.7]\nparallel = 3\n')


@pytest.mark.parametrize("name", PLAIN)
def test_variables_have_the_effect_of_their_flags(name: str) -> None:
    options = groups_with_variables(name)
    for variables in rounds_of(options):
        env, argv = {}, []
        for variable in {*variables, *(options.keys() & {"TRIOEXEC_CONFIG"})}:
            flag, default = options[variable]
            env[variable] = text_for(flag, default)
            long_name = flag.option.long_name
            argv.append(long_name if flag.option.read is None else f"{long_name}={env[variable]}")

        by_variables = settled(name, [], env)

        assert by_variables == settled(name, argv, {})
        for variable in variables:
            flag, default = options[variable]
            assert by_variables[flag.field] != default, variable


@pytest.mark.parametrize("name", PLAIN)
def test_the_variables_of_flags_can_say_no(name: str) -> None:
    flags = {
        variable: flag
        for variable, (flag, _) in groups_with_variables(name).items()
        if flag.option.read is None
    }

    settings = read(load(name), [], dict.fromkeys(flags, "no")).settings

    for variable, flag in flags.items():
        setting = settings[flag.field]
        assert (setting.value, setting.source) == (False, ENVIRONMENT), variable


def refusals() -> list[Any]:
    """A text that is nonsense for each option that takes some for nonsense, once for all commands."""
    found = {}
    for name in PLAIN:
        for variable, (flag, _) in groups_with_variables(name).items():
            bad = next(
                (
                    one
                    for one in NONSENSE
                    if flag.option.read is None or value_of(flag, one) is None
                ),
                "",
            )
            if bad:
                found[variable, id(flag)] = pytest.param(
                    name, variable, bad, id=f"{name} {variable}"
                )
    return list(found.values())


@pytest.mark.parametrize(("name", "variable", "text"), refusals())
def test_nonsense_is_an_error_that_names_the_variable(name: str, variable: str, text: str) -> None:
    with pytest.raises(UsageError, match=rf"^{variable}: ") as caught:
        settled(name, [], {variable: text})

    assert repr(text) in str(caught.value) or text in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_of_all_else_there_is_no_variable() -> None:
    without = {
        field
        for name in PLAIN
        for group in groups_of(load(name).entry)
        for field, flag in declared(group).items()
        if not flag.option.from_env
    }

    assert without == NOT_OF_VARIABLES
