from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

import pytest

from trioexec.model.errors import NodeSetError
from trioexec.model.hostlist import expand
from trioexec.model.hostscan import MAX_NODES, PlacedText


def names(*expressions: str, **sources: Iterable[str]) -> list[str]:
    def answer(reference: str) -> Iterable[str]:
        return sources[reference.lstrip("@^").replace("-", "stdin")]

    return [node.name for node in expand(expressions, sources=answer)]


@pytest.mark.parametrize(
    ("expression", "nodes"),
    [
        pytest.param("web1", "web1", id="one name"),
        pytest.param("b,a,n[3,1]", "b a n3 n1", id="order as typed"),
        pytest.param("web[1-3,5],db", "web1 web2 web3 web5 db", id="comma in a bracket"),
        pytest.param("a,b,a,a[1-2,1]", "a b a1 a2", id="duplicates once"),
        pytest.param("r[1-2]-n[01-02]", "r1-n01 r1-n02 r2-n01 r2-n02", id="product"),
        pytest.param("r[1-2][5-6]", "r15 r16 r25 r26", id="brackets side by side"),
        pytest.param("n[0-10/5]x", "n0x n5x n10x", id="step"),
        pytest.param("n[1 - 3 / 2 , 7]", "n1 n3 n7", id="space in a bracket"),
        pytest.param("n[08-11]", "n08 n09 n10 n11", id="padding"),
        pytest.param("n[98-101]", "n98 n99 n100 n101", id="ends of two lengths"),
        pytest.param("n[099-101]", "n099 n100 n101", id="padding runs out"),
        pytest.param("n[08-101/93]", "n08 n101", id="padding narrower than the end"),
        pytest.param("n[0,00,000]", "n0 n00 n000", id="padding tells nodes apart"),
        pytest.param("n5[8-11]", "n58 n59 n510 n511", id="digit before the bracket is text"),
        pytest.param("n[1-2]0", "n10 n20", id="digit after the bracket is text"),
        pytest.param("[1-2]x", "1x 2x", id="bracket first"),
        pytest.param("a[1-5]!a[2-3]", "a1 a4 a5", id="difference"),
        pytest.param("a[5,3,1]&a[1-3]", "a3 a1", id="intersection keeps the left's order"),
        pytest.param("a[1-3]^a[2-5]", "a1 a4 a5", id="symmetric difference"),
        pytest.param("a[1-5]&a[2-3]!a2,b", "a3 b", id="strictly left to right"),
        pytest.param("a,b&b,c", "b c", id="none binds tighter"),
        pytest.param(" a , b ! c ", "a b", id="space round operators"),
        pytest.param("a!a", "", id="nothing left"),
        pytest.param(
            "admin@web[1-2]:2222", "admin@web1:2222 admin@web2:2222", id="user and port"
        ),
        pytest.param("127.0.0.1:[22-23]", "127.0.0.1:22 127.0.0.1:23", id="range of ports"),
        pytest.param("[::1]:22,[::1]", "[::1]:22 [::1]", id="IPv6"),
        pytest.param("root@[fe80::1%eth0]:[22-23]", "root@[fe80::1%eth0]:22 root@[fe80::1%eth0]:23", id="IPv6 with all"),
        pytest.param("w:22,w,x@w,w:23,w:022", "w:22 w x@w w:23", id="identity is user, host, port"),
        pytest.param("w:[22,022,23]!w:022", "w:23", id="identity counts in operators"),
        pytest.param("größe[1-2],a%s,a/b", "größe1 größe2 a%s a/b", id="odd letters"),
    ],
)  # fmt: skip
def test_expression_comes_to_nodes(expression: str, nodes: str) -> None:
    assert names(expression) == nodes.split()


def test_expressions_are_added_up_and_ranked() -> None:
    nodes = expand(["b[2-3]", "b2,a"], sources=None)

    assert [(node.name, node.rank) for node in nodes] == [("b2", 0), ("b3", 1), ("a", 2)]


def test_parts_of_a_node_are_told_apart() -> None:
    (node,) = expand(["ann@[fe80::1%eth0]:2222"], sources=None)

    assert (node.user, node.host, node.port) == ("ann", "fe80::1%eth0", 2222)


@pytest.mark.parametrize(
    ("expression", "place", "what"),
    [
        pytest.param("", 1, "no node is named here", id="empty"),
        pytest.param("  ", 1, "no node is named here", id="blank"),
        pytest.param("a,,b", 3, "missing before ','", id="two commas"),
        pytest.param(",a", 1, "missing before ','", id="comma first"),
        pytest.param("a! ", 4, "missing after '!'", id="operator last"),
        pytest.param("^", 1, "name of a file is missing after '^'", id="a file without a name"),
        pytest.param("a!^ ,b", 3, "name of a file is missing", id="after an operator"),
        pytest.param("a,web[1-", 6, "never closed", id="bracket open"),
        pytest.param("a]b", 2, "never opened", id="bracket closed only"),
        pytest.param("a[1[2]]", 4, "inside a bracket", id="nested"),
        pytest.param("a[1,x]", 5, "'x' is not a range", id="letter in a range"),
        pytest.param("a[1,,2]", 5, "number is missing", id="gap in a range"),
        pytest.param("a[]", 3, "number is missing", id="empty bracket"),
        pytest.param("a[1-]", 3, "'1-' is not a range", id="half a range"),
        pytest.param("a[-3]", 3, "'-3' is not a range", id="negative"),
        pytest.param("a[3-1]", 3, "runs backwards", id="backwards"),
        pytest.param("a[1-3/0]", 3, "step of 0", id="step 0"),
        pytest.param("a[1-03]", 3, "different widths", id="padded end"),
        pytest.param("a[001-10]", 3, "different widths", id="padded begin"),
        pytest.param(f"a[1-{'9' * 19}]", 3, "more than 18 digits", id="endless number"),
        pytest.param("a b", 2, "space", id="space in a name"),
        pytest.param("web[1-3]*", 9, "stands for nothing", id="glob"),
        pytest.param("a,b;c", 4, "cannot be part", id="shell character"),
        pytest.param("a\x1bb", 2, "cannot be part", id="control character"),
        pytest.param("a,-b", 3, "begin with '-'", id="option as a node"),
        pytest.param("u@-b", 1, "begin with '-'", id="option as a host"),
        pytest.param("fe80::1", 1, "more than one ':'", id="IPv6 without brackets"),
        pytest.param("[fe80::g]", 2, "neither a range nor an IPv6 address", id="bad IPv6"),
        pytest.param(
            "[fe80::1%;id]", 2, "neither a range nor an IPv6", id="a shell's words as link"
        ),
        pytest.param("a[::1]", 3, "whole host", id="IPv6 after text"),
        pytest.param("[::1]a", 2, "whole host", id="IPv6 before text"),
        pytest.param("a,ssh://root@web[1-3]", 3, "written without 'ssh://'", id="URL"),
        pytest.param("ssh://", 1, "written without 'ssh://'", id="URL of nothing"),
        pytest.param("web:70000", 1, "is not a port", id="port too large"),
        pytest.param("a@", 1, "is not a node", id="user only"),
        pytest.param("@web", 1, "cannot be looked up", id="group without sources"),
    ],
)
def test_error_names_expression_place_and_remedy(expression: str, place: int, what: str) -> None:
    with pytest.raises(NodeSetError) as caught:
        expand(["ok", expression], sources=None)

    first, second = str(caught.value).split("\n")
    assert first.startswith(f"{expression!r}, character {place}: ")
    assert what in first
    assert second.endswith((".", "]"))


def test_of_a_url_it_is_said_what_to_write() -> None:
    with pytest.raises(NodeSetError, match=r"\nWrite root@\[::1\]:22\.$"):
        expand(["ssh://root@[::1]:22/"], sources=None)


def test_error_in_a_long_expression_shows_the_part_round_the_place() -> None:
    expression = ",".join(f"web{n}" for n in range(1000)) + ",a b," + "z" * 500

    with pytest.raises(NodeSetError) as caught:
        expand([expression], sources=None)

    first, _ = str(caught.value).split("\n")
    assert len(first) < 140
    assert "web999,a b,zzz" in first
    assert f"character {expression.index(' ') + 1}:" in first
    assert first.count("...") == 2


@pytest.mark.parametrize(
    "expression",
    [
        pytest.param("web[1-9999999999]", id="range"),
        pytest.param("r[1-9999]n[1-9999]", id="product"),
        pytest.param("a[1-999999999999]b[1-999999999999]c[1-999999999999]", id="large product"),
        pytest.param("x!web[1-9999999999]", id="to be taken out"),
        pytest.param("a[1-600000],b[1-600000]", id="union"),
        pytest.param("a[1-600000]^b[1-600000]", id="symmetric difference"),
    ],
)
def test_more_than_a_million_is_refused(expression: str) -> None:
    with pytest.raises(NodeSetError, match="no set may have more than 1,000,000"):
        expand([expression], sources=None)


def test_more_than_a_million_in_several_expressions_is_refused() -> None:
    with pytest.raises(NodeSetError, match="no set may have more than 1,000,000"):
        expand(["a[1-600000]", "b[1-600000]"], sources=None)


def test_a_million_is_accepted() -> None:
    assert len(expand([f"web[1-{MAX_NODES}]"], sources=None)) == MAX_NODES


def test_a_source_is_read_no_further_than_the_limit() -> None:
    given = 0

    def endless(_: str) -> Iterator[str]:
        nonlocal given
        while True:
            given += 1
            yield "same"

    with pytest.raises(NodeSetError, match=r"'-' names at least 1,000,001 nodes"):
        expand(["-"], sources=endless)

    assert given == MAX_NODES + 1


def test_references_are_answered_in_place() -> None:
    assert names("a,@g,b", g=["g2", "g[1-2]", "g9,g8"]) == ["a", "g2", "g1", "g9", "g8", "b"]


def test_operators_work_on_references() -> None:
    assert names("@g!^f", g=["x[1-3]"], f=["x2"]) == ["x1", "x3"]


def test_operators_inside_an_answer_stay_inside() -> None:
    assert names("x9,@g", g=["x[1-3]!x2", "x9!x9"]) == ["x9", "x1", "x3"]


def test_a_caret_is_a_file_where_an_operand_is_due_and_an_operator_elsewhere() -> None:
    assert names("^f", f=["a", "b"]) == ["a", "b"]
    assert names("a^f", f=["a", "b"]) == ["a", "f"]
    assert names("a^^f", f=["a", "b"]) == ["b"]
    assert names("a,^f", f=["c"]) == ["a", "c"]


def test_a_file_name_may_have_brackets_and_spaces() -> None:
    asked = []

    def answer(reference: str) -> list[str]:
        asked.append(reference)
        return ["x"]

    expand(["^my [1] hosts.txt , b"], sources=answer)

    assert asked == ["^my [1] hosts.txt"]


def test_ranges_in_a_group_name_are_written_out() -> None:
    asked = []

    def answer(reference: str) -> list[str]:
        asked.append(reference)
        return [reference[-2:]]

    assert [node.name for node in expand(["@rack:r[1-2]"], sources=answer)] == ["r1", "r2"]
    assert asked == ["@rack:r1", "@rack:r2"]


def test_references_in_answers_are_answered_too() -> None:
    assert names("@a", a=["@b", "x1"], b=["x2"]) == ["x2", "x1"]


def test_a_circle_of_references_is_an_error_that_shows_it() -> None:
    with pytest.raises(NodeSetError, match=re.escape("'@a' refers to itself: @a > @b > @a.")):
        names("@a", a=["@b"], b=["@a"])


def test_an_endless_chain_of_references_is_an_error() -> None:
    with pytest.raises(NodeSetError, match="refers to itself"):
        expand(["@a"], sources=lambda reference: [reference + "a"])


def test_an_error_in_an_answer_says_whose() -> None:
    with pytest.raises(NodeSetError) as caught:
        names("^f", f=["ok", PlacedText("a b", "line 7")])

    assert str(caught.value).startswith("^f, line 7: 'a b', character 2: a space")


def test_an_error_in_an_answer_without_places_says_whose() -> None:
    with pytest.raises(NodeSetError) as caught:
        names("@f", f=["ok", "a b"])

    assert str(caught.value).startswith("@f: 'a b', character 2: a space")


def test_an_answer_of_nothing_is_an_empty_set() -> None:
    assert names("@f", f=[]) == []
