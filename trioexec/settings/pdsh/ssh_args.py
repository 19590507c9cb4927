"""What PDSH_SSH_ARGS tells ssh, as options of our own ssh: there is no program to hand them to."""

from __future__ import annotations

import getopt
import shlex
from collections.abc import Mapping
from typing import Final, Literal

from msgspec import Struct, field

from trioexec.model.nodes import port_of
from trioexec.settings.pdsh.grammar import PdshError

__all__ = ["SshArgs", "read_ssh_args"]

_KNOWN: Final = "2axqTnvC46l:p:i:F:o:J:c:m:"
_NOTHING: Final = frozenset("2axqTnv")
"""What is so here anyway."""

_SETTINGS: Final = {"c": "Ciphers", "m": "MACs", "C": "Compression=yes"}
_FAMILIES: Final[dict[str, Literal["inet", "inet6"]]] = {"4": "inet", "6": "inet6"}


class SshArgs(Struct, kw_only=True):
    """What is to hold for every host."""

    user: str | None = None
    port: int | None = None
    identities: list[str] = field(default_factory=list)
    config_file: str | None = None
    settings: list[str] = field(default_factory=list)
    jump: str | None = None
    address_family: Literal["inet", "inet6"] | None = None


def read_ssh_args(env: Mapping[str, str]) -> SshArgs:
    """Read both variables.

    Raises:
        PdshError: They have something that our ssh does not do.
    """
    found = SshArgs()
    for variable in ("PDSH_SSH_ARGS_APPEND", "PDSH_SSH_ARGS"):
        if env.get(variable):
            _read(found, variable, env[variable])
    return found


def _read(found: SshArgs, variable: str, text: str) -> None:
    try:
        options, rest = getopt.gnu_getopt(shlex.split(text), _KNOWN)
    except (getopt.GetoptError, ValueError) as exc:
        raise PdshError(f"{variable}: {exc}; our own ssh is used, which does not know it") from exc
    for word in rest:
        if word != "%h":
            raise PdshError(f"{variable}: {word!r} is no option; a host is not named there")
    for flag, value in options:
        _take(found, variable, flag[1], value)


def _take(found: SshArgs, variable: str, letter: str, value: str) -> None:
    """Take one option; of one that is given twice the first counts, as for ssh."""
    if letter == "l":
        # The standard arguments have -l%u: pdsh's own user.
        found.user = found.user or (None if value == "%u" else value)
    elif letter == "p":
        found.port = found.port or _port(variable, value)
    elif letter == "i":
        found.identities.append(value)
    elif letter == "F":
        found.config_file = found.config_file or value
    elif letter == "J":
        found.jump = found.jump or value
    elif letter in _FAMILIES:
        found.address_family = _FAMILIES[letter]
    elif letter not in _NOTHING:
        found.settings.append(_SETTINGS[letter] if letter == "C" else _setting(letter, value))


def _port(variable: str, value: str) -> int:
    port = port_of(value)
    if port is None:
        raise PdshError(f"{variable}: {value!r} is no port")
    return port


def _setting(letter: str, text: str) -> str:
    """``-oPort=22`` and ``-o "Port 22"`` are the same; ``-c`` and ``-m`` have settings' names."""
    if letter in _SETTINGS:
        return f"{_SETTINGS[letter]}={text}"
    name, equals, value = text.partition("=")
    if not equals:
        name, _, value = text.strip().partition(" ")
    return f"{name.strip()}={value.strip()}"
