"""On which line of a TOML file a key stands: tomllib keeps no places.

A file that tomllib has read is cut into statements, each of which tomllib can read
again alone; what keys that gives stand where the statement begins.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping

__all__ = ["Path", "lines_of", "number_in"]

Path = tuple[str, ...]
"""A key, from the top of the file; of an element of an array, with its place in that."""

_HEADER = re.compile(r"\s*\[")
_BLANK = re.compile(r"\s*(#.*)?")
_MAY_END = re.compile(r"""[\]}"']\s*(#.*)?$""")
_AT_LINE = re.compile(r"at line (\d+)")


def lines_of(text: str) -> dict[Path, int]:
    """Say where every key of a file stands; the file must be sound."""
    found: dict[Path, int] = {}
    table: Path = ()
    counts: dict[Path, int] = {}
    for number, statement in _statements(text):
        data = tomllib.loads(statement)
        if not _HEADER.match(statement):
            for path in _paths(data, table):
                found.setdefault(path, number)
            continue
        table = _header(data)
        if statement.lstrip().startswith("[["):
            counts[table] = counts.get(table, -1) + 1
            table = (*table, str(counts[table]))
        for depth in range(1, len(table) + 1):
            found.setdefault(table[:depth], number)
    return found


def number_in(message: str, text: str) -> int:
    """Take the line out of what tomllib says is wrong; without one it is the last."""
    match = _AT_LINE.search(message)
    return int(match[1]) if match else max(1, len(text.splitlines()))


def _statements(text: str) -> Iterator[tuple[int, str]]:
    began, pending = 0, ""
    for number, line in enumerate(text.split("\n"), 1):
        if not pending and _BLANK.fullmatch(line):
            continue
        began = began if pending else number
        pending = f"{pending}\n{line}" if pending else line
        if "\n" in pending and not _MAY_END.search(line):
            continue
        try:
            tomllib.loads(pending)
        except tomllib.TOMLDecodeError:
            continue  # it goes on
        yield began, pending
        pending = ""


def _header(data: Mapping[str, object]) -> Path:
    path: list[str] = []
    level: object = data
    while level:
        if isinstance(level, list):
            level = level[0]
        elif isinstance(level, dict):
            key, level = next(iter(level.items()))
            path.append(key)
    return tuple(path)


def _paths(value: object, above: Path) -> Iterator[Path]:
    items: Iterator[tuple[str, object]] = iter(())
    if isinstance(value, dict):
        items = iter(value.items())
    elif isinstance(value, list):
        items = ((str(at), one) for at, one in enumerate(value))
    for key, below in items:
        yield (*above, key)
        yield from _paths(below, (*above, key))
