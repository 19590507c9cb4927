"""The command line as a cyclopts app, derived from the same option table.

For what has time: shell completion, and reference pages.  Calls do not come through
here: cyclopts takes options from among the command's own words, and importing it
takes longer than all of `trioexec nodes`.  A test holds that both read alike.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Annotated, Any, Literal

from trioexec.cli.options import GeneralOptions
from trioexec.cli.registry import COMMANDS, DEFAULT_COMMAND, CommandEntry, load
from trioexec.settings.option import Option, options_of
from trioexec.settings.readers import Choice, Text

if TYPE_CHECKING:
    from collections.abc import Callable

    from cyclopts import App

__all__ = ["make_app"]


def make_app() -> App:
    """Make the app: a command of cyclopts for each of ours, `run` also without its name."""
    from cyclopts import App as CycloptsApp  # noqa: PLC0415 - slow, and hardly ever wanted

    app = CycloptsApp(name="trioexec", version_flags=(), help_flags=())
    for name, summary in COMMANDS.items():
        entry = load(name).entry
        app.command(_signature_of(entry, summary), name=name)
        if name == DEFAULT_COMMAND:
            app.default(_signature_of(entry, summary))
    return app


def _signature_of(entry: CommandEntry, summary: str) -> Callable[..., dict[str, Any]]:
    """Make a function that takes what the command takes, and gives it back."""

    def command(*words: str, **given: Any) -> dict[str, Any]:  # noqa: ANN401 - any option's value
        return {"words": words, **given}

    parameters = [inspect.Parameter("words", inspect.Parameter.VAR_POSITIONAL, annotation=str)]
    parameters += [_parameter(one) for one in options_of((*entry.groups, GeneralOptions))]
    command.__doc__ = summary
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {one.name: one.annotation for one in parameters}
    return command


def _parameter(option: Option) -> inspect.Parameter:
    from cyclopts import Group, Parameter  # noqa: PLC0415

    # Texts, not values: reading them, and saying what is wrong, is the readers' business.
    kind: Any = str if option.takes_value else bool
    default: Any = "" if option.takes_value else False
    if isinstance(option.reader, Choice):
        kind, default = Literal[option.reader.words], option.reader.words[0]
    elif isinstance(option.reader, Text) and option.reader.metavar in ("FILE", "DIR"):
        from pathlib import Path  # noqa: PLC0415

        kind, default = Path, Path()
    if option.many:
        kind, default = tuple[kind, ...], ()
    about = Parameter(
        name=option.flags,
        negative=option.negative or (),
        help=option.help,
        group=Group(option.panel),
        consume_multiple=False,
        allow_leading_hyphen=True,
    )
    return inspect.Parameter(
        option.field,
        inspect.Parameter.KEYWORD_ONLY,
        default=default,
        annotation=Annotated[kind, about],
    )
