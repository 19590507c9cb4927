"""``trioexec config``: shows every setting and its source, checks the files, imports one."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from trioexec.cli.configured import check_values, configurable_groups
from trioexec.cli.options import UNSET
from trioexec.cli.registry import CommandEntry
from trioexec.cli.texts import counted
from trioexec.model.errors import ConfigError, UsageError, why
from trioexec.model.exitcodes import OK
from trioexec.settings.sources.base import unknown_group
from trioexec.sinks.visible import visible_line

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from trioexec.cli.invocation import Invocation
    from trioexec.settings.config import Config

__all__ = ["ENTRY", "main"]

ENTRY = CommandEntry(
    usage="[OPTIONS] show | check | import FILE.yaml",
    groups=configurable_groups(),
    words_end=False,
    examples=(
        ("trioexec config show", "what holds here, and who says so"),
        ("trioexec config show -C prod --parallel 8", "what would hold then"),
        ("trioexec config check", "read all of it; exit 2 if something is wrong"),
        ("trioexec config import config.yaml", "a config file of ours on stdout"),
    ),
)

_USE = "Write show, check or import FILE.yaml."


def main(call: Invocation) -> int:
    """Do what the first word says."""
    match call.words:
        case () | ("show",):
            return _show(call)
        case ("check",):
            return _check(call.configured.config)
        case ("import", name):
            return _import(name)
        case _:
            raise UsageError(f"config {' '.join(call.words)}: that is none of its ways.\n{_USE}")


def _show(call: Invocation) -> int:
    rows = [("SETTING", "VALUE", "SOURCE")]
    for field, setting in call.settings.items():
        if field in ("help", "version"):
            continue
        where = f"{setting.source}, {setting.where}" if setting.where else setting.source
        rows.append((field.replace("_", "-"), _text(setting.value), where))
    for name, kind, where in _named(call.configured.config):
        rows.append((f"{kind}.{name}", "", where))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    for name, value, where in rows:
        line = f"{name:{widths[0]}}  {value:{widths[1]}}  {where}"
        sys.stdout.write(f"{visible_line(line).decode()}\n")  # a folder's file can say anything
    sys.stdout.flush()
    files = [source.path for source in call.configured.config.sources]
    sys.stderr.write(f"Files read: {', '.join(files) or 'none'}.\n")
    return OK


def _named(config: Config) -> Iterator[tuple[str, str, str]]:
    for name, cluster in config.clusters.items():
        yield name, "clusters", cluster.where
    for name, group in config.groups.items():
        yield name, "groups", group.where
    for source in config.sources:
        for name in source.tables.profiles:
            yield name, "profiles", source.path
        for name in source.tables.commands:
            yield name, "commands", source.path


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case "" | () | None:
            return "-"
        case int() if value == UNSET:
            return "-"
        case float():
            return "0 (no limit)" if math.isinf(value) else f"{value:g}"
        case tuple():
            texts = ("=".join(one) if isinstance(one, tuple) else str(one) for one in value)
            return json.dumps(list(texts), ensure_ascii=False)
        case _:
            return str(value)


def _check(config: Config) -> int:
    check_values(config)
    _check_nodes(config)
    for source in config.sources:
        tables = source.tables
        counts = [
            counted(len(found), what)
            for what, found in (
                ("default", tables.defaults),
                ("cluster", tables.clusters),
                ("group", tables.groups),
                ("profile", tables.profiles),
                ("command", tables.commands),
            )
            if found
        ]
        sys.stdout.write(f"{source.path}: all is well: {', '.join(counts) or 'it is empty'}.\n")
    if not config.sources:
        sys.stderr.write("There is no config file here.\n")
    return OK


def _check_nodes(config: Config) -> None:
    """Read every expression; what others keep is not asked for."""
    from trioexec.model.hostlist import expand, select  # noqa: PLC0415 - node sets are slow

    groups = config.node_groups()

    def ours(reference: str) -> Iterable[str]:
        source, _, name = reference.rpartition(":")
        if source == "@config" and name not in groups:
            raise unknown_group(reference, groups, prefix="@config:")
        return groups.get(name.removeprefix("@"), ()) if source in ("", "@config") else ()

    for where, is_choice, expression in _expressions(config):
        try:
            if is_choice:
                select([], filters=[expression], excludes=[], sources=ours)
            else:
                expand([expression], sources=ours)
        except UsageError as exc:
            raise ConfigError(f"{where}: {exc}") from exc


def _expressions(config: Config) -> Iterator[tuple[str, bool, str]]:
    """Give each with its place, and whether it only chooses among nodes."""
    for _, table in config.tables():
        for field in ("hosts", "filter", "exclude"):
            if field in table:
                given = table[field]
                yield from ((given.where, field != "hosts", text) for text in given.texts)
    for source in config.sources:
        for cluster in source.tables.clusters.values():
            yield from ((one.where, False, one.expression) for one in cluster.members)
        for group in source.tables.groups.values():
            yield from ((group.where, False, one) for one in group.expressions)


def _import(name: str) -> int:
    from trioexec.settings.config.yaml_import import import_yaml  # noqa: PLC0415 - only here

    try:
        text = sys.stdin.read() if name == "-" else Path(name).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(
            f"config import {name}: {why(exc)}.\nName a YAML file, or - for stdin."
        ) from exc
    imported = import_yaml(text, name)
    sys.stdout.write(imported.toml)
    sys.stdout.flush()
    for line in imported.lost:
        sys.stderr.write(f"Not taken over: {line}.\n")
    return OK
