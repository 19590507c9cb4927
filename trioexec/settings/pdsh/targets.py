"""Which hosts pdsh's options choose, what they are called in the output, and how a list is folded.

``-w`` items are hosts with ranges, ``-host`` and ``-/regex/`` to leave out, ``/regex/`` to
keep, ``^file`` and ``-``; ``user@`` and ``ssh:`` may stand before a host.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

from msgspec import Struct

from trioexec.settings.pdsh.grammar import PdshError, Selector

__all__ = ["Target", "choose", "fold", "labels"]

MAX_DEPTH: Final = 16
"""Of #include in #include."""

Expand = Callable[[str], Iterable[str]]
"""Makes names of one expression, ``web[1-3]`` or ``@group``."""

_ITEM: Final = re.compile(r"(?:\[[^\]]*\]|[^,\s])+")
_REGEX: Final = re.compile(r"/(.*?)/?")
_PREFIX: Final = re.compile(
    r"(?:(?P<rcmd>ssh|exec|rsh|mrsh|krb4|xcpu):)?(?:(?P<user>[^@\s]+)@)?(?P<rest>.+)"
)
_ADDRESS: Final = re.compile(r"[\d.]+|.*:.*")
_NUMBER: Final = re.compile(r"(.*?)(\d+)")


class Target(Struct, frozen=True, kw_only=True):
    """One host."""

    host: str
    user: str | None = None


def choose(
    selectors: Sequence[Selector],
    *,
    expand: Expand,
    rcmd: str,
    wcoll: str | None,
    read_stdin: Callable[[], Iterable[str]],
) -> list[Target]:
    """List the hosts, in the order given, each once.

    Args:
        selectors: The options.
        expand: Makes names of an expression.
        rcmd: How commands are run; an item may only name the same.
        wcoll: The file to read where no option names a host.
        read_stdin: Gives the lines of stdin.

    Raises:
        PdshError: A file cannot be read, or an item names another way to run commands.
        UsageError: An expression cannot be read.
    """
    return _Chooser(expand, rcmd, read_stdin).choose(selectors, wcoll)


class _Chooser:
    """Adds hosts up, and what is to be taken off in the end."""

    def __init__(self, expand: Expand, rcmd: str, read_stdin: Callable[[], Iterable[str]]) -> None:
        self._expand = expand
        self._rcmd = rcmd
        self._read_stdin = read_stdin
        self._hosts: dict[str, Target] = {}
        self._out: set[str] = set()
        self._keep: list[re.Pattern[str]] = []
        self._drop: list[re.Pattern[str]] = []

    def choose(self, selectors: Sequence[Selector], wcoll: str | None) -> list[Target]:
        for selector in selectors:
            match selector.kind:
                case "-w" if selector.text == "-":  # in a list it is nothing to pdsh
                    for line in self._read_stdin():
                        self._line(line, leave_out=False)
                case "-w" | "-x":
                    for item in _ITEM.findall(selector.text):
                        self._item(item, leave_out=selector.kind == "-x")
                case "-g" | "-X":
                    for name in _ITEM.findall(selector.text):
                        self._item(f"@{name}", leave_out=selector.kind == "-X")
                case "-a":
                    self._item("@*", leave_out=False)
        if not self._hosts and wcoll and not any(one.kind in "-g-a" for one in selectors):
            self._item(f"^{wcoll}", leave_out=False)
        return [target for target in self._hosts.values() if self._is_wanted(target.host)]

    def _is_wanted(self, host: str) -> bool:
        return (
            host not in self._out
            and all(regex.search(host) for regex in self._keep)
            and not any(regex.search(host) for regex in self._drop)
        )

    def _item(self, item: str, *, leave_out: bool) -> None:
        if item == "-":
            return
        if item.startswith("-"):
            self._item(item[1:], leave_out=True)
        elif item.startswith("/"):
            (self._drop if leave_out else self._keep).append(_regex(item))
        elif item == "^":
            raise PdshError("^: the name of a file is missing")
        elif item.startswith("^"):
            for line in _lines(item[1:]):
                self._line(line, leave_out=leave_out)
        elif leave_out:
            self._out.update(self._names(item)[1])
        else:
            user, names = self._names(item)
            for name in names:
                self._hosts.setdefault(name, Target(host=name, user=user))

    def _line(self, line: str, *, leave_out: bool) -> None:
        for item in _ITEM.findall(line.partition("#")[0]):
            if leave_out:
                self._out.update(self._names(item)[1])
            else:
                self._item(item, leave_out=False)

    def _names(self, item: str) -> tuple[str | None, list[str]]:
        if item.startswith("@"):
            return None, list(self._expand(item))
        match = _PREFIX.fullmatch(item)
        assert match is not None
        if match["rcmd"] and match["rcmd"] != self._rcmd:
            raise PdshError(
                f"{item}: only {self._rcmd} is used here, for all hosts; name it with -R"
            )
        return match["user"], list(self._expand(match["rest"]))


def _regex(item: str) -> re.Pattern[str]:
    match = _REGEX.fullmatch(item)
    assert match is not None
    try:
        return re.compile(match[1])
    except re.error as exc:
        raise PdshError(f"{item}: {exc}") from exc


def _lines(name: str, depth: int = 0) -> Iterator[str]:
    path = Path(name)
    if depth > MAX_DEPTH:
        raise PdshError(f"{name}: included more than {MAX_DEPTH} deep")
    try:
        lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
    except OSError as exc:
        raise PdshError(f"{name}: {exc.strerror}") from exc
    for line in lines:
        words = line.split()
        if words[:1] == ["#include"] and len(words) > 1:
            yield from _lines(str(path.parent / words[1]), depth + 1)
        else:
            yield line


def labels(hosts: Sequence[str]) -> dict[str, str]:
    """Say what each host is called: without its domain, where all that have one have the same."""
    domains = {host.partition(".")[2] for host in hosts} - {""}
    if len(domains) != 1 or any(_ADDRESS.fullmatch(host) for host in hosts):
        return {host: host for host in hosts}
    return {host: host.partition(".")[0] for host in hosts}


def fold(hosts: Iterable[str]) -> str:
    """Fold a list as pdsh does: neighbours only, in the order given."""
    parts: list[tuple[str, list[list[str]]]] = []
    for host in hosts:
        match = _NUMBER.fullmatch(host)
        prefix, number = (match[1], match[2]) if match else (host, "")
        if not (parts and parts[-1][0] == prefix and number and parts[-1][1]):
            parts.append((prefix, [[number, number]] if number else []))
        elif _follows(parts[-1][1][-1][1], number):
            parts[-1][1][-1][1] = number
        else:
            parts[-1][1].append([number, number])
    return ",".join(_part(prefix, runs) for prefix, runs in parts)


def _follows(before: str, number: str) -> bool:
    padded = before.startswith("0") or number.startswith("0")
    return int(number) == int(before) + 1 and (not padded or len(before) == len(number))


def _part(prefix: str, runs: list[list[str]]) -> str:
    if not runs or (len(runs) == 1 and runs[0][0] == runs[0][1]):
        return prefix + (runs[0][0] if runs else "")
    return f"{prefix}[{','.join(a if a == b else f'{a}-{b}' for a, b in runs)}]"
