"""The command of one host: pdsh's words ``%h``, ``%u`` and ``%n``, and its PATH."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence
from typing import Final

from trioexec.settings.pdsh.grammar import PdshError

__all__ = ["command_for", "fill"]

_WORD: Final = re.compile("%(.)", re.DOTALL)
_SAFE: Final = re.compile(r"[\w@.:,+/=%\[\]-]*", re.ASCII)


def command_for(
    words: Sequence[str], values: Mapping[str, str], *, rcmd: str, path: str = ""
) -> str:
    """Make the text that a shell is to interpret.

    Args:
        words: The command, as typed.
        values: What ``h``, ``u`` and ``n`` stand for.
        rcmd: ``ssh`` joins the words for the node's shell; ``exec`` runs a program with them.
        path: What DSHPATH says.

    Raises:
        PdshError: A word could be read as more than a word.
    """
    if rcmd == "exec":
        return "exec " + shlex.join(fill(word, values) for word in words)
    for letter, value in values.items():
        if not _SAFE.fullmatch(value):
            raise PdshError(f"%{letter} is {value!r}, which a shell could take for more")
    text = fill(" ".join(words), values)
    return f"PATH={shlex.quote(path)};{text}" if path else text


def fill(text: str, values: Mapping[str, str]) -> str:
    """Put values in the place of their words; what is no word stays as it is."""

    def put(match: re.Match[str]) -> str:
        return "%" if match[1] == "%" else values.get(match[1], match[0])

    return _WORD.sub(put, text)
