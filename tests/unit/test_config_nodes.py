"""What clusters say of their nodes ends in the nodes, and names stay what was typed."""

from __future__ import annotations

from functools import partial

from trioexec.model.hostlist import expand
from trioexec.model.nodes import Node
from trioexec.settings.config.config import Config, Source
from trioexec.settings.config.nodes import Settled, with_settings
from trioexec.settings.config.tables import Cluster, Member, Tables
from trioexec.settings.layers import Given

made = partial(expand, sources=None)


def cluster(*members: Member, **options: str) -> Cluster:
    given = {name: Given(texts=(text,), where="F:1") for name, text in options.items()}
    return Cluster(where="F:1", members=members, options=given)


def config(**clusters: Cluster) -> Config:
    return Config(sources=(Source(layer="user file", path="F", tables=Tables(clusters=clusters)),))


def settled(
    nodes: list[Node], of: Config, asked: list[str], how: Settled
) -> list[tuple[object, ...]]:
    found = with_settings(nodes, of, asked, expand=made, settled=how)
    return [(node.name, node.host, node.user, node.port) for node in found]


WEB = cluster(
    Member(expression="web[1-3]", where="F:2"),
    Member(expression="web2", where="F:3", port=2222, host="10.0.0.2"),
    user="deploy",
    port="22",
)


def test_the_node_is_before_the_cluster() -> None:
    found = settled(made(["web[1-3],db"]), config(web=WEB), ["web"], Settled())

    assert found == [
        ("web1", "web1", "deploy", 22),
        ("web2", "10.0.0.2", "deploy", 2222),
        ("web3", "web3", "deploy", 22),
        ("db", "db", None, None),
    ]


def test_what_was_typed_with_a_node_is_before_all() -> None:
    of = config(web=cluster(Member(expression="x@web1:7", where="F:2"), user="deploy"))

    assert settled(made(["x@web1:7"]), of, ["web"], Settled()) == [("x@web1:7", "web1", "x", 7)]


def test_what_is_settled_for_the_run_is_left_to_it() -> None:
    found = settled(made(["web2"]), config(web=WEB), ["web"], Settled(user=True, port=True))

    assert found == [("web2", "10.0.0.2", None, None)]


def test_a_cluster_whose_options_are_a_layer_adds_only_its_nodes_own() -> None:
    found = settled(made(["web[1-2]"]), config(web=WEB), ["web"], Settled(cluster="web"))

    assert found == [("web1", "web1", None, None), ("web2", "10.0.0.2", None, 2222)]


def test_of_two_clusters_the_first_one_asked_for_counts() -> None:
    of = config(
        a=cluster(Member(expression="n", where="F:1"), user="a"),
        b=cluster(Member(expression="n", where="F:1"), user="b"),
    )

    assert settled(made(["n"]), of, ["b", "a"], Settled())[0][2] == "b"


def test_a_group_and_a_cluster_that_says_nothing_change_nothing() -> None:
    nodes = made(["n"])
    of = config(a=cluster(Member(expression="n", where="F:1")))

    assert with_settings(nodes, of, ["a", "group"], expand=made, settled=Settled()) is nodes
