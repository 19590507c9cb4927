"""From a command line to a call whose every option is settled.

Where nothing but the command line says anything, and all of it makes sense, that is done
here, in less time than cyclopts takes to be imported; layers below it, and errors, are
cyclopts' business.  A test holds that both settle the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from trioexec.cli.arguments import split
from trioexec.cli.configured import configured
from trioexec.cli.declared import Flag, declared, flags_of
from trioexec.cli.invocation import Invocation
from trioexec.cli.options.general import groups_of
from trioexec.cli.registry import CommandModule
from trioexec.settings.layers import COMMAND_LINE, ENV_PREFIX, Given, Layer, Setting, environment

__all__ = ["read", "settle_plainly", "variables_of"]

_ASKED: Final = (("--help",), ("--version",))
"""All that is ours on the line of a command that has a grammar of its own."""


def read(module: CommandModule, argv: Sequence[str], env: Mapping[str, str]) -> Invocation:
    """Settle the options of one call of a command.

    Raises:
        UsageError: Whatever is wrong with one of them.
    """
    entry = module.entry
    groups = groups_of(entry)
    flags = flags_of(groups)
    if entry.raw:
        options, words = [one for one in argv[:1] if (one,) in _ASKED], tuple(argv)
        settings = settle_plainly(groups, options, flags)
        assert settings is not None
        return Invocation(name=module.name, words=words, settings=settings, env=env)
    options, words = split(argv, flags, words_end=entry.words_end)
    many = {flag.field for flag in flags.values() if flag.many}
    outer = environment(variables_of(groups), many, env)
    files = configured(entry.groups, [outer, _typed(options, flags)], env)
    layers = [*files.layers, outer]
    settings = None
    if not any(layer.given for layer in layers):
        settings = settle_plainly(groups, options, flags)
    if settings is None:
        from trioexec.cli.app import make_app, settle  # noqa: PLC0415 - imports cyclopts

        settings = settle(make_app(whole=False)[module.name], options, layers)
    return Invocation(name=module.name, words=words, settings=settings, env=env, configured=files)


def variables_of(groups: Iterable[type[Any]]) -> dict[str, str]:
    """Name the environment variables, by field."""
    return {
        name: ENV_PREFIX + flag.option.long_name[2:].upper().replace("-", "_")
        for group in groups
        for name, flag in declared(group).items()
        if flag.option.from_env
    }


def settle_plainly(
    groups: Sequence[type[Any]], options: Sequence[str], flags: Mapping[str, Flag]
) -> dict[str, Setting] | None:
    """Settle every option of a command by its command line alone; None where that is in error.

    Args:
        groups: The command's option groups.
        options: What was typed, each as ``--flag`` or ``--flag=value``.
        flags: What each of them means.
    """
    settings = {
        name: Setting(value=flag.default)
        for group in groups
        for name, flag in declared(group).items()
    }
    claimed: dict[str, str] = {}
    for one in options:
        name, _, text = one.partition("=")
        flag = flags[name]
        option = flag.option
        if any(claimed.setdefault(one, flag.field) != flag.field for one in option.sets):
            return None
        value: object = flag.value
        if option.read is not None:
            try:
                value = option.read(text, flag.hint)
            except ValueError:
                return None
        if flag.many:
            before = settings[flag.field]
            assert isinstance(before.value, tuple)
            value = (*before.value, value) if before.where else (value,)
        settings[flag.field] = Setting(value=value, source=COMMAND_LINE, where=name)
    return settings


def _typed(options: Sequence[str], flags: Mapping[str, Flag]) -> Layer:
    """Put the command line as a layer, for the files, of which it says which count."""
    given = {}
    for one in options:
        name, _, text = one.partition("=")
        given[flags[name].field] = Given(texts=(text,), where=name)
    return Layer(name=COMMAND_LINE, given=given)
