"""``@GROUP`` and ``@SOURCE:GROUP``: the group sources that ClusterShell has on this machine.

ClusterShell finds its groups.conf and reads its YAML; its upcalls are run as any program of
the user's, and what a group's text means is read as any expression of ours.
"""

from __future__ import annotations

import configparser
import os
import re
import sys
from collections.abc import Iterator, Mapping
from functools import partial
from string import Template
from types import MappingProxyType
from typing import TYPE_CHECKING

from trioexec.model.errors import UsageError
from trioexec.model.hostscan import scan
from trioexec.settings.sources.base import ALL, Surroundings, unknown_group
from trioexec.settings.sources.programs import output_of

if TYPE_CHECKING:
    from ClusterShell.NodeUtils import GroupResolverConfig, UpcallGroupSource

__all__ = ["ClusterShellSource"]

# ClusterShell puts the group's name into a shell command as it is.
_SAFE = re.compile(r"(?!-)[\w.:+/*@%=-]+")


class ClusterShellSource:
    """One namespace of ClusterShell's, or its default where the name is empty."""

    def __init__(self, namespace: str, surroundings: Surroundings) -> None:
        del surroundings  # ClusterShell looks at the process by itself
        self._namespace = namespace
        self._resolver: GroupResolverConfig | None = None

    def exists(self) -> bool:
        """Say whether ClusterShell's configuration has this source."""
        resolver = self._open()
        if self._namespace:
            return self._namespace in resolver.sources()
        return bool(resolver.default_source_name)

    def namespaces(self) -> list[str]:
        """List the sources that ClusterShell's configuration has."""
        return [str(name) for name in self._open().sources()]

    def nodes(self, group: str) -> Iterator[str]:
        """Yield the texts of a group; groups of the same source in it are made to say so.

        Raises:
            UsageError: There is no such group, or its source fails.
        """
        from ClusterShell.NodeSet import NodeSetException, ParsingEngine  # noqa: PLC0415
        from ClusterShell.NodeUtils import GroupResolverError, GroupSourceError  # noqa: PLC0415

        reference = self._prefix + group
        if not _SAFE.fullmatch(group):
            raise unknown_group(reference, self.groups(), prefix=self._prefix)
        try:
            if group == ALL:
                texts = ParsingEngine(self._open()).all_nodes(self._namespace or None)
            else:
                texts = self._open().group_nodes(group, self._namespace or None)
        except (NodeSetException, GroupSourceError, GroupResolverError) as exc:
            raise self._failed(reference, exc) from exc
        # An upcall or a file has nothing to say of a group that is not there.
        if not texts and group != ALL:
            known = self.groups()
            if known and group not in known:
                raise unknown_group(reference, known, prefix=self._prefix)
        for text in texts:
            yield self._qualify(text, reference)

    def groups(self) -> list[str]:
        """List the groups; empty too where the source cannot list them."""
        from ClusterShell.NodeSet import NodeSetException, ParsingEngine  # noqa: PLC0415
        from ClusterShell.NodeUtils import (  # noqa: PLC0415
            GroupResolverError,
            GroupSourceError,
            GroupSourceNoUpcall,
        )

        try:
            return [str(name) for name in ParsingEngine(self._open()).grouplist(self._namespace)]
        except GroupSourceNoUpcall:
            return []
        except (NodeSetException, GroupSourceError, GroupResolverError) as exc:
            raise self._failed(self._prefix + ALL, exc) from exc

    @property
    def _prefix(self) -> str:
        return f"@{self._namespace}:" if self._namespace else "@"

    def _open(self) -> GroupResolverConfig:
        from ClusterShell.Defaults import config_paths  # noqa: PLC0415  (50 ms)
        from ClusterShell.NodeUtils import (  # noqa: PLC0415
            GroupResolverConfig,
            GroupResolverError,
            UpcallGroupSource,
        )

        if self._resolver is None:
            samples = f"{sys.prefix}/" if sys.prefix != sys.base_prefix else None
            resolver = GroupResolverConfig(
                [
                    path
                    for path in config_paths("groups.conf")
                    # Into an environment like ours, pip puts a sample with groups of nobody's.
                    if samples is None or not path.startswith(samples) or path == self._named()
                ]
            )
            try:
                resolver.sources()  # reads the files
            except (GroupResolverError, configparser.Error, OSError) as exc:
                raise self._failed(self._prefix + ALL, exc) from exc
            for source in resolver._sources.values():  # noqa: SLF001 - there is no other way in
                if isinstance(source, UpcallGroupSource):
                    source._upcall_read = partial(self._ask, source)  # noqa: SLF001
            self._resolver = resolver
        return self._resolver

    def _ask(
        self, source: UpcallGroupSource, kind: str, words: Mapping[str, str] = MappingProxyType({})
    ) -> str:
        """Run an upcall in ClusterShell's place, which waits for ever and fails at odd bytes."""
        command = Template(source.upcalls[kind]).safe_substitute(words)
        reference = self._prefix + words.get("GROUP", ALL)
        called = f"ClusterShell's upcall {kind!r} of {source.name!r}"
        argv = ["/bin/sh", "-c", command]
        answer = output_of(argv, reference, os.environ, folder=source.cfgdir, called=called)
        return answer.strip()

    @staticmethod
    def _named() -> str | None:
        """The file that the user has pointed at, wherever it is."""
        folder = os.environ.get("CLUSTERSHELL_CFGDIR")
        return None if folder is None else os.path.join(folder, "groups.conf")  # noqa: PTH118 - as ClusterShell writes it

    def _qualify(self, text: str, reference: str) -> str:
        if "@" not in text or not self._namespace:
            return text
        return "".join(
            (operand.operator if at else "")
            + (
                self._prefix + operand.text[1:]
                if operand.text.startswith("@") and ":" not in operand.text
                else operand.text
            )
            for at, operand in enumerate(scan(text, reference))
        )

    def _failed(self, reference: str, exc: Exception) -> UsageError:
        said = " ".join(str(exc).split()) or type(exc).__name__
        return UsageError(
            f"{reference}: ClusterShell's group source failed: {said}\n"
            "Try it by hand with `nodeset -f "
            f"{reference}`; its files are groups.conf and groups.conf.d."
        )
