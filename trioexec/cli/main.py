"""From a command line to an exit code; the only place where errors become codes.

`except*` lives here and nowhere else: an exception group never travels further.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Mapping, MutableMapping, Sequence

from trioexec.cli.early import code_of, unwinding
from trioexec.cli.letters import unicode_allowed
from trioexec.cli.options.general import groups_of
from trioexec.cli.quick import help_text
from trioexec.cli.reading import read, variables_of
from trioexec.cli.registry import COMMANDS, DEFAULT_COMMAND, load
from trioexec.cli.secrets import VARIABLES, hide_variables
from trioexec.cli.shells import COMPLETE
from trioexec.model.errors import TrioexecError
from trioexec.model.exitcodes import BUG, INTERRUPTED, OK, OUTPUT_CLOSED, USAGE
from trioexec.model.hints import did_you_mean
from trioexec.model.nodes import NODE_VARIABLE
from trioexec.settings.layers import ENV_PREFIX, strays

__all__ = ["main"]

OTHER_NAMES = frozenset({"pdsh"})
"""Programs that we are where we are called so; each is a command of ours as well."""

REPORT_BUGS = (
    "This is a bug in trioexec, not in what you asked for: please report it with the lines above."
)

FEW_DESCRIPTORS = (
    "trioexec: too many open files for this process to go on.\nAllow more of them: ulimit -n 1024\n"
)

_NOT_WRITTEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EBADF}
"""What comes of a stdout that takes nothing: a full disk, a closed descriptor."""

_OUR_NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME")
"""As `getpass.getuser` looks for them, before it asks the system."""

_NOT_OPTIONS = VARIABLES | {NODE_VARIABLE}
"""Variables of ours that are no option: secrets, and the node's name for a local command."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run trioexec; returns what the process is to exit with and prints all errors itself."""
    arguments = _own_arguments() if argv is None else list(argv)
    code = OK
    try:
        env = dict(os.environ)
        hide_variables(os.environ)
        _name_account(os.environ)
        with unwinding():
            code = _dispatch(arguments, env)
            sys.stdout.flush()
    except* KeyboardInterrupt as group:
        code = code_of(_first(group)) or INTERRUPTED
    except* BrokenPipeError:
        code = OUTPUT_CLOSED
        _drop_stdout()
    except* TrioexecError as group:
        code = USAGE
        _say_error(_first(group), arguments)
    except* Exception as group:  # noqa: BLE001 - the last wall
        told = code_of(_first(group))
        if told is not None:
            code = told
        elif group.split(_not_written)[1] is None:
            code = OUTPUT_CLOSED
            _drop_stdout()
            _say(f"cannot write: {_first(group)}\nMake room there, or write elsewhere.")
        elif group.subgroup(_out_of_descriptors) is not None:
            code = USAGE
            sys.stderr.write(FEW_DESCRIPTORS)  # to import anything would take one more
        else:  # what is left is a bug, and is shown whole
            code = BUG
            _show_bug()
    return code


def _name_account(environ: MutableMapping[str, str]) -> None:
    """Give us a name where the system has none: asyncssh, for one, asks for it, and gives up."""
    if any(environ.get(name) for name in _OUR_NAMES):
        return
    import pwd  # noqa: PLC0415 - hardly ever wanted

    try:
        pwd.getpwuid(os.getuid())
    except KeyError:  # a container with a user id of its own
        environ["LOGNAME"] = str(os.getuid())


def _show_bug() -> None:
    from trioexec.sinks.tui.terminal import give_back  # noqa: PLC0415 - hardly ever wanted

    give_back()  # a bug of trio's leaves the screen as it is, and stderr with it
    sys.excepthook(*sys.exc_info())
    _say(REPORT_BUGS)


def _own_arguments() -> list[str]:
    """Take the process's; under the name of another program we are that."""
    name = os.path.basename(sys.argv[0])  # noqa: PTH119 - a text
    return [name, *sys.argv[1:]] if name in OTHER_NAMES else sys.argv[1:]


def _dispatch(arguments: list[str], env: Mapping[str, str]) -> int:
    if arguments[:1] == [COMPLETE]:
        from trioexec.cli.completing import answer  # noqa: PLC0415 - shells alone ask

        answer(arguments[1:], env)
        return OK
    if text := help_text(arguments, env):
        sys.stdout.write(text)
        return OK
    name, rest = DEFAULT_COMMAND, arguments
    if arguments and arguments[0] in COMMANDS:
        name, rest = arguments[0], arguments[1:]
    module = load(name)
    if not module.entry.raw:
        _warn_of_typos(env)
    invocation = read(module, rest, env)
    if invocation.settings["version"].value:
        from trioexec import __version__  # noqa: PLC0415 - hardly ever wanted

        sys.stdout.write(f"trioexec {__version__}\n")
        return OK
    if invocation.settings["help"].value:
        from trioexec.cli.help import print_help  # noqa: PLC0415 - hardly ever wanted

        print_help(module, whole=rest is arguments, unicode=unicode_allowed(env))
        return OK
    return module.main(invocation)


def _warn_of_typos(env: Mapping[str, str]) -> None:
    """Name variables that look like options of ours and are none of any command's."""
    if not any(name.startswith(ENV_PREFIX) and name not in _NOT_OPTIONS for name in env):
        return
    groups = {group for name in COMMANDS for group in groups_of(load(name).entry)}
    known = set(variables_of(groups).values())
    bare = [name.removeprefix(ENV_PREFIX) for name in known]
    for name in strays(known | _NOT_OPTIONS, env):
        near = did_you_mean(name.removeprefix(ENV_PREFIX), bare, prefix=ENV_PREFIX)
        _say(f"{name} is set, but there is no such option; it is ignored. {near}".rstrip())


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    """Take one of several: each would be right, and two lines are enough."""
    exc: BaseException = group
    while isinstance(exc, BaseExceptionGroup):
        exc = exc.exceptions[0]
    return exc


def _not_written(exc: BaseException) -> bool:
    return isinstance(exc, OSError) and exc.errno in _NOT_WRITTEN


def _out_of_descriptors(exc: BaseException) -> bool:
    return isinstance(exc, OSError) and exc.errno in {errno.EMFILE, errno.ENFILE}


def _say_error(exc: BaseException, arguments: Sequence[str]) -> None:
    lines = str(exc).splitlines()
    if len(lines) == 1:
        name = f"{arguments[0]} " if arguments and arguments[0] in COMMANDS else ""
        lines.append(f"`trioexec {name}--help` shows the options and some examples.")
    _say("\n".join(lines))


def _say(text: str) -> None:
    from trioexec.sinks.visible import visible  # noqa: PLC0415 - hardly ever wanted

    # It quotes files and variables, which can say anything.
    shown = visible(text.encode("utf-8", "backslashreplace")).decode()
    try:
        sys.stdout.flush()
    except OSError:
        _drop_stdout()  # the code stays that of what is said here
    sys.stderr.write(f"trioexec: {shown}\n")


def _drop_stdout() -> None:
    """Have nothing left for the interpreter to flush where nothing is taken, when it ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
