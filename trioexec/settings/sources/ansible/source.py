"""Find the inventory as Ansible does, and answer from it."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trioexec.model.errors import UsageError, why
from trioexec.settings.sources.ansible.beside import VariableFolders, is_folder
from trioexec.settings.sources.ansible.ini import read_ini
from trioexec.settings.sources.ansible.inventory import ROOT, UNGROUPED, Inventory, nodes_of
from trioexec.settings.sources.ansible.yamlfile import looks_like_yaml, read_yaml
from trioexec.settings.sources.base import ALL, Surroundings, unknown_group

__all__ = ["AnsibleSource"]

_INVENTORY_SETTING = re.compile(r"^\s*(?:inventory|hostfile)\s*[=:]\s*(.+?)\s*$", re.MULTILINE)
_EDITORS_LEAVINGS = ("~", ".swp", ".bak", ".orig", ".pyc", ".pyo")
_SKIPPED = (*_EDITORS_LEAVINGS, ".rpm", ".md", ".txt", ".rst", ".cfg", ".retry")
_SKIPPED_FOLDERS = ("group_vars", "host_vars")


class AnsibleSource:
    """Reads the inventory once; ``@ansible:FILE:GROUP`` reads another."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._read: dict[str, Inventory] = {}

    def nodes(self, group: str) -> Iterator[str]:
        """Yield the hosts of a group, or one host by its name in the inventory.

        Raises:
            UsageError: There is no such group, or the inventory cannot be read.
        """
        place, _, name = group.rpartition(":")
        inventory = self._open(place)
        name = ROOT if name in ("", ALL) else name
        if name not in {ROOT, UNGROUPED, *inventory.groups, *inventory.hosts}:
            prefix = f"@ansible:{place}:" if place else "@ansible:"
            raise unknown_group(f"@ansible:{group}", inventory.groups, prefix=prefix)
        yield from nodes_of(inventory, name)

    def groups(self) -> list[str]:
        """List the groups of the usual inventory."""
        return list(dict.fromkeys([ROOT, *self._open("").groups]))

    def _open(self, place: str) -> Inventory:
        if place not in self._read:
            paths = [Path(place)] if place else self._usual()
            folders = [path if is_folder(path) else path.parent for path in paths]
            inventory = Inventory(beside=VariableFolders([*folders, *_here()]))
            for path in paths:
                _add(inventory, path)
            self._read[place] = inventory
        return self._read[place]

    def _usual(self) -> list[Path]:
        """Ansible's order: its variable, its settings, /etc."""
        surroundings = self._surroundings
        folder = Path()
        listed = surroundings.ansible_inventory or surroundings.env.get("ANSIBLE_INVENTORY", "")
        if not listed:
            folder, listed = self._from_settings()
        paths = [folder / self._home(text.strip()) for text in listed.split(",") if text.strip()]
        return paths or [Path("/etc/ansible/hosts")]

    def _from_settings(self) -> tuple[Path, str]:
        named = self._surroundings.env.get("ANSIBLE_CONFIG", "")
        places = [
            *([self._home(named)] if named else []),
            *(folder / "ansible.cfg" for folder in _here()),
            self._home("~/.ansible.cfg"),
            Path("/etc/ansible/ansible.cfg"),
        ]
        for place in places:
            try:
                text = place.read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError):
                continue  # as Ansible: the first that can be read
            match = _INVENTORY_SETTING.search(text)
            return place.parent, match[1] if match else ""
        return Path(), ""

    def _home(self, text: str) -> Path:
        return self._surroundings.home / text[2:] if text.startswith("~/") else Path(text)


def _here() -> list[Path]:
    """Give the folder we are in, unless anybody can put files there: then none, as for Ansible."""
    return [] if Path().stat().st_mode & stat.S_IWOTH else [Path()]


def _add(inventory: Inventory, path: Path) -> None:
    if is_folder(path):
        for inner in _inside(path):
            _add(inventory, inner)
        return
    with _named(path):
        text = path.read_text(encoding="utf-8")
    if text.startswith("#!") and os.access(path, os.X_OK):
        raise UsageError(
            f"@ansible: the inventory {path} is a program, which we do not run.\n"
            "Name it in the settings as a command that prints hosts."
        )
    if path.suffix in (".yml", ".yaml", ".json") or (not path.suffix and looks_like_yaml(text)):
        read_yaml(inventory, text, str(path))
    else:
        read_ini(inventory, text, str(path))


def _inside(folder: Path) -> list[Path]:
    with _named(folder):
        return [
            inner
            for inner in sorted(folder.iterdir())
            if not inner.name.startswith(".")
            and not inner.name.endswith(_SKIPPED)
            and inner.name not in _SKIPPED_FOLDERS
        ]


@contextmanager
def _named(path: Path) -> Iterator[None]:
    """Say which inventory it is that cannot be read."""
    try:
        yield
    except (OSError, UnicodeDecodeError) as exc:
        raise UsageError(
            f"@ansible: cannot read the inventory {path}: {why(exc)}.\n"
            "Set ANSIBLE_INVENTORY, or write @ansible:FILE:GROUP."
        ) from exc
