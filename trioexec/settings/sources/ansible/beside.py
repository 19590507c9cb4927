"""``group_vars`` and ``host_vars``: what folders beside an inventory say of groups and hosts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from trioexec.model.errors import UsageError, why
from trioexec.settings.sources.ansible.inventory import Vars
from trioexec.settings.sources.ansible.yamlfile import read_variables

__all__ = ["VariableFolders", "is_folder"]

_SUFFIXES: Final = ("", ".yml", ".yaml", ".json")

# Most files there say nothing about the way to a host, and are large or encrypted.
_OF_USE = re.compile(r"ansible_(?:ssh_)?(?:host|port|user)")


def is_folder(path: Path) -> bool:
    """Whether it is one; nobody's are those with a name that is too long, or not for us to see."""
    return os.path.isdir(path)  # noqa: PTH112 - pathlib raises then


class VariableFolders:
    """Reads the files of a group or host when it is asked for, once."""

    def __init__(self, places: Iterable[Path]) -> None:
        """Take the folders that may have both, the later ones stronger."""
        self._places = tuple(dict.fromkeys(places))
        self._read: dict[tuple[str, str], Vars] = {}
        self._there: dict[str, list[Path]] = {}

    def __call__(self, kind: str, name: str) -> Vars:
        """Say what is known of a group or host.

        Raises:
            UsageError: A file cannot be read.
        """
        if kind not in self._there:
            self._there[kind] = [path for each in self._places if is_folder(path := each / kind)]
        if not self._there[kind] or "/" in name:
            return {}
        if (kind, name) not in self._read:
            found: Vars = {}
            for folder in self._there[kind]:
                for path in _files(folder / name):
                    found.update(_variables(path))
            self._read[kind, name] = found
        return self._read[kind, name]


def _files(path: Path) -> Iterator[Path]:
    """Name the one file, or those of the folder, that count for a name."""
    for suffix in _SUFFIXES:
        file = path.with_name(path.name + suffix)
        if is_folder(file):
            inside = (each for each in sorted(file.rglob("*")) if each.is_file())
            yield from (each for each in inside if each.suffix in _SUFFIXES and each.name[0] != ".")
            return
        if os.path.isfile(file):  # noqa: PTH113 - as below
            yield file
            return


def _variables(path: Path) -> Vars:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(
            f"@ansible: cannot read {path}: {why(exc)}.\nMake it readable, or move it away."
        ) from exc
    return read_variables(text, str(path)) if _OF_USE.search(text) else {}
