"""One call of a command: its options settled, its words as typed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from msgspec import Struct, field

from trioexec.cli.configured import Configured
from trioexec.cli.declared import declared
from trioexec.settings.layers import Setting

if TYPE_CHECKING:
    from trioexec.model.nodes import Node

__all__ = ["Invocation"]

_T = TypeVar("_T")


class Invocation(Struct, frozen=True, kw_only=True):
    """What a command's `main` gets."""

    name: str
    words: tuple[str, ...]
    settings: Mapping[str, Setting]
    """By `Option.field`; every option of the command, each with its source."""

    env: Mapping[str, str]
    """Our environment, for what is no option: NO_COLOR, the cluster's own variables."""

    configured: Configured = field(default_factory=Configured)
    """What the config files come to."""

    nodes: tuple[Node, ...] = ()
    """Where they are known already, for whom no option and no file has a say any more."""

    def options(self, group: type[_T]) -> _T:
        """Fill one of the command's option groups."""
        values: dict[str, Any] = {name: self.settings[name].value for name in declared(group)}
        return group(**values)

    def is_given(self, field: str) -> bool:
        """Whether anybody gave the option, even as what the default is."""
        return self.settings[field].where != ""
