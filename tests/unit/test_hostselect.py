from __future__ import annotations

import pytest

from trioexec.model.errors import NodeSetError
from trioexec.model.hostlist import expand, select

FLEET = "web,web1,web2,db[1-2],admin@web3:2222,[::1]:22,admin@db1:23"


def kept(*, filters: str = "", excludes: str = "") -> list[str]:
    nodes = select(
        expand([FLEET], sources=None),
        filters=filters.split(),
        excludes=excludes.split(),
        sources={"@dbs": ["db[1-2]"]}.__getitem__,
    )
    assert [node.rank for node in nodes] == list(range(len(nodes)))
    return [node.name for node in nodes]


@pytest.mark.parametrize(
    ("filters", "nodes"),
    [
        pytest.param("web", "web", id="a plain word is the exact name"),
        pytest.param("we", "", id="never a prefix"),
        pytest.param("web[1-3]", "web1 web2 admin@web3:2222", id="node set matches hosts"),
        pytest.param("web*", "web web1 web2 admin@web3:2222", id="glob matches hosts"),
        pytest.param("?b1", "db1 admin@db1:23", id="question mark is one character"),
        pytest.param("w?b[1-2]", "web1 web2", id="glob with a range"),
        pytest.param("admin@*", "admin@web3:2222 admin@db1:23", id="glob matches the user"),
        pytest.param("admin@web3", "admin@web3:2222", id="user and host"),
        pytest.param("web3:2222", "admin@web3:2222", id="host and port"),
        pytest.param("web3:22", "", id="another port is another node"),
        pytest.param("admin@web3:2222", "admin@web3:2222", id="full name"),
        pytest.param("db1", "db1 admin@db1:23", id="a host may be several nodes"),
        pytest.param("[::1]", "[::1]:22", id="IPv6 host"),
        pytest.param("db2,web1", "web1 db2", id="the run's order stays"),
        pytest.param("db2 web1", "web1 db2", id="filters add up"),
        pytest.param("*!web*", "db1 db2 [::1]:22 admin@db1:23", id="operators"),
        pytest.param("*&db*^db1", "db2", id="more operators"),
        pytest.param("@dbs", "db1 db2 admin@db1:23", id="group"),
    ],
)
def test_filter_keeps(filters: str, nodes: str) -> None:
    assert kept(filters=filters) == nodes.split()


@pytest.mark.parametrize(
    ("excludes", "nodes"),
    [
        pytest.param("web", "web1 web2 db1 db2 admin@web3:2222 [::1]:22 admin@db1:23", id="a plain word drops no other"),
        pytest.param("web* *@*", "db1 db2 [::1]:22", id="excludes add up"),
        pytest.param("nobody", FLEET.replace("db[1-2]", "db1,db2").replace(",", " "), id="no such node"),
    ],
)  # fmt: skip
def test_exclude_drops(excludes: str, nodes: str) -> None:
    assert kept(excludes=excludes) == nodes.split()


def test_an_exclude_wins_over_a_filter() -> None:
    assert kept(filters="web*", excludes="web1,admin@web3:2222") == ["web", "web2"]


def test_without_filters_and_excludes_all_stay() -> None:
    nodes = expand([FLEET], sources=None)

    assert select(nodes, filters=[], excludes=[]) == nodes


def test_a_filter_that_cannot_be_read_is_an_error() -> None:
    with pytest.raises(NodeSetError, match="never closed"):
        kept(filters="web[1-")


def test_a_glob_is_no_regular_expression() -> None:
    nodes = expand(["a.b,axb"], sources=None)

    assert [node.name for node in select(nodes, filters=["a.?"], excludes=[])] == ["a.b"]
