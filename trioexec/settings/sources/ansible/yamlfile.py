"""Read an inventory in Ansible's YAML form: groups with ``hosts``, ``children`` and ``vars``."""

from __future__ import annotations

import re
from collections.abc import Mapping

from trioexec.model.errors import UsageError
from trioexec.settings.sources.ansible.inventory import ROOT, Inventory, expand_pattern, normal

__all__ = ["looks_like_yaml", "read_variables", "read_yaml"]

_YAML = re.compile(r"(?:[ \t]*(?:#.*)?\n)*(?:---|\{|[^\s#:]+:[ \t]*(?:#.*)?$)", re.MULTILINE)


def looks_like_yaml(text: str) -> bool:
    """Tell a file without a suffix by its first line."""
    return _YAML.match(text) is not None


def read_yaml(inventory: Inventory, text: str, name: str) -> None:
    """Add what `text` says; `name` is the file's, for errors.

    Raises:
        UsageError: It is no YAML, or no inventory.
    """
    where = f"@ansible: {name}"
    try:
        for group, body in _mapping(_load(text, where), where, "the file").items():
            _group(inventory, str(group), body, where)
    except RecursionError as exc:  # an alias inside of what it stands for
        raise UsageError(f"{where}: a group holds itself.\nTake the circle apart.") from exc


def read_variables(text: str, name: str) -> dict[str, str]:
    """Read a file that says nothing but variables.

    Raises:
        UsageError: It is no YAML, or no mapping.
    """
    where = f"@ansible: {name}"
    return _variables(_load(text, where), where, "the file")


def _load(text: str, where: str) -> object:
    import yaml  # noqa: PLC0415  (20 ms that only this has to pay)

    try:
        return yaml.load(text, Loader=_loader())  # noqa: S506  (a SafeLoader with Ansible's tags)
    except RecursionError as exc:
        raise UsageError(f"{where}: too much stands inside of something else.\nMend it.") from exc
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        said = " ".join((getattr(exc, "problem", None) or str(exc)).split()).removesuffix(".")
        raise UsageError(f"{where}{place}: this is no YAML: {said}.\nMend it.") from exc


def _loader() -> type:
    import yaml  # noqa: PLC0415

    class Loader(yaml.SafeLoader):
        """Takes ``!vault`` and ``!unsafe`` for what they hold."""

    Loader.add_multi_constructor("!", lambda loader, _, node: loader.construct_scalar(node))
    return Loader


def _mapping(value: object, where: str, what: str) -> Mapping[object, object]:
    if value is None:
        return {}
    if isinstance(value, Mapping):
        return value
    if isinstance(value, str):
        return {value: None}
    raise UsageError(
        f"{where}: {what} is not a mapping.\nWrite `hosts:`, `children:` and `vars:` as mappings."
    )


def _variables(value: object, where: str, what: str) -> dict[str, str]:
    pairs = _mapping(value, where, what)
    # Nothing is something: it takes back what a group says.
    return normal({str(key): "" if each is None else str(each) for key, each in pairs.items()})


def _group(inventory: Inventory, name: str, body: object, where: str) -> None:
    parts = _mapping(body, where, f"group {name!r}")
    group = inventory.group(name)
    for key in parts:
        if key not in ("hosts", "children", "vars"):
            raise UsageError(
                f"{where}: group {name!r} has {key!r}.\nA group has hosts, children and vars."
            )
    group.variables.update(_variables(parts.get("vars"), where, f"vars of {name!r}"))
    for pattern, settings in _mapping(parts.get("hosts"), where, f"hosts of {name!r}").items():
        variables = _variables(settings, where, f"host {pattern!r}")
        for host in expand_pattern(str(pattern), where):
            inventory.add_host(name, host, variables)
    for child, below in _mapping(parts.get("children"), where, f"children of {name!r}").items():
        group.children[str(child)] = None
        _group(inventory, str(child), below, where)
    if name != ROOT:
        inventory.group(ROOT).children[name] = None
