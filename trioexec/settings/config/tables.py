"""The tables of one config file: what each may hold, and where the fault is when it holds another.

Pure: gets what tomllib made of a file, and gives values that have nothing left to check
but the ranges of options, which are the options' own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final, NoReturn

from msgspec import Struct, field

from trioexec.model.errors import ConfigError, NodeSetError
from trioexec.model.hints import did_you_mean, there_are
from trioexec.model.nodes import MAX_PORT, check_host, check_user
from trioexec.settings.config.lines import Path
from trioexec.settings.config.project import files_in, forbidden
from trioexec.settings.config.texts import Place, absolute_file, filled
from trioexec.settings.config.values import Kind, WrongTypeError, expressions, texts_of
from trioexec.settings.layers import Given

__all__ = ["Cluster", "Group", "Member", "Table", "Tables", "read_tables"]

NODE_KEYS: Final[Mapping[str, Kind]] = {"host": "text", "port": "number", "user": "text"}
"""What may be said of single nodes."""

SELECTING: Final = frozenset({"hosts", "filter", "exclude"})
"""Options that have no sense in a cluster."""

_INVENTORY: Final = ("ansible-inventory", "ansible_inventory")
_TOP: Final = ("defaults", "clusters", "groups", "profiles", "commands", *_INVENTORY)
_NAME: Final = r"[A-Za-z0-9_][A-Za-z0-9_.-]*"
_EARLIER: Final = {
    "hosts": "nodes",
    "jump_host": "jump",
    "jump-host": "jump",
    "ssh_key": "identity",
    "ssh-key": "identity",
    "proxy_jump": "jump",
    "name": "nodes",
}
"""How other tools call it."""

_EXPANDED: Final = frozenset({"host", "user", "jump"})
"""Options with ``${VAR}`` in them, beside expressions."""

_NAMES: Final[Mapping[str, Callable[[str], None]]] = {"host": check_host, "user": check_user}
"""Options that name something to ssh, and what holds that they do no more."""

_FILES: Final = frozenset({"identity", "ssh_config", "script", "output_dir", "junit", "log_file"})
"""Options that name files: relative ones are beside the config file."""

Table = Mapping[str, Given]
"""Options, by their field."""


class Member(Struct, frozen=True, kw_only=True):
    """Nodes of a cluster, and what is said of just these."""

    expression: str
    where: str
    user: str | None = None
    port: int | None = None
    host: str | None = None


class Cluster(Struct, frozen=True, kw_only=True):
    """Nodes and their own settings."""

    where: str
    members: tuple[Member, ...]
    options: Table


class Group(Struct, frozen=True, kw_only=True):
    """Nodes by another name."""

    where: str
    expressions: tuple[str, ...]


class Tables(Struct, frozen=True, kw_only=True):
    """What one file says."""

    defaults: Table = field(default_factory=dict)
    clusters: Mapping[str, Cluster] = field(default_factory=dict)
    groups: Mapping[str, Group] = field(default_factory=dict)
    profiles: Mapping[str, Table] = field(default_factory=dict)
    commands: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    ansible_inventory: str | None = None


def read_tables(data: Mapping[str, Any], known: Mapping[str, Kind], place: Place) -> Tables:
    """Check everything, and make the values.

    Args:
        data: What the file says.
        known: The options that a file may set, by field.
        place: The file, and whose it is.

    Raises:
        ConfigError: Something is unknown, of the wrong type, or not for this file to say.
    """
    return _Reader(known, place).read(data)


class _Reader:
    """Walks through one file."""

    def __init__(self, known: Mapping[str, Kind], place: Place) -> None:
        self._known = known
        self._place = place

    def read(self, data: Mapping[str, Any]) -> Tables:
        for key in data:
            if key not in _TOP:
                options = {name for name in _names(self._known) if name not in _TOP}
                if key in options:
                    self._fail((key,), f"{key!r} is an option.", "Put it under [defaults].")
                self._unknown((key,), _TOP)
        clusters = {
            name: self._cluster(table, ("clusters", name))
            for name, table in self._named(data, "clusters")
        }
        groups = {
            name: self._group(value, ("groups", name))
            for name, value in self._named(data, "groups")
        }
        for name in clusters.keys() & groups.keys():
            self._fail(
                ("groups", name),
                f"{name!r} is a cluster as well, at {clusters[name].where}.",
                "Give one of them another name.",
            )
        return Tables(
            defaults=self._options(self._table(data, ("defaults",)), ("defaults",), self._known),
            clusters=clusters,
            groups=groups,
            profiles={
                name: self._options(self._table(value, ()), ("profiles", name), self._known)
                for name, value in self._named(data, "profiles")
            },
            commands=self._commands(data),
            ansible_inventory=self._inventory(data),
        )

    def _table(self, value: Any, path: Path) -> Mapping[str, Any]:  # noqa: ANN401 - TOML's
        """Go down a path, whose end is a table or not there."""
        for key in path:
            value = value.get(key, {})
        return value if isinstance(value, Mapping) else self._not_a_table(value, path)

    def _not_a_table(self, value: object, path: Path) -> NoReturn:
        shown = "a list" if isinstance(value, list) else repr(value)
        self._fail(path, f"{'.'.join(path)} is {shown}.", f"It is a table: [{'.'.join(path)}].")

    def _named(self, data: Mapping[str, Any], top: str) -> Iterable[tuple[str, Any]]:
        """Give the entries of a table of things that have names."""
        for name, value in self._table(data, (top,)).items():
            if not re.fullmatch(_NAME, name):
                self._fail(
                    (top, name),
                    f"{name!r} cannot be a name.",
                    "A name has letters, digits, '-', '_' and '.'.",
                )
            if top in ("clusters", "profiles") and not isinstance(value, Mapping):
                self._not_a_table(value, (top, name))
            yield name, value

    def _options(
        self, table: Mapping[str, Any], path: Path, known: Mapping[str, Kind], *more: str
    ) -> dict[str, Given]:
        """Read the options of a table; `more` are keys that are for somebody else."""
        found: dict[str, Given] = {}
        for key, value in table.items():
            if key in more:
                continue
            name = key.replace("-", "_")
            if name not in known:
                self._unknown((*path, key), (*_names(known), *more))
            if name in found:
                self._fail((*path, key), f"{key!r} is set twice.", "Write it once, with - or _.")
            found[name] = self._option(name, known[name], value, (*path, key))
        return found

    def _option(self, name: str, kind: Kind, value: object, path: Path) -> Given:
        try:
            texts = texts_of(kind, value)
        except WrongTypeError as exc:
            raise self._error(path, f"{path[-1]}: {exc}") from exc
        if self._place.of_project and (what := forbidden(name, texts, self._place.holds)):
            self._forbid(path, what)
        where = self._place.at(path)
        if name in SELECTING:
            texts = tuple(self._expression(text, path) for text in texts)
        elif name in _EXPANDED:
            texts = tuple(filled(text, self._place, where) for text in texts)
        if name in _FILES:
            texts = tuple(absolute_file(text, self._place) for text in texts)
        if name in _NAMES:
            self._check(_NAMES[name], texts, path)
        return Given(texts=texts, where=where)

    def _cluster(self, table: Mapping[str, Any], path: Path) -> Cluster:
        known = {name: kind for name, kind in self._known.items() if name not in SELECTING}
        options = self._options(table, path, known, "nodes")
        if not table.get("nodes"):
            here = (*path, "nodes")
            self._fail(here, f"cluster {path[-1]!r} has no nodes.", 'Add nodes = ["web[1-3]"].')
        return Cluster(
            where=self._place.at(path),
            members=tuple(self._members(table["nodes"], (*path, "nodes"))),
            options=options,
        )

    def _members(self, value: object, path: Path) -> Iterable[Member]:
        if isinstance(value, Mapping):
            for name, about in value.items():
                if not isinstance(about, Mapping):
                    self._not_a_table(about, (*path, name))
                yield self._member(name, about, (*path, name))
            return
        listed = value if isinstance(value, list) else [value]
        for at, one in enumerate(listed):
            here = (*path, str(at)) if isinstance(value, list) else path
            if isinstance(one, Mapping):
                name = one.get("nodes")
                if not isinstance(name, str):
                    self._fail(here, "which node?", 'Write {nodes = "web1", port = 2222}.')
                rest = {key: one[key] for key in one if key != "nodes"}
                yield self._member(name, rest, here)
            else:
                for text in self._expressions(one, here):
                    yield Member(expression=text, where=self._place.at(here))

    def _member(self, name: str, about: Mapping[str, Any], path: Path) -> Member:
        given = self._options(about, path, NODE_KEYS)
        where = self._place.at(path)
        found = {key: given[key].texts[0] for key in given}
        port = found.pop("port", None)
        if port is not None and not 0 < int(port) <= MAX_PORT:
            self._fail((*path, "port"), f"{port} is no port.", f"It takes 1 to {MAX_PORT}.")
        (expression,) = self._expressions(name, path)
        return Member(expression=expression, where=where, port=int(port) if port else None, **found)

    def _group(self, value: object, path: Path) -> Group:
        return Group(where=self._place.at(path), expressions=self._expressions(value, path))

    def _expressions(self, value: object, path: Path) -> tuple[str, ...]:
        try:
            texts = expressions(value)
        except WrongTypeError as exc:
            raise self._error(path, str(exc)) from exc
        return tuple(self._expression(text, path) for text in texts)

    def _expression(self, text: str, path: Path) -> str:
        text = filled(text, self._place, self._place.at(path))
        if self._place.of_project and not all(map(self._place.holds, files_in(text))):
            self._forbid(path, "have files read outside its folder")
        return self._place.beside(text)

    def _check(self, check: Callable[[str], None], texts: Iterable[str], path: Path) -> None:
        try:
            for text in texts:
                check(text)
        except NodeSetError as exc:
            raise self._error(path, str(exc)) from exc

    def _commands(self, data: Mapping[str, Any]) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for name, value in self._named(data, "commands"):
            path = ("commands", name)
            if self._place.of_project:
                self._forbid(path, "run programs")
            if not (isinstance(value, list) and value and all(isinstance(x, str) for x in value)):
                self._fail(path, "a command is a list of texts.", 'Write ["cmdb", "--hosts"].')
            found[name] = tuple(value)
        return found

    def _inventory(self, data: Mapping[str, Any]) -> str | None:
        for key in _INVENTORY:
            value = data.get(key, "")
            if not isinstance(value, str):
                self._fail((key,), "an inventory is a file's name.", "Write a text.")
            files = [file.strip() for file in value.split(",")]  # several, as for Ansible
            if self._place.of_project and not all(map(self._place.holds, files)):
                self._forbid((key,), "have files read outside its folder")
            if value:
                return ",".join(absolute_file(file, self._place) for file in files)
        return None

    def _forbid(self, path: Path, what: str) -> NoReturn:
        self._fail(
            path,
            f"{path[-1]}: a project's file may not {what}.",
            "Put it into your own config file, or on the command line.",
        )

    def _unknown(self, path: Path, names: Iterable[str]) -> NoReturn:
        key, table = path[-1], ".".join(path[:-1])
        listed = list(names)
        meant = _EARLIER.get(key)
        if meant not in listed:
            meant = key.replace("_", "-")
        if "password" in key or "passphrase" in key:
            option = "--sudo-password" if "sudo" in key else "--password"
            self._fail(path, f"{key!r}: a file is no place for it.", f"Give {option}; it asks.")
        advice = did_you_mean(meant, listed) or there_are(listed)
        self._fail(
            path, f"there is no {key!r} in {f'[{table}]' if table else 'a config file'}.", advice
        )

    def _fail(self, path: Path, what: str, advice: str) -> NoReturn:
        raise self._error(path, f"{what}\n{advice}")

    def _error(self, path: Path, text: str) -> ConfigError:
        return ConfigError(f"{self._place.at(path)}: {text}")


def _names(known: Iterable[str]) -> list[str]:
    return [name.replace("_", "-") for name in known]
