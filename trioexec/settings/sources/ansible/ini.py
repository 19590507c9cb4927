"""Read an inventory in Ansible's INI form, which is not quite INI: a host line is shell words."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

from trioexec.model.errors import UsageError
from trioexec.settings.sources.ansible.inventory import (
    ROOT,
    UNGROUPED,
    Inventory,
    expand_pattern,
    normal,
)

__all__ = ["read_ini"]

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:[#;].*)?")
_HOST_PORT = re.compile(r"(.*[^:]|\[[^\[\]]*:[^\[\]]*\]):([0-9]+)")


def read_ini(inventory: Inventory, text: str, name: str) -> None:
    """Add what `text` says; `name` is the file's, for errors.

    Raises:
        UsageError: A line cannot be read.
    """
    group, kind = UNGROUPED, "hosts"
    readers: dict[str, Callable[[Inventory, str, str, str], None]] = {
        "hosts": _host,
        "children": _child,
        "vars": _variable,
    }
    for number, raw in enumerate(text.splitlines(), 1):
        line, where = raw.strip(), f"@ansible: {name}, line {number}"
        if not line or line[0] in "#;":
            continue
        section = _SECTION.fullmatch(line)
        if section is None and line[0] == "[" and "]" not in line:
            raise UsageError(f"{where}: {line!r} has no ']'.\nWrite a section as [web].")
        if section is None:
            readers[kind](inventory, group, line, where)
            continue
        group, kind = section[1], section[2] or "hosts"
        if kind not in readers:
            raise UsageError(
                f"{where}: {kind!r} is no kind of section.\nWrite [{group}], [{group}:children]"
                f" or [{group}:vars]."
            )
        inventory.group(group)
        if group != ROOT:
            inventory.group(ROOT).children[group] = None


def _words(line: str, where: str) -> list[str]:
    try:
        return shlex.split(line, comments=True)
    except ValueError as exc:
        raise UsageError(f"{where}: a quotation mark is never closed.\nClose it.") from exc


def _host(inventory: Inventory, group: str, line: str, where: str) -> None:
    pattern, *settings = _words(line, where)
    variables = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals:
            raise UsageError(
                f"{where}: {setting!r} is no setting.\nAfter a host stand NAME=VALUE pairs."
            )
        variables[key] = value
    match = _HOST_PORT.fullmatch(pattern)
    if match and (":" not in match[1] or "[" in match[1]):
        pattern = match[1]
        variables.setdefault("ansible_port", match[2])
    for host in expand_pattern(pattern, where):
        inventory.add_host(group, host, variables)


def _child(inventory: Inventory, group: str, line: str, where: str) -> None:
    (child, *_) = _words(line, where)
    inventory.group(child)
    inventory.group(group).children[child] = None


def _variable(inventory: Inventory, group: str, line: str, where: str) -> None:
    key, equals, value = line.partition("=")
    if not equals:
        raise UsageError(f"{where}: {line!r} is no setting.\nWrite NAME=VALUE.")
    words = _words(value, where)
    inventory.group(group).variables.update(normal({key.strip(): " ".join(words)}))
