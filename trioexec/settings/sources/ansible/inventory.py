"""What an inventory comes to: groups, their hosts, and where each host is reached.

Pure; the two file formats fill one in, and `nodes_of` reads it out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from itertools import product
from string import ascii_letters
from typing import Final, Literal

from msgspec import Struct, field

from trioexec.model.errors import UsageError
from trioexec.model.hostrange import MAX_DIGITS
from trioexec.model.hostscan import MAX_NODES

__all__ = ["Group", "Inventory", "expand_pattern", "nodes_of"]

ENCRYPTED: Final = "$ANSIBLE_VAULT"
"""How what only a vault's password opens begins."""

ROOT: Final = "all"
UNGROUPED: Final = "ungrouped"

_OLD_NAMES = {f"ansible_ssh_{name}": f"ansible_{name}" for name in ("host", "port", "user")}

# [01:50], [1:50:2], [a:f]; a bracket with anything else is an IPv6 address.
_RANGE = re.compile(r"\[([0-9]*|[A-Za-z]):([0-9]+|[A-Za-z])(?::([0-9]+))?\]")

Vars = dict[str, str]

Beside = Callable[[Literal["group_vars", "host_vars"], str], Vars]


class Group(Struct, kw_only=True):
    """One group; names of hosts and of child groups in the order of the file."""

    hosts: dict[str, None] = field(default_factory=dict)
    children: dict[str, None] = field(default_factory=dict)
    variables: Vars = field(default_factory=dict)


class Inventory(Struct, kw_only=True):
    """All files of an inventory together."""

    groups: dict[str, Group] = field(default_factory=dict)
    hosts: dict[str, Vars] = field(default_factory=dict)
    beside: Beside = field(default=lambda _kind, _name: {})
    """What folders beside the inventory say of a group or a host."""

    _holding: dict[str, list[str]] = field(default_factory=dict)

    def group(self, name: str) -> Group:
        """Fetch a group, making it where it is mentioned first."""
        return self.groups.setdefault(name, Group())

    def add_host(self, group: str, name: str, variables: Mapping[str, str]) -> None:
        """Put a host into a group; what is said of it in several places adds up."""
        self.group(group).hosts[name] = None
        self.hosts.setdefault(name, {}).update(normal(variables))

    def members(self, name: str) -> dict[str, None]:
        """List the hosts of a group and of its children, each once; a circle ends."""
        if name == UNGROUPED:
            return self._ungrouped()
        if name == ROOT:
            # Everything belongs to all, whether it says so or not.
            found = {UNGROUPED: None, ROOT: None, **dict.fromkeys(self.groups)}
        else:
            found = self._below(name)
        hosts: dict[str, None] = {}
        for each in found:
            if each in self.groups:
                hosts.update(self.groups[each].hosts)
        return hosts

    def variables(self, host: str) -> Vars:
        """Settle a host's variables, the later ones stronger, in Ansible's order.

        Groups come from all to the deepest; of each kind what the inventory says comes
        before what a folder beside it says, and everything of groups before the host's own.
        """
        merged: Vars = {}
        groups = [ROOT, *self._groups_of(host)]
        for name in groups:
            if name in self.groups:
                merged.update(self.groups[name].variables)
        for name in groups:
            merged.update(self.beside("group_vars", name))
        merged.update(self.hosts.get(host, {}))
        merged.update(self.beside("host_vars", host))
        return merged

    def _groups_of(self, host: str) -> list[str]:
        """List the groups that a host is in: what holds others before what it holds."""
        if not self._holding:
            # A parent's hosts include its children's, so the larger closure comes first.
            names = (name for name in self.groups if name != ROOT)
            for name in sorted(names, key=lambda name: (-len(self._below(name)), name)):
                for member in self.members(name):
                    self._holding.setdefault(member, []).append(name)
        return self._holding.get(host, [])

    def _ungrouped(self) -> dict[str, None]:
        grouped = {
            host
            for name, group in self.groups.items()
            if name not in (ROOT, UNGROUPED)
            for host in group.hosts
        }
        return {host: None for host in self.hosts if host not in grouped}

    def _below(self, name: str) -> dict[str, None]:
        found: dict[str, None] = {}
        queue = [name]
        while queue:
            current = queue.pop(0)
            if current not in found:
                found[current] = None
                queue += self.groups[current].children if current in self.groups else {}
        return found


def normal(variables: Mapping[str, str]) -> Vars:
    """Give the variables of old the names they have now."""
    return {_OLD_NAMES.get(name, name): value for name, value in variables.items()}


def expand_pattern(text: str, where: str) -> list[str]:
    """Write out Ansible's ranges, which include both ends: ``web[01:50:2]``, ``db-[a:f]``.

    Raises:
        UsageError: A range makes no sense or has no end.
    """
    parts = _RANGE.split(text)
    choices: list[list[str]] = [[parts[0]]]
    count = 1
    for at in range(1, len(parts), 4):
        span = _span(parts[at], parts[at + 1], parts[at + 2] or "1")
        count *= len(span)
        if not span or count > MAX_NODES:
            what = "is empty" if not span else f"comes to more than {MAX_NODES:,} hosts"
            raise UsageError(f"{where}: the range in {text!r} {what}.\nWrite [01:50] or [a:f].")
        choices += [_write(span, parts[at]), [parts[at + 3]]]
    return ["".join(each) for each in product(*choices)]


def _span(first: str, last: str, by: str) -> range:
    if max(len(first), len(last), len(by)) > MAX_DIGITS:
        return range(MAX_NODES + 1)  # too many, whatever it is
    step = int(by)
    if step < 1 or (first.isalpha() != last.isalpha() and first):
        return range(0)
    if last.isalpha():
        return range(ascii_letters.index(first or "a"), ascii_letters.index(last) + 1, step)
    return range(int(first or 0), int(last) + 1, step)


def _write(span: range, first: str) -> list[str]:
    if first.isalpha():
        return [ascii_letters[at] for at in span]
    width = len(first) if len(first) > 1 and first.startswith("0") else 1
    return [f"{number:0{width}d}" for number in span]


def nodes_of(inventory: Inventory, group: str) -> Iterator[str]:
    """Yield ``[user@]host[:port]`` for the hosts of a group, or for one host.

    Raises:
        UsageError: A variable that we need is a template, or encrypted.
    """
    known = group in {ROOT, UNGROUPED, *inventory.groups}
    hosts = inventory.members(group) if known else {group: None}
    for name in hosts:
        variables = inventory.variables(name)
        for variable in ("ansible_host", "ansible_port", "ansible_user"):
            said = variables.get(variable, "")
            if "{{" in said or said.startswith(ENCRYPTED):
                what = "encrypted" if said.startswith(ENCRYPTED) else f"a template: {said}"
                raise UsageError(
                    f"@ansible: {variable} of {name} is {what}.\n"
                    "Only Ansible can read it; write the value, or use a command that prints"
                    " the hosts."
                )
        user, port = variables.get("ansible_user", ""), variables.get("ansible_port", "")
        host = variables.get("ansible_host") or name
        host = f"[{host}]" if ":" in host and not host.startswith("[") else host
        yield f"{user}{'@' if user else ''}{host}{':' if port else ''}{port}"
