"""Evaluate a node expression from left to right, whatever its words stand for.

`hostlist` runs it over nodes and `hostselect` over positions in a run; the
operators, the references and the limit are the same for both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Generic, TypeVar

from trioexec.model.hostrange import write_out
from trioexec.model.hostscan import MAX_NODES, Operand, PlacedText, is_plain_list, scan

__all__ = ["Algebra", "Sources"]

Sources = Callable[[str], Iterable[str]]
"""Says what ``@group``, ``^file`` or ``-`` stands for: more expressions."""

K = TypeVar("K")

MAX_DEPTH = 20
"""Of references in references; deeper is a circle that changes its name."""


class Algebra(Generic[K]):
    """Evaluates expressions to ordered sets: dicts from an identity to the word as typed."""

    def __init__(
        self,
        *,
        take: Callable[[Operand, list[str]], dict[K, str]],
        take_plain: Callable[[list[str]], dict[K, str]],
        sources: Sources | None,
    ) -> None:
        """Keep what the words mean.

        Args:
            take: Turns the words that an operand was written out to into a set.
            take_plain: The same for words known to be names without user, port or bracket.
            sources: None where nothing may be referred to.
        """
        self._take = take
        self._take_plain = take_plain
        self._sources = sources
        self._open: list[str] = []

    def union(self, expressions: Iterable[str]) -> dict[K, str]:
        """Evaluate each expression by itself and add them up in order.

        Raises:
            NodeSetError: An expression cannot be read, or the set grows too large.
        """
        result: dict[K, str] = {}
        for expression in expressions:
            self._add(result, self.evaluate(expression), expression)
        return result

    def evaluate(self, expression: str, where: str = "") -> dict[K, str]:
        """Evaluate one expression; operators go from left to right, none binds tighter."""
        if is_plain_list(expression):
            return self._take_plain(expression.split(","))
        result: dict[K, str] = {}
        for operand in scan(expression, where):
            other = self._read(operand)
            match operand.operator:
                case ",":
                    self._add(result, other, expression, where)
                case "!":
                    for key in other:
                        result.pop(key, None)
                case "&":
                    result = {key: word for key, word in result.items() if key in other}
                case _:
                    both = result.keys() & other.keys()
                    self._add(result, other, expression, where)
                    for key in both:
                        del result[key]
        return result

    def _read(self, operand: Operand) -> dict[K, str]:
        if not operand.is_reference:
            return self._take(operand, write_out(operand))
        if not operand.text.startswith("@"):
            return self._look_up(operand, operand.text)
        result: dict[K, str] = {}
        for name in write_out(operand):
            self._add(result, self._look_up(operand, name), operand.expression, operand.where)
        return result

    def _look_up(self, operand: Operand, reference: str) -> dict[K, str]:
        if self._sources is None:
            raise operand.refusal(
                f"{reference!r} cannot be looked up here.", "Name the nodes themselves."
            )
        if reference in self._open or len(self._open) >= MAX_DEPTH:
            raise operand.refusal(
                f"{reference!r} refers to itself: {' > '.join([*self._open, reference])}.",
                "Take one of them out of the circle.",
            )
        self._open.append(reference)
        try:
            return self._gather(operand, reference, self._sources(reference))
        finally:
            self._open.pop()

    def _gather(self, operand: Operand, reference: str, texts: Iterable[str]) -> dict[K, str]:
        result: dict[K, str] = {}
        plain: list[str] = []
        for count, text in enumerate(texts, 1):
            if count > MAX_NODES:
                raise operand.too_many(f"{reference!r} names at least {count:,}")
            if is_plain_list(text):
                plain.append(text)
                continue
            # In the order of the texts, so what was put aside comes first.
            self._add_plain(result, plain, operand)
            place = text.place if isinstance(text, PlacedText) else ""
            where = f"{reference}, {place}" if place else reference
            self._add(result, self.evaluate(text, where), text, where)
        self._add_plain(result, plain, operand)
        return result

    def _add_plain(self, result: dict[K, str], plain: list[str], operand: Operand) -> None:
        if plain:
            words = self._take_plain(",".join(plain).split(","))
            self._add(result, words, operand.expression, operand.where)
            plain.clear()

    def _add(
        self, result: dict[K, str], other: dict[K, str], expression: str, where: str = ""
    ) -> None:
        for key, word in other.items():
            result.setdefault(key, word)
        if len(result) > MAX_NODES:
            whole = Operand(",", expression, expression, 0, where)
            raise whole.too_many(f"together {len(result):,}")
