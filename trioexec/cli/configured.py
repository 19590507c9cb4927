"""Where config files meet a call: which files count for it, and the layers they make.

`settings.config` does not know our options; this names them to it, by field and type.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, get_args, get_origin

from msgspec import Struct, field

from trioexec.cli import options
from trioexec.cli.declared import Flag, declared
from trioexec.settings.config import Config, Kind, load_config
from trioexec.settings.here import here
from trioexec.settings.layers import Given, Layer

__all__ = [
    "Configured",
    "check_values",
    "configurable_groups",
    "configured",
    "known_options",
]

CONFIGURABLE: Final = (
    "NodeOptions",
    "LimitOptions",
    "CommandOptions",
    "ResultOptions",
    "SshOptions",
    "TransportOptions",
    "OutputOptions",
)
"""Whose options a file may set, beside `RecordOptions`; other groups have namesakes of some."""

_ALL: Final = (*CONFIGURABLE, "RecordOptions")

_NAMESAKES: Final = ("CheckOptions",)
"""Whose options files say under the names that they have in `CONFIGURABLE`."""

_NOT_IN_FILES: Final = frozenset(
    {
        "cluster",
        "password",
        "password_fd",
        "sudo_password",
        "sudo_password_fd",
        "key_passphrase_fd",
    }
)
"""What is for one call only."""


class Configured(Struct, frozen=True, kw_only=True):
    """What the config files come to for one call."""

    config: Config = field(default_factory=Config)
    layers: tuple[Layer, ...] = ()
    """Weakest first; all weaker than the environment."""

    cluster: str = ""
    """The one that counts: named, and no nodes named in its place."""


def configurable_groups() -> tuple[type[Any], ...]:
    """List the groups whose options a file may set."""
    return tuple(getattr(options, name) for name in _ALL)


def known_options() -> dict[str, Kind]:
    """List the options that a file may set, each with what it takes."""
    return {
        name: _kind(flag)
        for group in configurable_groups()
        for name, flag in declared(group).items()
        if name not in _NOT_IN_FILES
    }


def configured(
    groups: Sequence[type[Any]], outer: Sequence[Layer], env: Mapping[str, str]
) -> Configured:
    """Read the config files that count for a call.

    Args:
        groups: The call's option groups.
        outer: The stronger layers: the environment, and then the command line.
        env: The environment.

    Raises:
        ConfigError: A file cannot be read, or something in it makes no sense.
        UsageError: There is no such profile or cluster.
    """
    if not any(group.__name__ in CONFIGURABLE for group in groups) or _given(
        outer, "help", "version"
    ):
        return Configured()
    file = _given(outer, "config")
    config = load_config(
        known_options,
        env,
        folder=here(),
        file=file.texts[-1] if file else "",
    )
    cluster = _cluster(outer)
    if cluster:
        config.check_cluster(cluster.texts[-1], cluster.where)
    profile = _given(outer, "profile")
    if not (config.sources or profile or cluster):
        return Configured()
    name = cluster.texts[-1] if cluster else ""
    fields = [
        name
        for group in groups
        if group.__name__ in (*_ALL, *_NAMESAKES)
        for name in declared(group)
    ]
    layers = config.layers(
        fields,
        cluster=name,
        profile=profile.texts[-1] if profile else "",
        where=profile.where if profile else "",
    )
    return Configured(config=config, layers=tuple(layers), cluster=name)


def check_values(config: Config) -> None:
    """Hold that every option of every table has a value of its range.

    Raises:
        UsageError: One has not.
    """
    from trioexec.cli.app import make_app, settle  # noqa: PLC0415 - imports cyclopts

    for name, table in config.tables():
        settle(make_app(whole=False)["run"], (), [Layer(name=name, given=table)])


def _cluster(outer: Sequence[Layer]) -> Given | None:
    """Find the cluster that was named, unless a stronger layer names nodes."""
    for layer in reversed(outer):
        if "cluster" in layer.given:
            return layer.given["cluster"]
        if "hosts" in layer.given:
            return None
    return None


def _given(outer: Sequence[Layer], *fields: str) -> Given | None:
    for layer in reversed(outer):
        for one in fields:
            if one in layer.given:
                return layer.given[one]
    return None


def _kind(flag: Flag) -> Kind:
    match flag.default:
        case bool():
            return "flag"
        case int():
            return "number"
        case float():
            return "seconds"
        case tuple():
            return "pairs" if get_origin(get_args(flag.hint)[0]) is tuple else "texts"
        case _:
            return "text"
