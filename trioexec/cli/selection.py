"""Which nodes a call is for: what was typed, a cluster of the config, or the session we are in.

Reads the files and the stdin that expressions name; connects to nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Final

from trioexec.cli.registry import COMMANDS, DEFAULT_COMMAND
from trioexec.model.errors import UsageError
from trioexec.model.hints import did_you_mean
from trioexec.settings.layers import COMMAND_LINE, ENVIRONMENT, Setting

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation
    from trioexec.model.nodes import Node
    from trioexec.settings.config import Config
    from trioexec.settings.sources import Resolver

__all__ = ["nodes_for", "sources_for"]

NOT_BY_FILES: Final = frozenset({ENVIRONMENT, COMMAND_LINE, "journal"})
"""Sources of settings that are stronger than what a file says of single nodes."""

SHOWN: Final = 60
"""Characters of expressions in an error."""

SESSION: Final = "BACKENDAI_CLUSTER_HOSTS"

_ASKING: Final = ("help", "version")
"""Words that other programs have as commands."""

_NAMING: Final = ("-H", "-w", "--hosts", "-C", "--cluster")


def nodes_for(call: Invocation, words: Sequence[str] = (), *, missing: str = "") -> list[Node]:
    """Make the nodes of a call, at least one.

    Args:
        call: Its options, and the config files.
        words: More expressions.
        missing: What to say where nobody names any, instead of what is said of -H.

    Raises:
        UsageError: There is none, or an expression or what it refers to cannot be read.
    """
    if call.nodes:
        return list(call.nodes)
    expressions = _expressions(call, words)
    if not expressions:
        what = "-H is missing" if call.name == DEFAULT_COMMAND else "none is named"
        raise UsageError(missing or f"no nodes: {what}.\n{_advice(call)}")
    nodes = _nodes(call, expressions)
    if not nodes and not (call.settings["filter"].value or call.settings["exclude"].value):
        shown = ", ".join(expressions)
        raise UsageError(
            f"{shown[:SHOWN]}{'...' if len(shown) > SHOWN else ''}: there is no node in it.\n"
            "Name others, or look where these are kept."
        )
    if not nodes:
        raise UsageError(
            "no nodes are left after -f and -x.\n"
            "`trioexec nodes` without them lists what they chose from."
        )
    return nodes


def _advice(call: Invocation) -> str:
    """Say what to do about no nodes: maybe the first word was not meant to begin a command."""
    if call.name == DEFAULT_COMMAND and call.words:
        first, *rest = call.words
        if first in _ASKING:
            return f"Write trioexec --{first}."
        if first in COMMANDS:
            return f"Options stand after a command of ours: trioexec {first} [OPTIONS] ..."
        if near := did_you_mean(first, COMMANDS, prefix="trioexec "):
            return f"{near} There is no command {first} of ours."
        if any(word.startswith(_NAMING) for word in rest):
            return f"Options end at the first word of the command: write them before {first}."
    runs = call.name == DEFAULT_COMMAND
    example = "-H 'web[1-3]' uptime" if runs else f"{call.name} 'web[1-3]'"
    return f"Name some, as in trioexec {example}, or set TRIOEXEC_HOSTS."


def sources_for(call: Invocation, groups: Mapping[str, Sequence[str]]) -> Resolver:
    """Make what answers ``@group``, ``^file`` and ``-``."""
    from trioexec.settings.sources import open_sources  # noqa: PLC0415 - slow to import

    config = call.configured.config
    ssh_config = call.settings.get("ssh_config")
    return open_sources(
        stdin=sys.stdin,
        groups=groups,
        commands=config.commands,
        ssh_config=str(ssh_config.value) if ssh_config and ssh_config.value else None,
        ansible_inventory=config.ansible_inventory,
    )


def _expressions(call: Invocation, words: Sequence[str]) -> list[str]:
    """Say what was asked for: whoever names nodes at the strongest place does."""
    hosts, cluster = call.settings["hosts"], call.configured.cluster
    given: list[str] = list(hosts.value) if isinstance(hosts.value, tuple) else []
    if words and hosts.source != COMMAND_LINE:
        given = []
    if cluster and hosts.source != call.settings["cluster"].source:
        given = []
    found = [*given, *words, *([f"@config:{cluster}"] if cluster else [])]
    if not found and call.env.get(SESSION):
        return ["@backendai"]
    return found


def _nodes(call: Invocation, expressions: Sequence[str]) -> list[Node]:
    from trioexec.model.hostlist import expand, select  # noqa: PLC0415 - node sets are slow

    config = call.configured.config
    groups = config.node_groups()
    sources = sources_for(call, groups)
    nodes = expand(expressions, sources=sources)
    for name in groups.asked:
        # Who came into a folder must not take its nodes for their own of the same name.
        if places := config.hidden(name):
            sys.stderr.write(f"trioexec: {name} is that of {places[0]}; it hides {places[1]}.\n")
    if groups.asked:
        nodes = _with_settings(call, config, nodes, list(groups.asked), sources)
    filters, excludes = call.settings["filter"].value, call.settings["exclude"].value
    assert isinstance(filters, tuple)
    assert isinstance(excludes, tuple)
    _warn_of_nobody(call, nodes, sources)
    return select(nodes, filters=filters, excludes=excludes, sources=sources)


def _warn_of_nobody(call: Invocation, nodes: Sequence[Node], sources: Resolver) -> None:
    """Name what was typed and is none of the nodes: who mistypes -x runs it there, too.

    A list that others keep, as a file or a group, may well have none of them.
    """
    from trioexec.model.hostlist import select  # noqa: PLC0415

    if "quiet" in call.settings and call.settings["quiet"].value:
        return
    for option, setting in (("-f", call.settings["filter"]), ("-x", call.settings["exclude"])):
        expressions = setting.value if setting.source == COMMAND_LINE else ()
        assert isinstance(expressions, tuple)
        for typed in expressions:
            if typed[:1] in ("@", "-") or "^" in typed:
                continue
            if not select(nodes, filters=[typed], excludes=[], sources=sources):
                # pdsh and clush have -f for that.
                fanout = option == "-f" and typed.isdecimal()
                hint = f"; --parallel {typed} is so many at once" if fanout else ""
                sys.stderr.write(f"trioexec: {option} {typed}: none of the nodes is that{hint}.\n")


def _with_settings(
    call: Invocation, config: Config, nodes: list[Node], asked: list[str], sources: Resolver
) -> list[Node]:
    from trioexec.model.hostlist import expand  # noqa: PLC0415
    from trioexec.settings.config.nodes import Settled, with_settings  # noqa: PLC0415

    nobody = Setting(value=None)
    settled = Settled(
        user=call.settings.get("user", nobody).source in NOT_BY_FILES,
        port=call.settings.get("port", nobody).source in NOT_BY_FILES,
        # A command without -l and -p, as `nodes`, has no layer that would say them.
        cluster=call.configured.cluster if "user" in call.settings else "",
    )
    made = partial(expand, sources=sources)
    return with_settings(nodes, config, asked, expand=made, settled=settled)
