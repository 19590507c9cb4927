"""The options of pdsh, as its users type them and its variables say them.

Pure.  A mistake is a `PdshError`, whose text is for stderr as it is.
"""

from __future__ import annotations

import getopt
import re
from collections.abc import Mapping, Sequence
from typing import Final, Literal

from msgspec import Struct, field

from trioexec.model.errors import UsageError

__all__ = ["DEFAULT_FANOUT", "OPTIONS", "USAGE", "PdshError", "PdshOptions", "Selector", "parse"]

DEFAULT_FANOUT: Final = 32
DEFAULT_CONNECT_TIMEOUT_S: Final = 10

OPTIONS: Final = "hVLqbdSNkaAl:t:u:f:w:x:R:M:g:X:"
"""As getopt has it."""

USAGE: Final = """\
Usage: pdsh [-options] command ...
-S                return largest of remote command return values
-h                output usage menu and quit
-V                output version information and quit
-L                list the ways to run commands and quit
-q                list the option settings and quit
-b                disable ^C status feature (batch mode)
-d                list nodes that wait as well on ^C
-k                stop everything when one command fails
-l user           execute remote commands as user
-t seconds        set connect timeout (default is 10 sec)
-u seconds        set command timeout (no default)
-f n              use fanout of n nodes
-w host,host,...  set target node list on command line
-x host,host,...  set node exclusion list on command line
-g group,...      target nodes of groups, as @group
-X group,...      exclude nodes of groups
-a, -A            target all nodes of the default groups, as @*
-R name           run by ssh or exec (default: ssh)
-M name,...       accepted; there are no modules to choose from
-N                disable hostname: labels on output lines
"""

Rcmd = Literal["ssh", "exec"]
_LEADING_INT: Final = re.compile(r"\s*([+-]?\d+)")
_INT_MAX: Final = 2**31 - 1
"""What is beyond is that: no more nodes at once, and no later."""


class PdshError(UsageError):
    """A command line that pdsh refuses; its text is said as it is."""

    def __init__(self, text: str, *, usage: bool = False) -> None:
        super().__init__(text)
        self.usage = usage
        """Whether the menu of options follows."""


class Selector(Struct, frozen=True, kw_only=True):
    """One option that chooses hosts, in the order given."""

    kind: Literal["-w", "-x", "-g", "-X", "-a"]
    text: str = ""


class PdshOptions(Struct, frozen=True, kw_only=True):
    """A command line, read."""

    ask: Literal["run", "usage", "version", "modules", "settings"] = "run"
    selectors: tuple[Selector, ...] = ()
    words: tuple[str, ...] = ()
    rcmd: str = "ssh"
    user: str | None = None
    fanout: int = DEFAULT_FANOUT
    connect_timeout_s: int = DEFAULT_CONNECT_TIMEOUT_S
    command_timeout_s: int = 0
    largest_code: bool = False
    batch: bool = False
    labels: bool = True
    debug: bool = False
    fail_fast: bool = False


class _Found(Struct):
    """What the walk through the options has come to."""

    values: dict[str, str] = field(default_factory=dict)
    flags: set[str] = field(default_factory=set)
    selectors: list[Selector] = field(default_factory=list)


def parse(argv: Sequence[str], env: Mapping[str, str]) -> PdshOptions:
    """Read a command line.

    Raises:
        PdshError: There is no such option, or a value is none.
    """
    found, words = _walk(argv)
    if "-h" in found.flags:
        return PdshOptions(ask="usage")
    if "-V" in found.flags:
        return PdshOptions(ask="version")
    if "-L" in found.flags:
        return PdshOptions(ask="modules")
    rcmd = found.values.get("-R", env.get("PDSH_RCMD_TYPE") or "ssh")
    if rcmd == "exec" and ("-t" in found.values or "PDSH_CONNECT_TIMEOUT" in env):
        raise PdshError('Cannot specify -t with "-R exec"')
    return PdshOptions(
        ask="settings" if "-q" in found.flags else "run",
        selectors=tuple(found.selectors),
        words=tuple(words),
        rcmd=rcmd,
        user=found.values.get("-l"),
        fanout=_fanout(found, env),
        connect_timeout_s=_seconds(
            "connect", found.values.get("-t"), env, DEFAULT_CONNECT_TIMEOUT_S
        ),
        command_timeout_s=_seconds("command", found.values.get("-u"), env, 0),
        largest_code="-S" in found.flags,
        batch="-b" in found.flags,
        labels="-N" not in found.flags,
        debug="-d" in found.flags,
        fail_fast="-k" in found.flags,
    )


def _walk(argv: Sequence[str]) -> tuple[_Found, list[str]]:
    try:
        options, words = getopt.getopt(list(argv), OPTIONS)
    except getopt.GetoptError as exc:
        what = "option requires an argument" if "requires" in exc.msg else "invalid option"
        raise PdshError(f"pdsh: {what} -- '{exc.opt}'", usage=True) from exc
    found = _Found()
    for flag, value in options:
        match flag:
            case "-w" | "-x" | "-g" | "-X":
                found.selectors.append(Selector(kind=flag, text=value))
            case "-a" | "-A":
                found.selectors.append(Selector(kind="-a"))
            case _ if value or f"{flag[1]}:" in OPTIONS:
                found.values[flag] = value
            case _:
                found.flags.add(flag)
    return found, words


def _fanout(found: _Found, env: Mapping[str, str]) -> int:
    text, what = found.values.get("-f"), "`{}' passed to -f."
    if text is None and env.get("FANOUT"):
        text, what = env["FANOUT"], "{}"
    if text is None:
        return DEFAULT_FANOUT
    try:
        return min(int(text), _INT_MAX)
    except ValueError:
        if "-f" in found.values:
            raise PdshError(f"Invalid fanout {what.format(text)}") from None
        raise PdshError(f"Invalid environment variable FANOUT={text}") from None


def _seconds(what: str, given: str | None, env: Mapping[str, str], default: int) -> int:
    """Read seconds as pdsh does: an option's text that is no number is 0, a variable's an error."""
    variable = f"PDSH_{what.upper()}_TIMEOUT"
    text = env.get(variable, "") if given is None else given
    match = _LEADING_INT.match(text)
    if given is None and text and (match is None or match.end() < len(text)):
        raise PdshError(f"Invalid environment variable {variable}={text}")
    if given is None and not text:
        return default
    seconds = int(match[1][: len(str(_INT_MAX)) + 2]) if match else 0
    if seconds < 0:
        raise PdshError(f"{what} timeout must be >= 0")
    return min(seconds, _INT_MAX)
