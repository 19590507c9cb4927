"""Splits a command line into options and words, as ssh users expect it.

Options end at the first word: what follows belongs to the command, is never looked at,
and never reaches cyclopts, which would find options among it.  Which options there are
and which take a value is asked of cyclopts; what their texts mean is its business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cyclopts import UNSET, Argument, ArgumentCollection

from trioexec.model.errors import UsageError

__all__ = ["split"]

_SIMILAR = 0.6


def split(
    argv: Sequence[str], options: ArgumentCollection, *, words_end: bool = True
) -> tuple[list[str], tuple[str, ...]]:
    """Take a command line apart.

    Args:
        argv: Without the program's and the command's names.
        options: Those that may occur.
        words_end: Whether the first word ends the options; otherwise only ``--`` does.

    Returns:
        The options, each as ``--flag`` or ``--flag=value``, and the words.

    Raises:
        UsageError: There is no such option, or its value is missing or too much.
    """
    found: list[str] = []
    words: list[str] = []
    rest = iter(argv)
    for argument in rest:
        if argument == "--":
            words += rest
        elif argument == "-" or not argument.startswith("-"):
            words.append(argument)
            if words_end:
                words += rest
        elif argument.startswith("--"):
            found.append(_long(argument, options, rest))
        else:
            found += _short(argument, options, rest)
    return found, tuple(words)


def _long(argument: str, options: ArgumentCollection, rest: Iterator[str]) -> str:
    flag, equals, _ = argument.partition("=")
    option, takes_value = _find(flag, options)
    if takes_value and not equals:
        return f"{flag}={_next(rest, flag, option)}"
    if equals and not takes_value:
        raise _too_much(argument)
    return argument


def _short(argument: str, options: ArgumentCollection, rest: Iterator[str]) -> Iterator[str]:
    """``-kb`` is ``-k -b``; ``-p2222`` and ``-p=2222`` are ``-p 2222``."""
    for at, letter in enumerate(argument[1:], start=2):
        flag, tail = f"-{letter}", argument[at:]
        option, takes_value = _find(flag, options, inside=argument)
        if takes_value:
            value = tail.removeprefix("=") if tail else _next(rest, flag, option)
            yield f"{flag}={value}"
            return
        if tail.startswith("="):
            raise _too_much(flag + tail)
        yield flag


def _find(flag: str, options: ArgumentCollection, inside: str = "") -> tuple[Argument, bool]:
    try:
        option, _, implicit_value = options.match(flag)
    except ValueError:
        raise _unknown(flag, options, inside) from None
    return option, implicit_value is UNSET


def _next(rest: Iterator[str], flag: str, option: Argument) -> str:
    value = next(rest, None)
    if value is None:
        raise UsageError(f"{flag} needs a value.\nIt takes {option.parameter.metavar}.")
    return value


def _too_much(argument: str) -> UsageError:
    flag, _, value = argument.partition("=")
    return UsageError(f"{flag} takes no value, but got {value!r}.\nWrite {flag} alone.")


def _unknown(flag: str, options: ArgumentCollection, inside: str) -> UsageError:
    import difflib  # noqa: PLC0415 - only on the way out with an error

    what = f"there is no option {flag}"
    if inside not in ("", flag):
        what += f" (in {inside})"
    # Bare, or the dashes alone would make any two of them similar.
    names = {n[2:]: n for option in options for n in option.names if n.startswith("--")}
    bare = (inside or flag).lstrip("-")  # `-hosts` was meant as `--hosts`
    near = [names[n] for n in difflib.get_close_matches(bare, names, n=1, cutoff=_SIMILAR)]
    advice = f"Did you mean {near[0]}?" if near else "`trioexec --help` shows all options."
    return UsageError(f"{what}.\n{advice}")
