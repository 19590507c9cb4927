"""From a command line to an exit code; the only place where errors become codes.

`except*` lives here and nowhere else: an exception group never travels further.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence

from trioexec.cli.arguments import split
from trioexec.cli.configured import configured
from trioexec.cli.invocation import Invocation
from trioexec.cli.options import GeneralOptions
from trioexec.cli.registry import COMMANDS, DEFAULT_COMMAND, CommandModule, load
from trioexec.cli.secrets import VARIABLES, hide_variables
from trioexec.model.errors import TrioexecError
from trioexec.model.exitcodes import BUG, INTERRUPTED, OK, OUTPUT_CLOSED, USAGE
from trioexec.settings.layers import environment, resolve, strays
from trioexec.settings.option import options_of

__all__ = ["main"]

OTHER_NAMES = frozenset({"pdsh"})
"""Programs that we are where we are called so; each is a command of ours as well."""

REPORT_BUGS = (
    "This is a bug in trioexec, not in what you asked for: please report it with the lines above."
)

_NOT_OPTIONS = VARIABLES | {"TRIOEXEC_NODE"}
"""Variables of ours that are no option: secrets, and the node's name for a local command."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run trioexec; returns what the process is to exit with and prints all errors itself."""
    arguments = _own_arguments() if argv is None else list(argv)
    code = OK
    try:
        env = dict(os.environ)
        hide_variables(os.environ)
        code = _dispatch(arguments, env)
        sys.stdout.flush()
    except* KeyboardInterrupt:
        code = INTERRUPTED
    except* BrokenPipeError:
        code = OUTPUT_CLOSED
        _drop_stdout()
    except* TrioexecError as group:
        code = USAGE
        _say_error(_first(group))
    except* Exception:  # noqa: BLE001 - the last wall: what is left is a bug, and is shown whole
        code = BUG
        sys.excepthook(*sys.exc_info())
        _say(REPORT_BUGS)
    return code


def _own_arguments() -> list[str]:
    """Take the process's; under the name of another program we are that."""
    name = os.path.basename(sys.argv[0])  # noqa: PTH119 - a text
    return [name, *sys.argv[1:]] if name in OTHER_NAMES else sys.argv[1:]


def _dispatch(arguments: list[str], env: Mapping[str, str]) -> int:
    name, rest = DEFAULT_COMMAND, arguments
    if arguments and arguments[0] in COMMANDS:
        name, rest = arguments[0], arguments[1:]
    module = load(name)
    invocation = read(module, rest, env)
    if invocation.settings["version"].value:
        from trioexec import __version__  # noqa: PLC0415 - hardly ever wanted

        sys.stdout.write(f"trioexec {__version__}\n")
        return OK
    if invocation.settings["help"].value:
        from trioexec.cli.help import help_for  # noqa: PLC0415 - hardly ever wanted

        sys.stdout.write(help_for(module, whole=name == DEFAULT_COMMAND and rest is arguments))
        return OK
    return module.main(invocation)


def read(module: CommandModule, arguments: Sequence[str], env: Mapping[str, str]) -> Invocation:
    """Settle the options of one call of a command.

    Raises:
        UsageError: Whatever is wrong with one of them.
    """
    options = options_of((*module.entry.groups, GeneralOptions))
    if module.entry.raw:
        asked = [word for word in arguments[:1] if word in ("--help", "--version")]
        settings = resolve(options, [split(asked, options).layer])
        return Invocation(name=module.name, words=tuple(arguments), settings=settings, env=env)
    split_up = split(arguments, options, words_end=module.entry.words_end)
    _warn_of_typos(env)
    outer = [environment(options, env), split_up.layer]
    files = configured(module.entry.groups, outer, env)
    settings = resolve(options, [*files.layers, *outer])
    return Invocation(
        name=module.name, words=split_up.words, settings=settings, env=env, configured=files
    )


def _warn_of_typos(env: Mapping[str, str]) -> None:
    """Name variables that look like options of ours and are none of any command's."""
    if not any(name.startswith("TRIOEXEC_") and name not in _NOT_OPTIONS for name in env):
        return
    groups = [group for name in COMMANDS for group in load(name).entry.groups]
    options = options_of([*groups, GeneralOptions])
    for name in strays(options, env):
        if name not in _NOT_OPTIONS:
            _say(f"{name} is set, but there is no such option; it is ignored.")


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Take one of several: each would be right, and two lines are enough."""
    exc: BaseException = group
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc


def _say_error(exc: BaseException) -> None:
    lines = str(exc).splitlines()
    if len(lines) == 1:
        lines.append("`trioexec --help` shows the options and some examples.")
    _say("\n".join(lines))


def _say(text: str) -> None:
    sys.stdout.flush()
    sys.stderr.write(f"trioexec: {text}\n")


def _drop_stdout() -> None:
    """Have nothing left for the interpreter to flush into the closed pipe when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
