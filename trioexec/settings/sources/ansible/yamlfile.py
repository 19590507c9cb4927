"""Read an inventory in Ansible's YAML form: groups with ``hosts``, ``children`` and ``vars``."""

from __future__ import annotations

from collections.abc import Mapping

from trioexec.model.errors import UsageError
from trioexec.settings.sources.ansible.inventory import ROOT, Inventory, expand_pattern, normal

__all__ = ["read_yaml"]


def read_yaml(inventory: Inventory, text: str, name: str) -> None:
    """Add what `text` says; `name` is the file's, for errors.

    Raises:
        UsageError: It is no YAML, or no inventory.
    """
    import yaml  # noqa: PLC0415  (20 ms that only this has to pay)

    where = f"@ansible: {name}"
    try:
        data = yaml.load(text, Loader=_loader())  # noqa: S506  (a SafeLoader with Ansible's tags)
    except yaml.YAMLError as exc:
        mark = getattr(exc, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        said = " ".join((getattr(exc, "problem", None) or str(exc)).split()).removesuffix(".")
        raise UsageError(f"{where}{place}: this is no YAML: {said}.\nMend it.") from exc
    for group, body in _mapping(data, where, "the file").items():
        _group(inventory, str(group), body, where)


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
    return normal({str(key): str(each) for key, each in pairs.items() if each is not None})


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
