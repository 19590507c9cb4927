"""Cut a node expression into operators and operands, and word what is wrong with one.

The shape of the text only: ranges are read by `hostrange`, and what a word
means (a node, a glob, a group) is the business of `hostlist` and `hostselect`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple, Self

from trioexec.model.errors import NodeSetError

__all__ = ["MAX_NODES", "Operand", "PlacedText", "is_plain_list", "scan"]

MAX_NODES: Final = 1_000_000
"""No set may come to more: past this it is a slip of the keyboard, and only costs memory."""

SHOWN_CHARACTERS: Final = 60
"""Of an expression in an error, round the place: two lines must stay two lines."""

# Operators that an operand ends at; brackets protect them, except in a file's name.
_OPERAND = re.compile(r"(?:[^\[\],!&^]++|\[[^\[\]]*+\])*+")
_FILE = re.compile(r"\^[^,!&^]*")
_SPACE = re.compile(r"\s*")
_PLAIN_LIST = re.compile(r"[A-Za-z0-9_][\w.-]*(?:,[A-Za-z0-9_][\w.-]*)*", re.ASCII)


class PlacedText(str):
    """An expression that knows where it stands, for errors: ``line 3``."""

    __slots__ = ("place",)

    place: str

    def __new__(cls, text: str, place: str) -> Self:
        """Make one; `place` continues the name of the source."""
        self = super().__new__(cls, text)
        self.place = place
        return self


def is_plain_list(text: str) -> bool:
    """Say whether the text is nothing but names and commas, which needs no reading."""
    return _PLAIN_LIST.fullmatch(text) is not None


class Operand(NamedTuple):
    """One operand of an expression, with the operator before it."""

    operator: str
    """``,`` for the first, which is added to nothing."""

    text: str
    """Without the white space around it; never empty."""

    expression: str
    at: int
    """Index of `text` in `expression`."""

    where: str
    """Where the expression was found; empty on the command line."""

    @property
    def is_reference(self) -> bool:
        """Whether a source has to say what it stands for: ``@group``, ``^file``, ``-``."""
        return self.text[0] in "@^" or self.text == "-"

    def refusal(self, what: str, do: str, *, offset: int = 0) -> NodeSetError:
        """Word an error in two lines: where and what it is, and what to do.

        Args:
            what: What is wrong, with its full stop.
            do: What to write instead.
            offset: Index into `text` of what is wrong.
        """
        text, at = self.expression, self.at + offset
        start = max(0, at - SHOWN_CHARACTERS // 2) if len(text) > SHOWN_CHARACTERS else 0
        end = start + SHOWN_CHARACTERS
        shown = f"{'...' if start else ''}{text[start:end]}{'...' if end < len(text) else ''}"
        prefix = f"{self.where}: " if self.where else ""
        return NodeSetError(f"{prefix}{shown!r}, character {at + 1}: {what}\n{do}")

    def too_many(self, count: str) -> NodeSetError:
        """Word the refusal of a set that would be too large."""
        return self.refusal(
            f"{count} nodes, and no set may have more than {MAX_NODES:,}.",
            "Check the ends of the ranges; run a larger fleet in parts.",
        )


def scan(expression: str, where: str = "") -> Iterator[Operand]:
    """Yield the operands from left to right.

    A ``^`` where an operand is due begins the name of a file, which ends at the
    next operator; after an operand it is the symmetric difference.

    Raises:
        NodeSetError: An operand or a file's name is missing, or a bracket has no other half.
    """
    operator, at, size = ",", 0, len(expression)
    while True:
        at = _skip_space(expression, at)
        shape = _FILE if expression.startswith("^", at) else _OPERAND
        match = shape.match(expression, at)
        end = match.end() if match else at
        text = expression[at:end].rstrip()
        operand = Operand(operator, text, expression, at, where)
        if end < size and expression[end] in "[]":
            raise _bad_bracket(operand, end)
        if not text:
            raise _missing(operand, end)
        if text == "^":
            raise operand.refusal(
                "the name of a file is missing after '^'.",
                "Write one, as in ^nodes.txt; between two nodes ^ is an operator, as in 'a^b'.",
            )
        yield operand
        if end == size:
            return
        operator, at = expression[end], end + 1


def _skip_space(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def _missing(operand: Operand, end: int) -> NodeSetError:
    if not operand.expression.strip():
        return operand.refusal(
            "no node is named here.", "Name one, as in web1 or 'web[1-3]'.", offset=-operand.at
        )
    if end < len(operand.expression):
        what = f"a node is missing before {operand.expression[end]!r}."
    else:
        what = f"a node is missing after {operand.expression.rstrip()[-1]!r}."
    return operand.refusal(what, "Write one, or take the operator out: , adds, ! removes.")


def _bad_bracket(operand: Operand, end: int) -> NodeSetError:
    text, offset = operand.expression, end - operand.at
    do = "Write ranges as web[1-3,5], in quotes: the shell reads brackets too."
    if text[end] == "]":
        return operand.refusal("this bracket was never opened.", do, offset=offset)
    opens, closes = text.find("[", end + 1), text.find("]", end + 1)
    if 0 <= opens < closes:
        return operand.refusal("a bracket inside a bracket.", do, offset=opens - operand.at)
    return operand.refusal("this bracket is never closed.", do, offset=offset)
