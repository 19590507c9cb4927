from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trioexec.cli.arguments import split
from trioexec.cli.declared import declared, flags_of
from trioexec.cli.options.general import groups_of
from trioexec.cli.registry import load
from trioexec.model.errors import UsageError

FLAGS = flags_of(groups_of(load("run").entry))


def texts(*argv: str, words_end: bool = True) -> tuple[dict[str, tuple[str, ...]], tuple[str, ...]]:
    options, words = split(argv, FLAGS, words_end=words_end)
    found: dict[str, tuple[str, ...]] = {}
    for option in options:
        name, _, text = option.partition("=")
        flag = FLAGS[name]
        given = text if flag.option.read else "yes" if flag.value else "no"
        found[flag.field] = (*found.get(flag.field, ()), given)
    return found, words


@pytest.mark.parametrize(
    ("argv", "given_texts", "words"),
    [
        pytest.param(
            ["-H", "web", "df", "-h"], {"hosts": ("web",)}, ("df", "-h"), id="the command's options"
        ),
        pytest.param(
            ["-H", "web", "ls", "-H", "x", "--json", "--", "-k"],
            {"hosts": ("web",)},
            ("ls", "-H", "x", "--json", "--", "-k"),
            id="even those that are ours",
        ),
        pytest.param(["--", "-k"], {}, ("-k",), id="two dashes end the options"),
        pytest.param(["-k", "--", "--", "x"], {"fail_fast": ("yes",)}, ("--", "x"), id="once"),
        pytest.param(["-kb"], {"fail_fast": ("yes",), "batch": ("yes",)}, (), id="a cluster"),
        pytest.param(["-p2222"], {"port": ("2222",)}, (), id="a value in the same argument"),
        pytest.param(["-p=2222"], {"port": ("2222",)}, (), id="with an equals sign"),
        pytest.param(["-H=web"], {"hosts": ("web",)}, (), id="hosts with an equals sign"),
        pytest.param(["-kp", "22"], {"fail_fast": ("yes",), "port": ("22",)}, (), id="both"),
        pytest.param(["-kp22"], {"fail_fast": ("yes",), "port": ("22",)}, (), id="both in one"),
        pytest.param(["-oA=b"], {"ssh_option": ("A=b",)}, (), id="as ssh users type -o"),
        pytest.param(["-o", "A b c"], {"ssh_option": ("A b c",)}, (), id="-o with a blank"),
        pytest.param(["-o", "A=b", "-o", "C=d"], {"ssh_option": ("A=b", "C=d")}, (), id="again"),
        pytest.param(["-H", "a", "-w", "b"], {"hosts": ("a", "b")}, (), id="two names of one"),
        pytest.param(["--timeout=5", "x"], {"timeout": ("5",)}, ("x",), id="long with equals"),
        pytest.param(["--timeout", "-k", "x"], {"timeout": ("-k",)}, ("x",), id="taken as value"),
        pytest.param(["--env="], {"env": ("",)}, (), id="an empty value is a value"),
        pytest.param(["-H", "-", "x"], {"hosts": ("-",)}, ("x",), id="a dash as a value"),
        pytest.param(["-", "x"], {}, ("-", "x"), id="a dash as a word"),
        pytest.param(["", "x"], {}, ("", "x"), id="an empty word"),
        pytest.param(["--no-fail-fast"], {"fail_fast": ("no",)}, (), id="taken back"),
        pytest.param(["--prefix"], {"no_prefix": ("no",)}, (), id="a no taken back"),
        pytest.param(["-46"], {"ipv4": ("yes",), "ipv6": ("yes",)}, (), id="digits"),
    ],
)
def test_a_command_line_is_split_as_ssh_does(
    argv: list[str], given_texts: dict[str, tuple[str, ...]], words: tuple[str, ...]
) -> None:
    assert texts(*argv) == (given_texts, words)


def test_words_of_ours_may_stand_between_options() -> None:
    assert texts("a", "-k", "-", "--", "-b", words_end=False) == (
        {"fail_fast": ("yes",)},
        ("a", "-", "-b"),
    )


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        pytest.param(
            ["--paralel", "3"], "there is no option --paralel.\nDid you mean --parallel?", id="typo"
        ),
        pytest.param(["-json"], "Did you mean --json?", id="one dash too few"),
        pytest.param(["--output"], "Did you mean --output-dir?", id="cut short"),
        pytest.param(["--dryrun"], "Did you mean --dry-run?", id="not what takes it back"),
        pytest.param(["--no-btach"], "Did you mean --no-batch?", id="what takes it back"),
        pytest.param(["-H"], "-H needs a value.\nIt takes EXPR.", id="no value"),
        pytest.param(["--timeout"], "--timeout needs a value.\nIt takes S.", id="no value, long"),
        pytest.param(["--fail-fast=1"], "--fail-fast takes no value, but got '1'", id="too much"),
        pytest.param(["-k=1"], "-k takes no value, but got '1'", id="too much, short"),
        pytest.param(["--no-timeout"], "there is no option --no-timeout", id="only flags have no"),
    ],
)
def test_what_is_no_option_is_refused_with_what_would_be(argv: list[str], says: str) -> None:
    with pytest.raises(UsageError) as caught:
        texts(*argv)

    assert says in str(caught.value)
    assert len(str(caught.value).splitlines()) == 2


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        pytest.param("--xyzzy", "there is no option --xyzzy.", id="far off"),
        pytest.param("-u", "there is no option -u.", id="a letter"),
        pytest.param("-kZ", "there is no option -Z (in -kZ).", id="in a cluster"),
        pytest.param("--become", "there is no option --become.", id="alike in the dashes only"),
        pytest.param("--no-such", "there is no option --no-such.", id="alike in its no only"),
    ],
)
def test_no_option_is_guessed_at_that_is_hardly_alike(typed: str, says: str) -> None:
    with pytest.raises(UsageError) as caught:
        texts(typed)

    assert str(caught.value) == says


@given(st.lists(st.text(max_size=6)), st.lists(st.sampled_from(["-k", "-H", "--json", "--", "x"])))
def test_words_after_the_first_are_never_looked_at(odd: list[str], ours: list[str]) -> None:
    tail = [*odd, *ours]

    options, words = split(["-k", "cmd", *tail], FLAGS)

    assert words == ("cmd", *tail)
    assert options == ["-k"]


@given(st.lists(st.text(max_size=8)))
def test_nothing_but_a_usage_error_comes_of_odd_arguments(argv: list[str]) -> None:
    with contextlib.suppress(UsageError):
        split(argv, FLAGS, words_end=False)


def test_no_flag_stands_for_two_options() -> None:
    flags = [
        name
        for group in groups_of(load("run").entry)
        for flag in declared(group).values()
        for name in (*flag.option.names, flag.option.opposite)
        if name
    ]

    assert len(flags) == len(set(flags))
