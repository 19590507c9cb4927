"""What a file of checks says."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

from trioexec.model.checks import Check, CheckFile
from trioexec.model.command import fault_of
from trioexec.model.errors import ConfigError
from trioexec.model.hints import did_you_mean, there_are
from trioexec.settings.config.lines import Path, read_toml

__all__ = ["KEYS", "parse_checks"]

KEYS: Final = {
    "command": str,
    "exit-code": int,
    "output": str,
    "matches": str,
    "same-on-all-nodes": bool,
    "timeout": (int, float),
}
"""Of one check, with the types of their values."""

_TOP_KEYS: Final = ("nodes", "checks")
_MAX_EXIT_CODE: Final = 255
_EXAMPLE: Final = 'Write a table a check: [checks.up] command = "true"'


def parse_checks(text: str, name: str) -> CheckFile:
    """Read a check file.

    Args:
        text: TOML: ``nodes``, and a table ``[checks.NAME]`` a check.
        name: The file's, for errors.

    Raises:
        ConfigError: Something in it makes no sense; says where, what, and the nearest right name.
    """
    said, lines = read_toml(text, name, "Mend the line.")
    return _Reader(name, lines).read(said)


class _Reader:
    def __init__(self, name: str, lines: Mapping[Path, int]) -> None:
        self._name = name
        self._lines = lines

    def read(self, said: Mapping[str, Any]) -> CheckFile:
        self._know(said, _TOP_KEYS, ())
        nodes = said.get("nodes", [])
        nodes = [nodes] if isinstance(nodes, str) else nodes
        if not isinstance(nodes, list) or not all(isinstance(each, str) for each in nodes):
            raise ConfigError(
                f"{self._at('nodes')}: nodes is no node expression.\n"
                'Write nodes = "web[1-3]", or a list.'
            )
        tables = said.get("checks", {})
        if not isinstance(tables, dict):
            raise ConfigError(f"{self._at('checks')}: checks is no table.\n{_EXAMPLE}")
        if not tables:
            raise ConfigError(f"{self._name}: there are no checks.\n{_EXAMPLE}")
        checks = tuple(self._check(name, table) for name, table in tables.items())
        return CheckFile(nodes=tuple(nodes), checks=checks)

    def _check(self, name: str, table: object) -> Check:
        path = ("checks", name)
        if not isinstance(table, dict):
            raise ConfigError(
                f"{self._at(*path)}: [checks.{name}] is no table.\n"
                f"Write [checks.{name}] and its keys under it."
            )
        self._know(table, tuple(KEYS), path)
        for key, value in table.items():
            if wrong := _fault(key, value):
                raise ConfigError(f"{self._at(*path, key)}: [checks.{name}] {key}{wrong}")
        if not table.get("command", "").strip():
            raise ConfigError(
                f"{self._at(*path)}: [checks.{name}] has no command.\n"
                'Write command = "what to run".'
            )
        return Check(
            name=name,
            command=table["command"],
            exit_code=table.get("exit-code", 0),
            output=table.get("output"),
            matches=table.get("matches"),
            same_on_all_nodes=table.get("same-on-all-nodes", False),
            # A number of hundreds of digits is no float, but its text is one: no limit.
            timeout_s=float(str(table.get("timeout", math.inf))),
        )

    def _know(self, table: Mapping[str, object], known: tuple[str, ...], path: Path) -> None:
        for key in table:
            if key not in known:
                hint = did_you_mean(key, known) or there_are(known)
                where = f"[{'.'.join(path)}] " if path else ""
                raise ConfigError(f"{self._at(*path, key)}: {where}unknown key {key!r}.\n{hint}")

    def _at(self, *path: str) -> str:
        return f"{self._name}:{self._lines.get(path, 1)}"


def _fault(key: str, value: object) -> str | None:
    """Say in two lines what is wrong with a key's value; they begin after the key."""
    wanted: Any = KEYS[key]
    if not isinstance(value, wanted) or isinstance(value, bool) != (wanted is bool):
        kinds = {str: "a text in quotes", int: "a whole number", bool: "true or false"}
        kind = kinds.get(wanted, "a number of seconds")
        return f": {value!r} is of the wrong type.\nIt takes {kind}."
    match key, value:
        case "command", str() if fault := fault_of(value):
            return f" {fault}"
        case "exit-code", int() if not 0 <= value <= _MAX_EXIT_CODE:
            return f": {value}.\nIt takes 0 to {_MAX_EXIT_CODE}."
        case "timeout", int() | float() if not value > 0:  # nor is NaN
            return f": {value}.\nIt takes seconds above 0."
        case "matches", str():
            try:
                re.compile(value)
            except re.error as exc:
                return f": {exc}.\nCorrect the regular expression."
    return None
