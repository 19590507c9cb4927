"""What the texts of options may be, for shells that complete them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from trioexec.settings.config import Config
    from trioexec.settings.sources import Resolver

__all__ = ["Completer", "cluster_names", "expressions", "profile_names"]

Completer: TypeAlias = "Callable[[str, Config], Iterable[str]]"
"""Takes what was typed of a text, and the config files; lists what the text may become."""

_LAST_OPERAND: Final = r"(?s)(?P<before>(?:.*[,!&])?)(?P<operand>.*)"


def cluster_names(_typed: str, config: Config) -> list[str]:
    """List what `-C` takes."""
    return [*config.clusters, *config.groups]


def profile_names(_typed: str, config: Config) -> list[str]:
    """List what `--profile` takes."""
    return [name for source in config.sources for name in source.tables.profiles]


def expressions(typed: str, config: Config) -> Iterable[str]:
    """List what the last operand of a node expression may become, after what stands before it."""
    match = re.fullmatch(_LAST_OPERAND, typed)
    assert match is not None
    operand = match["operand"]
    return (match["before"] + each for each in _operands(operand, config))


def _operands(operand: str, config: Config) -> Iterable[str]:
    if operand.startswith("^"):
        return _files(operand[1:])
    from trioexec.settings.sources import open_sources  # noqa: PLC0415 - slow to import

    sources = open_sources(
        groups=config.node_groups(),
        commands=config.commands,
        ansible_inventory=config.ansible_inventory,
    )
    source, colon, _ = operand[1:].rpartition(":")
    if operand.startswith("@") and colon:
        return (f"@{source}:{group}" for group in sources.groups(source))
    if operand.startswith("@"):
        return (f"@{name}" for name in (*sources.names(), *sources.groups("")))
    return _hosts(sources) if operand else ()


def _hosts(sources: Resolver) -> Iterable[str]:
    return sources.groups("ssh")


def _files(typed: str) -> Iterable[str]:
    folder = os.path.dirname(typed)  # noqa: PTH120 - a text, whose form is to stay
    with os.scandir(os.path.expanduser(folder) or ".") as entries:  # noqa: PTH111
        for entry in entries:
            path = os.path.join(folder, entry.name)  # noqa: PTH118 - a text
            yield f"^{path}/" if entry.is_dir() else f"^{path}"
