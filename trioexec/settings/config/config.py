"""All config files together: what `-C`, `--profile` and ``@NAME`` find, and their layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, TypeVar

from msgspec import Struct

from trioexec.model.errors import UsageError
from trioexec.model.hints import did_you_mean, there_are
from trioexec.settings.layers import Layer

if TYPE_CHECKING:
    from trioexec.settings.config.tables import Cluster, Group, Table, Tables

__all__ = ["Config", "Groups", "Source"]

T = TypeVar("T")


class Source(Struct, frozen=True, kw_only=True):
    """One file."""

    layer: str
    """How `Setting.source` calls it."""

    path: str
    tables: Tables


class Config(Struct, frozen=True, kw_only=True):
    """The files, weakest first; what one names hides its namesakes in the weaker ones."""

    sources: tuple[Source, ...] = ()

    @property
    def clusters(self) -> dict[str, Cluster]:
        """The clusters, by name."""
        return _merged(source.tables.clusters for source in self.sources)

    @property
    def groups(self) -> dict[str, Group]:
        """The groups, by name."""
        return _merged(source.tables.groups for source in self.sources)

    @property
    def commands(self) -> dict[str, tuple[str, ...]]:
        """The programs that print nodes, by name."""
        return _merged(source.tables.commands for source in self.sources)

    @property
    def ansible_inventory(self) -> str | None:
        """The inventory, where a file names one."""
        named = [source.tables.ansible_inventory for source in self.sources]
        return next((one for one in reversed(named) if one), None)

    def node_groups(self) -> Groups:
        """Clusters and groups alike, as node sources take them."""
        found = {name: group.expressions for name, group in self.groups.items()}
        for name, cluster in self.clusters.items():
            found[name] = tuple(member.expression for member in cluster.members)
        return Groups(found)

    def hidden(self, name: str) -> tuple[str, str] | None:
        """Say where a cluster or group stands that counts, and where one that it hides."""
        places = [
            one.where
            for source in self.sources
            if (one := source.tables.clusters.get(name) or source.tables.groups.get(name))
        ]
        return (places[-1], places[-2]) if len(places) > 1 else None

    def check_cluster(self, name: str, where: str) -> None:
        """Hold that a cluster is there.

        Raises:
            UsageError: It is not.
        """
        known = [*self.clusters, *self.groups]
        if name not in known:
            raise _no_such("cluster", name, where, known)

    def layers(
        self, fields: Iterable[str], *, cluster: str, profile: str, where: str = "--profile"
    ) -> list[Layer]:
        """Make the layers of a call, weakest first: the files' defaults, the cluster, the profile.

        Args:
            fields: The options that the call has; what the files say of others is for others.
            cluster: The one that was named, or empty.
            profile: The one that was named, or empty.
            where: Who named the profile.

        Raises:
            UsageError: There is no such profile.
        """
        wanted = frozenset(fields)
        found = [(source.layer, source.tables.defaults) for source in self.sources]
        if cluster in (clusters := self.clusters):
            found.append((f"cluster {cluster}", clusters[cluster].options))
        if profile:
            profiles = [one for one in self.sources if profile in one.tables.profiles]
            if not profiles:
                known = [name for one in self.sources for name in one.tables.profiles]
                raise _no_such("profile", profile, where, known)
            found += [(f"profile {profile}", one.tables.profiles[profile]) for one in profiles]
        return [_layer(name, table, wanted) for name, table in found]

    def tables(self) -> Iterator[tuple[str, Table]]:
        """Give every table of options, with its name, for who checks them all."""
        for source in self.sources:
            yield source.layer, source.tables.defaults
            for name, cluster in source.tables.clusters.items():
                yield f"cluster {name}", cluster.options
            for name, table in source.tables.profiles.items():
                yield f"profile {name}", table


class Groups(Mapping[str, tuple[str, ...]]):
    """Groups, which remember who was asked for."""

    def __init__(self, expressions: Mapping[str, tuple[str, ...]]) -> None:
        self._expressions = expressions
        self.asked: dict[str, None] = {}

    def __getitem__(self, name: str) -> tuple[str, ...]:
        found = self._expressions[name]
        self.asked[name] = None
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._expressions

    def __iter__(self) -> Iterator[str]:
        return iter(self._expressions)

    def __len__(self) -> int:
        return len(self._expressions)


def _layer(name: str, table: Table, wanted: frozenset[str]) -> Layer:
    return Layer(name=name, given={field: table[field] for field in table if field in wanted})


def _merged(tables: Iterable[Mapping[str, T]]) -> dict[str, T]:
    found: dict[str, T] = {}
    for table in tables:
        found.update(table)
    return found


def _no_such(what: str, name: str, where: str, known: list[str]) -> UsageError:
    advice = (
        did_you_mean(name, known)
        or there_are(known)
        or "There is none at all; `trioexec config show` says which files were read."
    )
    return UsageError(f"{where} {name}: there is no such {what}.\n{advice}")
