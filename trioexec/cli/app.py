"""The command line as a cyclopts app: what parses, converts, checks, groups and documents.

A command is imported when its name is looked up here, and not before.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from cyclopts import App, Argument, ArgumentCollection, CycloptsError, Parameter, Token

from trioexec.cli.arguments import split
from trioexec.cli.configured import configured
from trioexec.cli.errors import explain
from trioexec.cli.invocation import Invocation
from trioexec.cli.options.general import groups_of
from trioexec.cli.parameters import declare, long_name
from trioexec.cli.quick import ASKED
from trioexec.cli.registry import COMMANDS, DEFAULT_COMMAND, CommandModule, load
from trioexec.model.errors import UsageError
from trioexec.settings.layers import COMMAND_LINE, ENV_PREFIX, Given, Layer, Setting, environment

__all__ = ["arguments_of", "field_of", "make_app", "read", "settle", "variables_of"]


class _Command(App):
    """A command whose options are put together once: to split the words off, and to parse."""

    _arguments: ArgumentCollection | None = None

    def assemble_argument_collection(self, **how: Any) -> ArgumentCollection:  # noqa: ANN401
        if how:
            return super().assemble_argument_collection(**how)
        if self._arguments is None:
            self._arguments = super().assemble_argument_collection()
        return self._arguments


def make_app(*, whole: bool = True) -> App:
    """Make the app.

    Args:
        whole: Whether `run` goes without its name as well; imports it.
    """
    app = App(name="trioexec", help_flags=(), version_flags=())
    for name, summary in COMMANDS.items():
        app.command(f"{__name__}:{name}", name=name, help=summary)
    if whole:
        app.default(_signature_of(load(DEFAULT_COMMAND)))
    return app


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Have cyclopts find a command by its import path, `trioexec.cli.app:NAME`."""
    if name not in COMMANDS:
        raise AttributeError(name)
    command = _Command(
        name=name,
        help_flags=(),
        version_flags=(),
        end_of_options_delimiter="",
        exit_on_error=False,
        print_error=False,
    )
    command.default(_signature_of(load(name)))
    return command


def _signature_of(module: CommandModule) -> Any:  # noqa: ANN401
    """Make a function that takes the command's options, a dataclass each."""

    def command(**groups: object) -> dict[str, object]:
        return groups

    groups = groups_of(module.entry)
    for group in groups:
        declare(group)
    signature = [
        inspect.Parameter(
            group.__name__,
            inspect.Parameter.KEYWORD_ONLY,
            default=group(),
            annotation=Annotated[group, Parameter(name="*")],
        )
        for group in groups
    ]
    command.__signature__ = inspect.Signature(signature)  # type: ignore[attr-defined]
    command.__doc__ = COMMANDS[module.name]
    return command


def arguments_of(app: App, name: str) -> ArgumentCollection:
    """List the options of a command as cyclopts knows them."""
    return _leaves(app[name].assemble_argument_collection())


def _leaves(arguments: ArgumentCollection) -> ArgumentCollection:
    """Leave out what stands for a whole dataclass."""
    leaves = arguments.copy()
    leaves[:] = [one for one in arguments if not one.children]
    return leaves


def field_of(argument: Argument) -> str:
    """Name an option's dataclass field."""
    return argument.keys[-1]


def variables_of(arguments: Iterable[Argument]) -> dict[str, str]:
    """Name the environment variables, by field."""
    return {
        field_of(one): ENV_PREFIX + long_name(one.names)[2:].upper().replace("-", "_")
        for one in arguments
        if one.parameter.show_env_var
    }


def read(module: CommandModule, argv: Sequence[str], env: Mapping[str, str]) -> Invocation:
    """Settle the options of one call of a command.

    Raises:
        UsageError: Whatever is wrong with one of them.
    """
    command = make_app(whole=False)[module.name]
    arguments = _leaves(command.assemble_argument_collection())
    if module.entry.raw:
        settings = settle(command, argv[:1] if tuple(argv[:1]) in ASKED else (), ())
        return Invocation(name=module.name, words=tuple(argv), settings=settings, env=env)
    options, words = split(argv, arguments, words_end=module.entry.words_end)
    many = {field_of(one) for one in arguments if one.token_count()[1]}
    outer = environment(variables_of(arguments), many, env)
    files = configured(module.entry.groups, [outer, _typed(options, arguments)], env)
    settings = settle(command, options, [*files.layers, outer])
    return Invocation(name=module.name, words=words, settings=settings, env=env, configured=files)


def _typed(options: Sequence[str], arguments: ArgumentCollection) -> Layer:
    """Put the command line as a layer, for the files, of which it says which count."""
    given = {}
    for one in options:
        flag, _, text = one.partition("=")
        argument, _, _ = arguments.match(flag)
        given[field_of(argument)] = Given(texts=(text,), where=flag)
    return Layer(name=COMMAND_LINE, given=given)


def settle(command: App, options: Sequence[str], layers: Sequence[Layer]) -> dict[str, Setting]:
    """Settle every option of a command, by its field.

    Args:
        command: Fresh of `make_app`; it keeps what it read.
        options: The command line's, without words.
        layers: What else there is, the weakest first.

    Raises:
        UsageError: Whatever is wrong with one of them.
    """
    command.config = (partial(_add_layers, layers),)
    try:
        command.parse_args(options)
    except CycloptsError as exc:
        raise UsageError(explain(exc)) from exc
    return {field_of(one): _setting(one) for one in _leaves(command.assemble_argument_collection())}


def _setting(argument: Argument) -> Setting:
    if not argument.tokens:
        return Setting(value=argument.field_info.default)
    last = argument.tokens[-1]
    source = COMMAND_LINE if last.source == "cli" else last.source
    return Setting(value=argument.value, source=source, where=last.keyword or "")


def _add_layers(
    layers: Sequence[Layer], _app: App, _names: tuple[str, ...], arguments: ArgumentCollection
) -> None:
    """Fill in what stronger layers leave open; the command line has been here already."""
    options = _leaves(arguments)
    for layer in reversed(layers):
        claimed = {
            group.name
            for one in options
            if one.tokens and _value(one, one.tokens)
            for group in _sets(one)
        }
        for one in options:
            given = layer.given.get(field_of(one))
            if given is None:
                continue
            tokens = [
                Token(keyword=given.where, value=text, source=layer.name, index=index)
                for index, text in enumerate(given.texts)
            ]
            _value(one, tokens)  # nonsense is nonsense, even where something stronger is said
            if not one.tokens and claimed.isdisjoint(group.name for group in _sets(one)):
                one.tokens = tokens


def _sets(argument: Argument) -> Iterable[Any]:
    """The sets of options of which at most one can hold."""
    return [group for group in argument.parameter.group or () if not group.show]  # type: ignore[union-attr]


def _value(argument: Argument, tokens: list[Token]) -> object:
    """Convert tokens without having them stay."""
    probe = copy.copy(argument)
    probe.tokens = tokens
    return probe.convert()
