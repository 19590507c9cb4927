"""The command line as a cyclopts app: what parses, converts, checks, groups and documents.

A command is imported when its name is looked up here, and not before.
"""

from __future__ import annotations

import copy
import inspect
from collections.abc import Iterable, Sequence
from functools import partial
from typing import Annotated, Any

from cyclopts import App, Argument, ArgumentCollection, CycloptsError, Parameter, Token

from trioexec.cli.errors import explain
from trioexec.cli.options.general import groups_of
from trioexec.cli.parameters import declare
from trioexec.cli.registry import COMMANDS, DEFAULT_COMMAND, CommandModule, load
from trioexec.model.errors import UsageError
from trioexec.settings.layers import COMMAND_LINE, Layer, Setting

__all__ = ["arguments_of", "field_of", "make_app", "settle"]


class _Command(App):
    """A command whose options are put together once: what was parsed is read from them."""

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
    """Make a function that takes the command's options, a group each."""

    def command(**groups: object) -> dict[str, object]:
        return groups

    groups = [declare(group) for group in groups_of(module.entry)]
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
    """Leave out what stands for a whole group."""
    leaves = arguments.copy()
    leaves[:] = [one for one in arguments if not one.children]
    return leaves


def field_of(argument: Argument) -> str:
    """Name an option's field."""
    return argument.keys[-1]


def settle(command: App, options: Sequence[str], layers: Sequence[Layer]) -> dict[str, Setting]:
    """Settle every option of a command, by its field.

    Args:
        command: Fresh of `make_app`; it keeps what it read.
        options: The command line's, without words: ``--flag`` or ``--flag=value``.
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
