"""What does not wait for cyclopts says what cyclopts would have said."""

from __future__ import annotations

from itertools import combinations

import pytest

from trioexec.cli.app import arguments_of, field_of, make_app, read
from trioexec.cli.parameters import sets_of
from trioexec.cli.quick import FLAGS, read_plain
from trioexec.cli.registry import load


@pytest.mark.parametrize("name", FLAGS)
def test_flags_are_flags_of_the_command_and_of_no_exclusive_set(name: str) -> None:
    options = arguments_of(make_app(), name)
    sets = sets_of(load(name).entry.groups)

    for flag, field in FLAGS[name].items():
        argument, _, implicit_value = options.match(flag)
        assert (field_of(argument), implicit_value) == (field, True)
        assert sets[field] == ()


@pytest.mark.parametrize("name", FLAGS)
@pytest.mark.parametrize("words", [[], ["a"], ["-", "b[1-3]"], ["@g", "", "c"]])
def test_a_plain_line_is_read_as_cyclopts_reads_it(name: str, words: list[str]) -> None:
    module = load(name)
    assert not module.entry.words_end
    for count in (0, 1, 2):
        for flags in combinations(FLAGS[name], count):
            argv = [*words[:1], *flags, *words[1:]]
            assert read_plain(module, argv, {"A": "b"}) == read(module, argv, {"A": "b"})


@pytest.mark.parametrize(
    "argv",
    [["--fold", "--", "a"], ["-x", "a"], ["--pick", "3"], ["--folt"], ["--no-fold"], ["-h"]],
)
def test_all_else_is_left_to_cyclopts(argv: list[str]) -> None:
    assert read_plain(load("nodes"), argv, {}) is None


@pytest.mark.parametrize("argv", [["-w", "a", "--help"], ["-h"], [], ["x", "-f", "-"]])
def test_a_grammar_of_its_own_is_left_to_its_command(argv: list[str]) -> None:
    module = load("pdsh")

    assert read_plain(module, argv, {"TRIOEXEC_NO": "1"}) == read(
        module, argv, {"TRIOEXEC_NO": "1"}
    )
    assert read_plain(module, ["--help", *argv], {}) is None
    assert read(module, ["--help", *argv], {}).settings["help"].value is True


def test_so_is_whatever_the_environment_has_a_say_in() -> None:
    assert read_plain(load("nodes"), ["a"], {"TRIOEXEC_HOSTS": "b"}) is None
    assert read_plain(load("run"), ["a"], {}) is None
