"""Which source answers a reference: the callable that `hostlist.expand` asks.

``^FILE`` is a file and ``-`` is stdin.  ``@NAME:GROUP`` is the source NAME: one
of ours, then a program of the user's, a group source of ClusterShell's, one that
somebody installed.  ``@NAME`` is a group of the user's settings, then such a
source as a whole, then a group of ClusterShell's default source.

A source is imported when it is first asked: nearly no run asks any.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cached_property
from importlib import import_module
from typing import TYPE_CHECKING, Final

from trioexec.model.errors import UsageError
from trioexec.settings.sources.base import ALL, MakeSource, NodeSource, Surroundings, unknown_group

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

    from trioexec.settings.sources.clustershell import ClusterShellSource

__all__ = ["ENTRY_POINTS", "Resolver"]

ENTRY_POINTS: Final = "trioexec.node_sources"
"""The entry point group for sources of other people's."""

OURS: Final[Mapping[str, str]] = {
    "ansible": "AnsibleSource",
    "backendai": "BackendAiSource",
    "config": "ConfigSource",
    "slurm": "SlurmSource",
    "ssh": "SshConfigSource",
}
"""By name: the class in the module of that name."""


class Resolver:
    """Answers references; each source is made when it is first asked, and then kept."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._surroundings = surroundings
        self._made: dict[str, NodeSource] = {}

    def __call__(self, reference: str) -> Iterable[str]:
        """Answer one reference with node expressions.

        Raises:
            UsageError: Nobody knows it, or who knows it cannot be asked.
        """
        if "\0" in reference:
            raise UsageError(f"{reference}: it has a NUL byte in it.\nWrite it anew, as text.")
        if reference == "-":
            return self._stdin.nodes("")
        if reference.startswith("^"):
            return self._files.nodes(reference[1:].strip())
        name, colon, group = reference[1:].partition(":")
        if not colon:
            return self._bare(name)
        source = self._source(name)
        if source is None:
            raise self._no_source(reference, name)
        return source.nodes(group)

    def names(self) -> list[str]:
        """List what may follow ``@``, as far as it can be known without asking a program."""
        names = [*self._surroundings.groups, *OURS, *self._surroundings.commands]
        names += [point.name for point in _entry_points()]
        return list(dict.fromkeys(names))

    def groups(self, name: str) -> list[str]:
        """List the groups of the source `name`; of ClusterShell's default where it is empty.

        Raises:
            UsageError: There is no such source, or it cannot be asked.
        """
        source = self._source(name) if name else self._clustershell("")
        if source is None:
            if not name:
                return []
            raise self._no_source(f"@{name}", name)
        return list(source.groups())

    @cached_property
    def _files(self) -> NodeSource:
        from trioexec.settings.sources.files import FileSource  # noqa: PLC0415

        return FileSource(self._surroundings)

    @cached_property
    def _stdin(self) -> NodeSource:
        from trioexec.settings.sources.stdin import StdinSource  # noqa: PLC0415

        return StdinSource(self._surroundings)

    def _no_source(self, reference: str, name: str) -> UsageError:
        known = [*OURS, *self._surroundings.commands, *(point.name for point in _entry_points())]
        known += self._of_clustershell("").namespaces()
        return unknown_group(reference, known, what="no such source of nodes", meant=name)

    def _bare(self, name: str) -> Iterable[str]:
        groups = self._surroundings.groups
        if name in groups or (name == ALL and groups):
            return self._kept("config").nodes(name)
        # ClusterShell's namespaces hold groups, they are none.
        if name in OURS or name in self._surroundings.commands:
            return self._kept(name).nodes("")
        default = self._clustershell("")
        if default is not None and (name == ALL or name in default.groups()):
            return default.nodes(name)
        for point in _entry_points(name):
            return self._installed(point).nodes("")
        if default is not None:
            # It may not be able to list its groups, and know this one all the same.
            found = list(default.nodes(name)) if not default.groups() else []
            if found:
                return found
        known = [*self.names(), *(default.groups() if default is not None else ())]
        raise unknown_group(f"@{name}", known)

    def _source(self, name: str) -> NodeSource | None:
        if name not in self._made:
            source = self._make(name)
            if source is None:
                return None
            self._made[name] = source
        return self._made[name]

    def _make(self, name: str) -> NodeSource | None:
        if name in OURS or name in self._surroundings.commands:
            return self._kept(name)
        namespace = self._clustershell(name)
        if namespace is not None:
            return namespace
        for point in _entry_points(name):
            return self._installed(point)
        return None

    def _kept(self, name: str) -> NodeSource:
        """Give one of ours, or a program's; made once."""
        if name not in self._made:
            self._made[name] = self._ours(name)
        return self._made[name]

    def _ours(self, name: str) -> NodeSource:
        if name in OURS:
            module = import_module(f"trioexec.settings.sources.{name}")
            make: MakeSource = getattr(module, OURS[name])
            return make(self._surroundings)
        from trioexec.settings.sources.programs import ProgramSource  # noqa: PLC0415

        return ProgramSource(name, self._surroundings.commands[name], self._surroundings)

    def _clustershell(self, namespace: str) -> NodeSource | None:
        source = self._of_clustershell(namespace)
        return source if source.exists() else None

    def _of_clustershell(self, namespace: str) -> ClusterShellSource:
        from trioexec.settings.sources.clustershell import ClusterShellSource  # noqa: PLC0415

        return ClusterShellSource(namespace, self._surroundings)

    def _installed(self, point: EntryPoint) -> NodeSource:
        from trioexec.settings.sources.installed import InstalledSource  # noqa: PLC0415

        return InstalledSource(point, self._surroundings)


def _entry_points(name: str | None = None) -> Iterable[EntryPoint]:
    from importlib.metadata import entry_points  # noqa: PLC0415  (30 ms; few have any)

    if name is None:
        return entry_points(group=ENTRY_POINTS)
    return entry_points(group=ENTRY_POINTS, name=name)
