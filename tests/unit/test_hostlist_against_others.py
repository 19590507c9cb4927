"""Expressions at random, held against ClusterShell's nodeset and against pdsh."""

from __future__ import annotations

import os
import shutil
import subprocess

import pytest
from ClusterShell.NodeSet import RESOLVER_NOGROUP, NodeSet, NodeSetParseError
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from trioexec.model import hostfold
from trioexec.model.errors import NodeSetError
from trioexec.model.hostlist import expand, fold

MANY = settings(
    max_examples=300,
    deadline=None,  # a slow machine is no failure
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
FEW = settings(MANY, max_examples=15, phases=[Phase.generate])
"""Each example of these starts programs; to shrink one would take minutes."""

PDSH_CUTS_AT = "[truncated]"
"""What pdsh -q prints instead of the rest of a list of more than 1,024 characters."""


def nodes_of(expression: str) -> list[str]:
    return [node.name for node in expand([expression], sources=None)]


def nodeset(expression: str) -> NodeSet:
    return NodeSet(expression, resolver=RESOLVER_NOGROUP)


def _span(low: int, length: int, width: int, step: int) -> str:
    first, last = f"{low:0{width}d}", f"{low + length:0{width}d}"
    if length == 0 or len(first) != len(last):
        return first
    return f"{first}-{last}" + (f"/{step}" if step > 1 else "")


def spans(steps: tuple[int, ...]) -> st.SearchStrategy[str]:
    span = st.builds(
        _span,
        st.integers(0, 120),
        st.integers(0, 9),
        st.sampled_from([1, 1, 2, 3]),
        st.sampled_from(steps),
    )
    return st.lists(span, min_size=1, max_size=3).map(lambda items: f"[{','.join(items)}]")


PREFIX = st.sampled_from(["web", "n", "x-", "dc1-r", "a.b", "ann@h"])
"""None ends with a digit: see `test_where_nodeset_reads_a_digit_before_a_bracket_otherwise`."""

SUFFIX = st.sampled_from(["", "-ib", ".site", "x7"])


def words(steps: tuple[int, ...] = (1, 1, 2, 3)) -> st.SearchStrategy[str]:
    number = st.one_of(spans(steps), st.sampled_from(["", "1", "2", "01", "10", "3x"]))
    single = st.builds("{}{}{}".format, PREFIX, number, SUFFIX)
    double = st.builds("{}{}-{}{}{}".format, PREFIX, number, st.just("k"), number, SUFFIX)
    return st.one_of(single, single, double)


def expressions(operators: str, steps: tuple[int, ...] = (1, 1, 2, 3)) -> st.SearchStrategy[str]:
    tail = st.lists(st.builds("{}{}".format, st.sampled_from(operators), words(steps)), max_size=4)
    return st.builds(lambda first, rest: first + "".join(rest), words(steps), tail)


@MANY
@given(expressions(",!&^"))
def test_expressions_expand_as_nodeset_expands_them(expression: str) -> None:
    assert sorted(nodes_of(expression)) == sorted(nodeset(expression))


@MANY
@given(expressions(",,,!&^"))
def test_results_fold_as_nodeset_folds_them(expression: str) -> None:
    assert _folds_like(str(nodeset(expression)), nodes_of(expression))


def _folds_like(theirs: str, names: list[str]) -> bool:
    """To the letter up to `hostfold.FEW` names; of more, some fold in a way of our own."""
    ours = fold(names)
    return ours == theirs or (len(names) > hostfold.FEW and nodeset(ours) == nodeset(theirs))


@MANY
@given(st.text(alphabet="ab12[]-,!&^/0", min_size=1, max_size=9))
def test_what_nodeset_refuses_is_refused_or_listed_as_a_difference(expression: str) -> None:
    assume(not any(sign + "^" in "," + expression for sign in ",!&^"))  # a file to us
    assume(not any(sign + "-" in "," + expression for sign in ",!&^"))  # stdin, or an option
    try:
        theirs = sorted(nodeset(expression))
    except (NodeSetParseError, ValueError):
        theirs = None
    try:
        ours = sorted(nodes_of(expression))
    except NodeSetError:
        ours = None

    assert ours == theirs or _is_a_known_difference(expression)


def _is_a_known_difference(expression: str) -> bool:
    """The list in docs/reference/node-expressions.md."""
    return any(
        [
            "[-" in expression or ",-" in expression or "--" in expression,  # negative numbers
            any(f"{digit}[" in expression or f"]{digit}" in expression for digit in "012"),
            "][" in expression,
            "[0" in expression or ",0" in expression,  # a range whose end is longer
        ]
    )


@pytest.mark.parametrize(
    ("expression", "ours", "theirs"),
    [
        pytest.param("a5[8-11]", 4, 454, id="a digit before the bracket"),
        pytest.param("a[01-100]", 100, None, id="padding runs out"),
        pytest.param("a[1-2][3-4]", 4, None, id="brackets side by side"),
        pytest.param("a[1-9/2]0", 5, None, id="a digit after a step"),
        pytest.param("a[-1]", None, 1, id="negative numbers"),
        pytest.param("a b", None, 1, id="space in a name"),
    ],
)
def test_differences_from_nodeset_are_these(
    expression: str, ours: int | None, theirs: int | None
) -> None:
    try:
        theirs_now: int | None = len(nodeset(expression))
    except NodeSetParseError:
        theirs_now = None
    try:
        ours_now: int | None = len(nodes_of(expression))
    except NodeSetError:
        ours_now = None

    assert (ours_now, theirs_now) == (ours, theirs)


def _program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        if os.environ.get("CI"):
            pytest.fail(f"CI must install {name}: this test may not skip")
        pytest.skip(f"no {name} on this machine")
    return found


def _run(*argv: str) -> str:
    # A file of groups or a WCOLL of this machine would change what is compared.
    env = {"PATH": os.environ["PATH"], "LC_ALL": "C"}
    return subprocess.run(argv, check=True, capture_output=True, text=True, env=env).stdout


@FEW
@given(expressions(",!&^"))
def test_expressions_fold_as_the_installed_nodeset_prints_them(expression: str) -> None:
    program = _program("nodeset")
    assume(nodes_of(expression))

    printed = _run(program, "-f", expression)

    assert _folds_like(printed.removesuffix("\n"), nodes_of(expression))


@FEW
@given(expressions(",", steps=(1,)).filter(lambda expression: "@" not in expression))
def test_lists_expand_as_pdsh_runs_on_them_one_by_one(expression: str) -> None:
    program = _program("pdsh")
    assume(len(nodes_of(expression)) <= 100)  # pdsh starts a program for each

    ran_on = _run(program, "-R", "exec", "-f", "1", "-N", "-w", expression, "echo", "%h")

    assert list(dict.fromkeys(ran_on.split())) == nodes_of(expression)


@FEW
@given(expressions(",", steps=(1,)).filter(lambda expression: "@" not in expression))
def test_lists_expand_as_pdsh_queries_them(expression: str) -> None:
    program = _program("pdsh")

    shown = _run(program, "-q", "-R", "exec", "-w", expression).split("-- Target nodes --")[1]
    assume(PDSH_CUTS_AT not in shown)

    assert set(nodes_of(shown.strip())) == set(nodes_of(expression))
