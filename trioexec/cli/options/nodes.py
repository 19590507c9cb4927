"""Which nodes, and how `nodes` shows them."""

from typing import Annotated

from msgspec import Struct

from trioexec.cli.completers import cluster_names, expressions
from trioexec.cli.declared import option
from trioexec.cli.options.numbers import UNSET
from trioexec.cli.texts import number, text

__all__ = ["ListOptions", "NodeOptions"]

MAX_PARTS = 1_000_000


class NodeOptions(Struct, frozen=True, kw_only=True):
    """Which nodes."""

    hosts: Annotated[
        tuple[str, ...],
        option(
            "-H",
            "--hosts",
            "-w",
            panel="Nodes",
            metavar="EXPR",
            read=text,
            completer=expressions,
            help="Nodes: [user@]host[:port], web[1-20], a,b, ^file, - for stdin, @group. "
            "Repeatable.",
        ),
    ] = ()
    cluster: Annotated[
        str,
        option(
            "-C",
            "--cluster",
            panel="Nodes",
            metavar="NAME",
            read=text,
            completer=cluster_names,
            help="The nodes of a cluster of the config file, with the options it has there.",
        ),
    ] = ""
    filter: Annotated[
        tuple[str, ...],
        option(
            "-f",
            "--filter",
            panel="Nodes",
            metavar="EXPR",
            read=text,
            completer=expressions,
            help="Keep only these: a name, a glob or a node set. Repeatable.",
        ),
    ] = ()
    exclude: Annotated[
        tuple[str, ...],
        option(
            "-x",
            "--exclude",
            panel="Nodes",
            metavar="EXPR",
            read=text,
            completer=expressions,
            help="Leave these out: a name, a glob or a node set. Repeatable.",
        ),
    ] = ()


class ListOptions(Struct, frozen=True, kw_only=True):
    """What `nodes` shows."""

    fold: Annotated[
        bool, option("--fold", panel="List", help="On one line, folded: web[1-20].")
    ] = False
    count: Annotated[bool, option("--count", panel="List", help="Only how many there are.")] = False
    pick: Annotated[
        int,
        option(
            "--pick",
            panel="List",
            metavar="N",
            read=number(1, MAX_PARTS),
            help="So many of them, at random.",
        ),
    ] = UNSET
    split: Annotated[
        int,
        option(
            "--split",
            panel="List",
            metavar="N",
            read=number(1, MAX_PARTS),
            help="In so many parts of equal size, a line each.",
        ),
    ] = UNSET
    json: Annotated[
        bool,
        option("--json", panel="List", help="A JSON object a line: with host, port, user, rank."),
    ] = False
