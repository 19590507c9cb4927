"""From node expressions to nodes, and from names back to one short text.

Pure: groups, files and stdin are reached through a callable of the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence

from trioexec.model.errors import NodeSetError
from trioexec.model.hostalgebra import Algebra, Sources
from trioexec.model.hostfold import fold
from trioexec.model.hostscan import Operand
from trioexec.model.hostselect import select
from trioexec.model.nodes import FOR_SHELLS, Node, parse_node

__all__ = ["expand", "fold", "select"]


def expand(expressions: Sequence[str], *, sources: Sources | None) -> list[Node]:
    """Say which nodes the expressions name, in the order typed, each once.

    A node is the same as another if user, host and port are; the first spelling
    is kept as its name.  Expressions are read one by one and added up.

    Args:
        expressions: As typed: ``web[1-3],db1!web2``, ``@group``, ``^file``, ``-``.
        sources: Answers ``@group``, ``^file`` and ``-`` with expressions; None refuses them.

    Raises:
        NodeSetError: An expression cannot be read, or comes to more than a million nodes.
        UsageError: A source does not know what it was asked for.
    """
    algebra = Algebra(take=_take, take_plain=_take_plain, sources=sources)
    names = algebra.union(expressions).values()
    return [
        parse_node(name, rank=rank)
        if "@" in name or ":" in name
        else Node(name=name, host=name, rank=rank)
        for rank, name in enumerate(names)
    ]


def _take_plain(names: list[str]) -> dict[str, str]:
    return dict(zip(names, names, strict=True))


def _take(operand: Operand, words: list[str]) -> dict[str, str]:
    _check(operand)
    if "@" not in operand.text and ":" not in operand.text:
        return _take_plain(words)
    result: dict[str, str] = {}
    for word in words:
        result.setdefault(_identify(operand, word), word)
    return result


def _identify(operand: Operand, word: str) -> str:
    host = word.rpartition("@")[2]
    if host.startswith("-"):
        raise _dash(operand)
    if not host.startswith("[") and host.count(":") > 1:
        raise operand.refusal(
            f"{host!r} has more than one ':'.",
            f"An IPv6 address stands in brackets: [{host}], with a port [{host}]:22.",
        )
    try:
        node = parse_node(word)
    except NodeSetError as exc:
        what, _, do = str(exc).partition("\n")
        raise operand.refusal(what, do) from None
    host = f"[{node.host}]" if ":" in node.host else node.host
    return f"{node.user or ''}@{host}:{node.port or ''}"


def _check(operand: Operand) -> None:
    """Refuse, with its place, a character that no node's name may have."""
    text = operand.text
    if text.startswith("-"):
        raise _dash(operand)
    scheme, is_url, rest = text.partition("://")
    if is_url:
        raise operand.refusal(
            f"a node is written without {scheme + is_url!r}.",
            f"Write {rest.rstrip('/') or '[user@]host[:port]'}.",
        )
    depth = 0
    for offset, character in enumerate(text):
        depth += {"[": 1, "]": -1}.get(character, 0)
        if depth or character.isalnum() or character in "-._:@[]":
            continue
        if character.isspace():
            what, do = "a space in a node's name.", "Put a comma between two nodes."
        elif character in "*?":
            what = f"{character!r} stands for nothing here: there is no list to choose from."
            do = "Use it in --filter or --exclude, or write a range, as in web[1-9]."
        elif character in FOR_SHELLS or not character.isprintable():
            what = f"{character!r} cannot be part of a node's name."
            do = "Write [user@]host[:port]."
        else:
            continue
        raise operand.refusal(what, do, offset=offset)


def _dash(operand: Operand) -> NodeSetError:
    return operand.refusal(
        "a node's name cannot begin with '-'.",
        "To leave nodes out write 'web[1-9]!web3', or use -x/--exclude.",
    )
