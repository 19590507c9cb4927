"""From the earlier tool's YAML to a config file of ours, as text.

Nothing is dropped in silence: what has no counterpart here is said.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from msgspec import Struct, field

from trioexec.model.errors import ConfigError

__all__ = ["Imported", "import_yaml"]

_OPTIONS: Final = {
    "user": "user",
    "port": "port",
    "ssh_key": "identity",
    "identity": "identity",
    "jump_host": "jump",
    "parallel": "parallel",
    "timeout": "timeout",
    "command_timeout": "timeout",
    "connect_timeout": "connect-timeout",
    "server_alive_interval": "server-alive-interval",
    "server_alive_count_max": "server-alive-count-max",
}
_NODE: Final = ("host", "port", "user")
_BARE: Final = re.compile(r"[A-Za-z0-9_-]+")
_NAME: Final = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
_VARIABLE: Final = re.compile(r"\$([A-Za-z_][A-Za-z0-9_]*)")


class Imported(Struct, frozen=True, kw_only=True):
    """A file of ours."""

    toml: str
    lost: tuple[str, ...]
    """What could not be taken over, a line each."""


def import_yaml(text: str, name: str) -> Imported:
    """Convert a file.

    Args:
        text: What it says.
        name: How errors call it.

    Raises:
        ConfigError: It is not of that shape.
    """
    data = _load(text, name)
    importer = _Importer(name)
    lines = list(importer.lines(data))
    return Imported(toml="\n".join(lines).strip() + "\n", lost=tuple(importer.lost))


def _load(text: str, name: str) -> Mapping[str, Any]:
    import yaml  # noqa: PLC0415 - only here

    try:
        data = yaml.safe_load(text)
    except RecursionError as exc:
        raise ConfigError(
            f"{name}: too much stands inside of something else.\nName another file."
        ) from exc
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        line = f":{mark.line + 1}" if mark is not None else ""
        what = getattr(exc, "problem", None) or "it cannot be read"
        raise ConfigError(f"{name}{line}: this is no YAML: {what}.\nMend the line.") from exc
    if not isinstance(data, dict):
        raise ConfigError(f"{name}: it has neither defaults nor clusters.\nName another file.")
    return data


class _Importer(Struct):
    """Makes lines, and notes what it cannot."""

    name: str
    lost: list[str] = field(default_factory=list)

    def lines(self, data: Mapping[str, Any]) -> Iterator[str]:
        for key, value in data.items():
            match key:
                case "defaults":
                    yield "[defaults]"
                    yield from self._options(self._mapping(value, key), key)
                    yield ""
                case "clusters":
                    for cluster, about in self._mapping(value, key).items():
                        yield from self._cluster(str(cluster), about)
                case _:
                    self.lost.append(f"{key}: there is nothing like it here")

    def _cluster(self, cluster: str, about: object) -> Iterator[str]:
        path = f"clusters.{cluster}"
        if not _NAME.fullmatch(cluster):
            raise ConfigError(
                f"{self.name}: {path}: {cluster!r} cannot be a name.\n"
                "A name has letters, digits, '-', '_' and '.'."
            )
        listed = {"nodes": about} if isinstance(about, list) else self._mapping(about, path)
        nodes = listed.get("nodes")
        if not isinstance(nodes, list) or not nodes:
            raise ConfigError(f"{self.name}: {path} has no list of nodes.\nAdd some.")
        yield f"[clusters.{_key(cluster)}]"
        yield "nodes = ["
        for at, node in enumerate(nodes, 1):
            yield f"    {self._node(node, f'{path}, node {at}')},"
        yield "]"
        yield from self._options({k: v for k, v in listed.items() if k != "nodes"}, path)
        yield ""

    def _node(self, node: object, where: str) -> str:
        if isinstance(node, str):
            return _text(node)
        about = self._mapping(node, where)
        name = about.get("name") or about.get("host")
        if not isinstance(name, str):
            raise ConfigError(f"{self.name}: {where}: it has no host.\nGive it one.")
        said = {"nodes": name}
        for key in about:
            if key in _NODE and about[key] is not None and about[key] != name:
                said[key] = about[key]
            elif key not in (*_NODE, "name"):
                self.lost.append(f"{where}: {key}: say it of the cluster, or in ssh_config")
        if len(said) == 1:
            return _text(name)
        return "{" + ", ".join(f"{key} = {_value(value)}" for key, value in said.items()) + "}"

    def _options(self, table: Mapping[str, Any], path: str) -> Iterator[str]:
        for key, value in table.items():
            ours = _OPTIONS.get(str(key))
            if ours is None or not isinstance(value, str | int | float) or value == "":
                self.lost.append(f"{path}: {key}: there is nothing like it here")
            else:
                yield f"{ours} = {_value(value)}"

    def _mapping(self, value: object, path: str) -> Mapping[str, Any]:
        if value is None:
            return {}
        if not isinstance(value, dict):
            raise ConfigError(f"{self.name}: {path} is no mapping.\nName another file.")
        return value


def _key(name: str) -> str:
    return name if _BARE.fullmatch(name) else json.dumps(name)


def _value(value: str | float) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return _text(value) if isinstance(value, str) else str(value)


def _text(text: str) -> str:
    # A JSON text is one of TOML; the earlier tool takes $VAR as well.
    return json.dumps(_VARIABLE.sub(r"${\1}", text), ensure_ascii=False).replace("\x7f", "\\u007f")
