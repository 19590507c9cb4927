"""Splits a command line into options and words, as ssh users expect it.

Options end at the first word: what follows belongs to the command, is never looked at,
and never reaches cyclopts, which would find options among it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from trioexec.cli.declared import Flag, Option
from trioexec.model.errors import UsageError
from trioexec.model.hints import did_you_mean

__all__ = ["split"]


def split(
    argv: Sequence[str], flags: Mapping[str, Flag], *, words_end: bool = True
) -> tuple[list[str], tuple[str, ...]]:
    """Take a command line apart.

    Args:
        argv: Without the program's and the command's names.
        flags: Those that may occur, by name.
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
            found.append(_long(argument, flags, rest))
        else:
            found += _short(argument, flags, rest)
    return found, tuple(words)


def _long(argument: str, flags: Mapping[str, Flag], rest: Iterator[str]) -> str:
    flag, equals, _ = argument.partition("=")
    option = _find(flag, flags)
    takes_value = option.read is not None
    if takes_value and not equals:
        return f"{flag}={_next(rest, flag, option)}"
    if equals and not takes_value:
        raise _too_much(argument)
    return argument


def _short(argument: str, flags: Mapping[str, Flag], rest: Iterator[str]) -> Iterator[str]:
    """``-kb`` is ``-k -b``; ``-p2222`` and ``-p=2222`` are ``-p 2222``."""
    for at, letter in enumerate(argument[1:], start=2):
        flag, tail = f"-{letter}", argument[at:]
        option = _find(flag, flags, inside=argument)
        if option.read is not None:
            value = tail.removeprefix("=") if tail else _next(rest, flag, option)
            yield f"{flag}={value}"
            return
        if tail.startswith("="):
            raise _too_much(flag + tail)
        yield flag


def _find(flag: str, flags: Mapping[str, Flag], inside: str = "") -> Option:
    if flag not in flags:
        raise _unknown(flag, flags, inside)
    return flags[flag].option


def _next(rest: Iterator[str], flag: str, option: Option) -> str:
    value = next(rest, None)
    if value is None:
        raise UsageError(f"{flag} needs a value.\nIt takes {option.metavar}.")
    return value


def _too_much(argument: str) -> UsageError:
    flag, _, value = argument.partition("=")
    return UsageError(f"{flag} takes no value, but got {value!r}.\nWrite {flag} alone.")


def _unknown(flag: str, flags: Mapping[str, Flag], inside: str) -> UsageError:
    what = f"there is no option {flag}"
    if inside not in ("", flag):
        what += f" (in {inside})"
    typed = (inside or flag).lstrip("-")  # `-hosts` was meant as `--hosts`
    # What takes an option back is meant only by who says so: else each would be named twice.
    names = [
        name[2:]
        for name, known in flags.items()
        if name.startswith("--") and (known.value or typed.startswith("no"))
    ]
    near = did_you_mean(typed, names, prefix="--")
    return UsageError(f"{what}.\n{near}" if near else f"{what}.")
