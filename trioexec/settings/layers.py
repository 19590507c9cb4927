"""Who says what a setting is: layers of texts, the later ones stronger; a value knows its source.

Pure.  A layer is only texts under option names; where they come from is the business of
whoever makes the layer (`environment` here, the command line itself is `cli.reading`'s), and what
they mean is the option's.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from msgspec import Struct, field

__all__ = [
    "COMMAND_LINE",
    "DEFAULT",
    "ENVIRONMENT",
    "ENV_PREFIX",
    "Given",
    "Layer",
    "Setting",
    "environment",
    "strays",
]

DEFAULT = "default"
"""The source of a value that nobody gave."""

COMMAND_LINE = "command line"
"""The source of what was typed."""

ENVIRONMENT = "environment"
"""The source of what a variable said."""

ENV_PREFIX = "TRIOEXEC_"


class Given(Struct, frozen=True, kw_only=True):
    """What one layer says of one option."""

    texts: tuple[str, ...]
    """In the order given; of an option that is not repeatable the last one counts."""

    where: str
    """How an error names it: the flag as typed, the variable, the line of a file."""


class Layer(Struct, frozen=True, kw_only=True):
    """One place where settings are made."""

    name: str
    given: Mapping[str, Given] = field(default_factory=dict)
    """By the option's field."""


class Setting(Struct, frozen=True, kw_only=True):
    """A value, and which layer it is from."""

    value: object
    source: str = DEFAULT
    where: str = ""


def environment(
    variables: Mapping[str, str], repeatable: Collection[str], env: Mapping[str, str]
) -> Layer:
    """Make the layer of ``TRIOEXEC_*``; an empty variable is as good as none.

    Args:
        variables: The options' names in the environment, by field.
        repeatable: Fields whose several values stand on lines of their own.
        env: The environment.
    """
    given = {}
    for name, variable in variables.items():
        text = env.get(variable, "")
        if text:
            texts = tuple(text.splitlines()) if name in repeatable else (text,)
            given[name] = Given(texts=texts, where=variable)
    return Layer(name=ENVIRONMENT, given=given)


def strays(known: Collection[str], env: Mapping[str, str]) -> list[str]:
    """Name the ``TRIOEXEC_*`` variables that are no option: no typo may pass in silence."""
    return sorted(name for name in env if name.startswith(ENV_PREFIX) and name not in known)
