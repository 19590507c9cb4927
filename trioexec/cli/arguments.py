"""Splits a command line into options and words, as ssh users expect it.

Options end at the first word: what follows belongs to the command and is never
looked at.  Pure; what an option's text means is the business of its reader.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from trioexec.model.errors import UsageError
from trioexec.settings.layers import Given, Layer
from trioexec.settings.option import Option

__all__ = ["Arguments", "split"]

_SIMILAR = 0.6


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """A command line, taken apart."""

    layer: Layer
    words: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Hit:
    """An option as it was found."""

    option: Option
    flag: str
    text: str | None = None
    """Its value where that was in the same argument; "no" for a flag taken back."""


def split(argv: Sequence[str], options: Iterable[Option], *, words_end: bool = True) -> Arguments:
    """Take a command line apart.

    Args:
        argv: Without the program's and the subcommand's names.
        options: Those that may occur.
        words_end: Whether the first word ends the options; otherwise only ``--`` does.

    Raises:
        UsageError: There is no such option, or its value is missing or too much.
    """
    by_flag = _by_flag(options)
    texts: dict[str, list[str]] = {}
    where: dict[str, str] = {}
    words: list[str] = []
    rest = list(reversed(argv))
    while rest:
        argument = rest.pop()
        if argument == "--":
            words += reversed(rest)
            break
        if argument == "-" or not argument.startswith("-"):
            words.append(argument)
            if words_end:
                words += reversed(rest)
                break
            continue
        for hit in _hits(argument, by_flag):
            text = hit.text
            if text is None and hit.option.takes_value:
                if not rest:
                    metavar = hit.option.reader.metavar
                    raise UsageError(f"{hit.flag} needs a value.\nIt takes {metavar}.")
                text = rest.pop()
            texts.setdefault(hit.option.field, []).append("yes" if text is None else text)
            where[hit.option.field] = hit.flag
    given = {name: Given(texts=tuple(found), where=where[name]) for name, found in texts.items()}
    return Arguments(layer=Layer(name="command line", given=given), words=tuple(words))


def _by_flag(options: Iterable[Option]) -> dict[str, tuple[Option, bool]]:
    """Every way to write an option, with whether it gives it or takes it back."""
    by_flag: dict[str, tuple[Option, bool]] = {}
    for option in options:
        for flag in option.flags:
            by_flag[flag] = (option, True)
        if option.negative:
            by_flag.setdefault(option.negative, (option, False))
    return by_flag


def _hits(argument: str, by_flag: dict[str, tuple[Option, bool]]) -> list[_Hit]:
    return [_long(argument, by_flag)] if argument.startswith("--") else _short(argument, by_flag)


def _long(argument: str, by_flag: dict[str, tuple[Option, bool]]) -> _Hit:
    flag, equals, text = argument.partition("=")
    if flag not in by_flag:
        raise _unknown(flag, by_flag)
    option, positive = by_flag[flag]
    if option.takes_value:
        return _Hit(option, flag, text if equals else None)
    if equals:
        raise UsageError(f"{flag} takes no value, but got {text!r}.\nWrite {flag} alone.")
    return _Hit(option, flag, None if positive else "no")


def _short(argument: str, by_flag: dict[str, tuple[Option, bool]]) -> list[_Hit]:
    """``-kb`` is ``-k -b``; ``-p2222`` and ``-p=2222`` are ``-p 2222``."""
    hits = []
    for at, letter in enumerate(argument[1:], start=2):
        flag = f"-{letter}"
        if flag not in by_flag:
            raise _unknown(flag, by_flag, inside=argument)
        option, _ = by_flag[flag]
        rest = argument[at:]
        if option.takes_value:
            hits.append(_Hit(option, flag, rest.removeprefix("=") if rest else None))
            break
        if rest.startswith("="):
            raise UsageError(f"{flag} takes no value, but got {rest[1:]!r}.\nWrite {flag} alone.")
        hits.append(_Hit(option, flag))
    return hits


def _unknown(flag: str, by_flag: Iterable[str], *, inside: str = "") -> UsageError:
    import difflib  # noqa: PLC0415 - only on the way out with an error

    what = f"there is no option {flag}"
    if inside not in ("", flag):
        what += f" (in {inside})"
    near = difflib.get_close_matches(inside or flag, list(by_flag), n=1, cutoff=_SIMILAR)
    if inside and not near:
        # `-hosts` was meant as `--hosts`.
        near = difflib.get_close_matches(f"-{inside}", list(by_flag), n=1, cutoff=_SIMILAR)
    advice = f"Did you mean {near[0]}?" if near else "`trioexec --help` shows all options."
    return UsageError(f"{what}.\n{advice}")
