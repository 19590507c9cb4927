"""A node's own words in a command: ``%h`` for its host and so on.  Pure.

A word goes into the command as it is, whatever quotes stand round it there; so a word
that a shell could read as more than a word is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from trioexec.model.errors import UsageError
from trioexec.model.nodes import Node

__all__ = ["KNOWN", "SubstituteError", "check_template", "substitute", "words_of"]

KNOWN: Final = {
    "h": "the host that is connected to",
    "u": "the user who logs in",
    "p": "the port",
    "n": "the node's name, as typed",
    "r": "the node's rank: 0 for the first",
}

_WORD: Final = r"(?s)%(.?)"
_SAFE: Final = r"(?a)(?!-)[\w@.:,+/=%\[\]-]+"


class SubstituteError(UsageError):
    """A node's word cannot stand in a command."""


def check_template(text: str) -> None:
    """Refuse a command with words that do not exist.

    Raises:
        UsageError: It has one.
    """
    for found in re.finditer(_WORD, text):
        if found[1] != "%" and found[1] not in KNOWN:
            known = ", ".join(f"%{letter}" for letter in KNOWN)
            raise UsageError(
                f"--substitute: {found[0]!r} is no word of a node.\n"
                f"There are {known}, and %% for a percent sign."
            )


def words_of(*, node: Node, host: str, user: str, port: int) -> dict[str, str]:
    """Give a node's words, by letter."""
    return {"h": host, "u": user, "p": str(port), "n": node.name, "r": str(node.rank)}


def substitute(text: str, words: Mapping[str, str]) -> str:
    """Put the words into a command that `check_template` has passed.

    Raises:
        SubstituteError: A word that is used could be read as more than a word.
    """

    def put(found: re.Match[str]) -> str:
        if found[1] == "%":
            return "%"
        word = words[found[1]]
        if not re.fullmatch(_SAFE, word):
            raise SubstituteError(
                f"{found[0]} is {word!r} here, which a shell could take for more than a word"
            )
        return word

    return re.sub(_WORD, put, text)
