"""Write out the ranges of one operand: ``rack[1-2]-n[01-04]`` is eight words.

A bracket is replaced by the text of each of its numbers, and nothing around it
is read as a number: ``n5[8-11]`` is n58, n59, n510 and n511.
"""

from __future__ import annotations

import re
from itertools import product
from typing import Final

from trioexec.model.errors import NodeSetError
from trioexec.model.hostscan import MAX_NODES, Operand
from trioexec.model.nodes import check_host

__all__ = ["MAX_DIGITS", "write_out"]

MAX_DIGITS: Final = 18
"""Of a number in a range: more is no node's name, and int() has limits of its own."""

HOW_TO = "Write numbers and ranges, as in [1-3,5] or [01-10] or [0-10/2]."

_BRACKET = re.compile(r"\[([^\[\]]*)\]")
_RANGE = re.compile(r"\s*([0-9]+)\s*(?:-\s*([0-9]+)\s*(?:/\s*([0-9]+)\s*)?)?", re.ASCII)

Span = tuple[range, int]
"""Numbers, and the width to pad them to with zeros (1: not at all)."""


def write_out(operand: Operand) -> list[str]:
    """Replace each bracket by each of its numbers, the last one turning fastest.

    A bracket that holds a ``:`` is an IPv6 address and stays as it is.

    Raises:
        NodeSetError: A range cannot be read, or it would be too many words; counted
            before the first is written.
    """
    text = operand.text
    if "[" not in text:
        return [text]
    pieces: list[str | list[Span]] = []
    count, end = 1, 0
    for match in _BRACKET.finditer(text):
        if ":" in match[1]:
            _check_address(operand, match)
            continue
        spans = _read(operand, match[1], match.start(1))
        count *= sum(len(numbers) for numbers, _ in spans)
        if count > MAX_NODES:
            raise operand.too_many(f"at least {count:,}")
        pieces += [text[end : match.start()], spans]
        end = match.end()
    pieces.append(text[end:])
    choices = [[piece] if isinstance(piece, str) else _numbers(piece) for piece in pieces]
    return list(map("".join, product(*choices)))


def _numbers(spans: list[Span]) -> list[str]:
    return [f"{number:0{width}d}" for numbers, width in spans for number in numbers]


def _read(operand: Operand, text: str, at: int) -> list[Span]:
    spans = []
    for item in text.split(","):
        match = _RANGE.fullmatch(item)
        if match is None:
            what = f"{item!r} is not a range." if item.strip() else "a number is missing."
            raise operand.refusal(what, HOW_TO, offset=at)
        spans.append(_span(operand, match, at))
        at += len(item) + 1
    return spans


def _span(operand: Operand, match: re.Match[str], at: int) -> Span:
    def refuse(what: str, do: str = HOW_TO) -> NodeSetError:
        return operand.refusal(f"{match[0].strip()!r} {what}", do, offset=at)

    first, last, step = match[1], match[2] or match[1], match[3] or "1"
    if max(len(first), len(last), len(step)) > MAX_DIGITS:
        raise refuse(f"has a number of more than {MAX_DIGITS} digits.")
    padded = _is_padded(first)
    if (padded and len(last) < len(first)) or (_is_padded(last) and len(last) != len(first)):
        raise refuse(
            "pads its two ends with zeros to different widths.",
            "Write both ends with as many digits, as in [01-10].",
        )
    if int(first) > int(last):
        raise refuse("runs backwards.", f"Write the smaller number first: [{last}-{first}].")
    if int(step) == 0:
        raise refuse("has a step of 0.", "A step is 1 or more, as in [0-10/2].")
    return range(int(first), int(last) + 1, int(step)), len(first) if padded else 1


def _is_padded(number: str) -> bool:
    return len(number) > 1 and number.startswith("0")


def _check_address(operand: Operand, match: re.Match[str]) -> None:
    """An address must be one, and the whole host."""
    import ipaddress  # noqa: PLC0415  (most expressions have no address; it costs 5 ms)

    offset = match.start(1)
    try:
        ipaddress.IPv6Address(match[1])
        check_host(match[1])  # a link's name may be anything to the line above
    except (ValueError, NodeSetError):
        raise operand.refusal(
            f"{match[1]!r} is neither a range nor an IPv6 address.",
            "Write [1-3,5] for a range, [fe80::1] for an address, [fe80::1%eth0] with its link.",
            offset=offset,
        ) from None
    before, after = operand.text[: match.start()], operand.text[match.end() :]
    if (before and not before.endswith("@")) or (after and not after.startswith(":")):
        raise operand.refusal(
            "an IPv6 address is a whole host.",
            "Write it alone, as in admin@[fe80::1]:22.",
            offset=offset,
        )
