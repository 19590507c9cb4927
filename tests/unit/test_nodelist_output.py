from __future__ import annotations

import json

import pytest

from trioexec.model.errors import UsageError
from trioexec.model.hostlist import expand
from trioexec.model.nodelist_output import render

NODES = expand(["web[3,1,2],ann@[::1]:22"], sources=None)


def test_a_line_is_a_node_in_the_order_typed() -> None:
    assert render(NODES) == ["web3", "web1", "web2", "ann@[::1]:22"]


def test_fold_is_one_line() -> None:
    assert render(NODES, fold=True) == ["ann@[::1]:22,web[1-3]"]


def test_fold_of_nothing_is_no_line() -> None:
    assert render([], fold=True) == []


def test_count_is_a_number_also_of_nothing() -> None:
    assert render(NODES, count=True) == ["4"]
    assert render([], count=True) == ["0"]


def test_pick_takes_so_many_and_keeps_their_order() -> None:
    picked = render(NODES, pick=2, choose=lambda nodes, number: [nodes[2], nodes[0]][:number])

    assert picked == ["web3", "web2"]


def test_pick_draws_by_itself() -> None:
    assert len(set(render(NODES, pick=3))) == 3


def test_pick_of_more_than_there_are_is_all() -> None:
    assert render(NODES, pick=9) == render(NODES)


@pytest.mark.parametrize(
    ("number", "lines"),
    [
        pytest.param(1, ["web3,web1,web2,ann@[::1]:22"], id="one part"),
        pytest.param(3, ["web3,web1", "web2", "ann@[::1]:22"], id="uneven parts"),
        pytest.param(9, ["web3", "web1", "web2", "ann@[::1]:22"], id="no empty parts"),
    ],
)
def test_split_cuts_into_parts(number: int, lines: list[str]) -> None:
    assert render(NODES, split=number) == lines


def test_split_and_fold_and_count_are_a_line_a_part() -> None:
    assert render(NODES, split=2, fold=True) == ["web[1,3]", "ann@[::1]:22,web2"]
    assert render(NODES, split=3, count=True) == ["2", "1", "1"]


def test_pick_comes_before_split() -> None:
    lines = render(NODES, pick=2, split=2, choose=lambda nodes, number: list(nodes[:number]))

    assert lines == ["web3", "web1"]


def test_json_is_an_object_a_node() -> None:
    lines = [json.loads(line) for line in render(NODES, json=True)]

    assert lines[0] == {"name": "web3", "host": "web3", "port": None, "user": None, "rank": 0}
    assert lines[3] == {"name": "ann@[::1]:22", "host": "::1", "port": 22, "user": "ann", "rank": 3}


def test_json_of_a_split_names_the_part() -> None:
    lines = [json.loads(line) for line in render(NODES, json=True, split=2)]

    assert [line["part"] for line in lines] == [1, 1, 2, 2]


@pytest.mark.parametrize("fold", [True, False])
def test_json_of_parts_has_nodes_and_count(*, fold: bool) -> None:
    lines = render(NODES, json=True, fold=fold, count=not fold, split=2)

    assert [json.loads(line) for line in lines] == [
        {"part": 1, "nodes": "web[1,3]", "count": 2},
        {"part": 2, "nodes": "ann@[::1]:22,web2", "count": 2},
    ]


@pytest.mark.parametrize("options", [{"pick": 0}, {"split": 0}, {"split": -1}])
def test_less_than_1_is_a_usage_error(options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="too small"):
        render(NODES, pick=options.get("pick"), split=options.get("split"))


def test_fold_and_count_exclude_each_other_in_text() -> None:
    with pytest.raises(UsageError, match="exclude each other"):
        render(NODES, fold=True, count=True)
