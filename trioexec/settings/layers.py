"""Who says what a setting is: layers of texts, the later ones stronger; a value knows its source.

Pure.  A layer is only texts under option names; where they come from is the
business of whoever makes the layer (`environment` here, `cli.arguments` for the
command line, a config file in between).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from trioexec.model.errors import UsageError
from trioexec.settings.option import ENV_PREFIX, Option
from trioexec.settings.readers import UnreadableError

__all__ = ["DEFAULT", "Given", "Layer", "Setting", "environment", "resolve", "strays"]

DEFAULT = "default"
"""The source of a value that nobody gave."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What one layer says of one option."""

    texts: tuple[str, ...]
    """In the order given; of an option that is not repeatable the last one counts."""

    where: str
    """How an error names it: the flag as typed, the variable, the line of a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One place where settings are made."""

    name: str
    given: Mapping[str, Given] = field(default_factory=dict)
    """By `Option.field`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """A value, and which layer it is from."""

    value: object
    source: str = DEFAULT
    where: str = ""


def environment(options: Iterable[Option], env: Mapping[str, str]) -> Layer:
    """Make the layer of ``TRIOEXEC_*``; an empty variable is as good as none.

    Several values of a repeatable option stand on lines of their own.
    """
    given = {}
    for option in options:
        text = env.get(option.env, "") if option.from_env else ""
        if text:
            texts = tuple(text.splitlines()) if option.many else (text,)
            given[option.field] = Given(texts=texts, where=option.env)
    return Layer(name="environment", given=given)


def strays(options: Iterable[Option], env: Mapping[str, str]) -> list[str]:
    """Name the ``TRIOEXEC_*`` variables that are no option: no typo may pass in silence."""
    known = {option.env for option in options if option.from_env}
    return sorted(name for name in env if name.startswith(ENV_PREFIX) and name not in known)


def resolve(options: Sequence[Option], layers: Sequence[Layer]) -> dict[str, Setting]:
    """Settle every option, by `Option.field`.

    Args:
        options: All there are.
        layers: Weakest first.

    Raises:
        UsageError: A text is no value of its option, or two options of one layer
            exclude each other.
    """
    settings = {option.field: Setting(value=option.default) for option in options}
    for layer in layers:
        claimed: dict[str, Option] = {}
        for option in options:
            given = layer.given.get(option.field)
            if given is None:
                continue
            value = _read(option, given)
            if option.exclusive and value:
                _claim(option, claimed, settings, options)
            settings[option.field] = Setting(value=value, source=layer.name, where=given.where)
    return settings


def _claim(
    option: Option,
    claimed: dict[str, Option],
    settings: dict[str, Setting],
    options: Sequence[Option],
) -> None:
    """Let an option of an exclusive set win over weaker layers, and fail within its own."""
    rival = claimed.setdefault(option.exclusive, option)
    if rival is not option:
        raise UsageError(
            f"{rival.long} and {option.long} exclude each other.\nLeave one of them out."
        )
    for other in options:
        if other.exclusive == option.exclusive:
            settings[other.field] = Setting(value=other.default)


def _read(option: Option, given: Given) -> object:
    try:
        if option.many:
            return tuple(option.reader.read(text) for text in given.texts)
        return option.reader.read(given.texts[-1])
    except UnreadableError as exc:
        raise UsageError(f"{given.where}: {exc}.") from exc
