"""Texts of a config file that stand for others: variables, and files beside it."""

from __future__ import annotations

import os.path
import re
from collections.abc import Mapping
from typing import Final

from msgspec import Struct

from trioexec.model.errors import ConfigError
from trioexec.settings.config.lines import Path
from trioexec.settings.config.project import is_secret
from trioexec.settings.here import here

__all__ = ["Place", "absolute_file", "filled"]

_VARIABLE: Final = r"\$\{(?P<name>[^}]*)\}"
_VARIABLE_NAME: Final = "[A-Za-z_][A-Za-z0-9_]*"
_FILE_OPERAND: Final = r"(?P<before>^|[,!&])\^(?P<file>[^,!&^\[\]\s][^,!&^]*)"
_OPERATORS: Final = r"[,!&^\[\]\s]"


class Place(Struct, frozen=True, kw_only=True):
    """A config file, as its contents need to know it."""

    name: str
    """As errors call it."""

    folder: str
    """Absolute."""

    of_project: bool
    lines: Mapping[Path, int]
    root: Path
    """Where in the file our own tables are: ``tool.trioexec`` of a pyproject.toml."""

    env: Mapping[str, str]

    def at(self, path: Path) -> str:
        """Name the line where a key stands, or what it is in."""
        full = (*self.root, *path)
        while full:
            if full in self.lines:
                return f"{self.name}:{self.lines[full]}"
            full = full[:-1]
        return f"{self.name}:1"

    def holds(self, path: str) -> bool:
        """Whether a file is in our folder, wherever links lead."""
        folder = os.path.realpath(self.folder)
        inside = os.path.realpath(os.path.join(folder, path))  # noqa: PTH118 - a text
        return path[:1] != "~" and os.path.commonpath([folder, inside]) == folder

    def beside(self, expression: str) -> str:
        """Have ``^FILE`` in an expression mean a file beside ours, wherever we are called from."""
        if "^" not in expression or here() == self.folder:
            return expression

        def put(match: re.Match[str]) -> str:
            path = os.path.join(self.folder, match["file"])  # noqa: PTH118 - a text
            if match["file"].startswith("~") or re.search(_OPERATORS, path):
                return match[0]
            return f"{match['before']}^{path}"

        return re.sub(_FILE_OPERAND, put, expression)


def filled(text: str, place: Place, where: str) -> str:
    """Put variables in the place of ``${NAME}``.

    Raises:
        ConfigError: One is not set, or is not for this file to ask for.
    """

    def value_of(match: re.Match[str]) -> str:
        name = match["name"]
        if not re.fullmatch(_VARIABLE_NAME, name):
            raise ConfigError(f"{where}: {match[0]} is no variable.\nWrite ${{NAME}}.")
        if place.of_project and is_secret(name):
            raise ConfigError(
                f"{where}: {match[0]}: a project's file may not make secrets part of a name.\n"
                "Put it into your own config file, or give the variable another name."
            )
        value = place.env.get(name, "")
        if not value:
            raise ConfigError(
                f"{where}: {match[0]} is not set.\nSet it, or write what it is to be."
            )
        return value

    return re.sub(_VARIABLE, value_of, text) if "${" in text else text


def absolute_file(text: str, place: Place) -> str:
    """Say where a file is that a config file names: beside it, or under ``~``."""
    if text in ("", "none", "-"):
        return text
    if text.startswith("~/"):
        return os.path.join(place.env.get("HOME") or os.path.expanduser("~"), text[2:])  # noqa: PTH111, PTH118
    return os.path.join(place.folder, text)  # noqa: PTH118 - absolute ones stay
