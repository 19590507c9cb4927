"""What to say of a name that is not there: which one was meant, or which there are.  Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

__all__ = ["did_you_mean", "there_are"]

SHOWN: Final = 8
"""Of the names there are, in one line."""

_MOST_ALIKE: Final = 0.75
"""Where names are long: what they share, of both. ``no-such`` and ``no-batch`` come to 0.67."""

_LEAST_ALIKE: Final = 0.5
"""Where names are so short that one wrong letter is half of them."""

_LETTERS: Final = 2
"""Fewer are alike to nothing, or to all that has them."""

_BEGINNING: Final = 3
"""So many letters make a beginning: ``--out`` of ``--output-dir``."""


def did_you_mean(typed: str, known: Iterable[str], *, prefix: str = "") -> str:
    """Ask for the names that may have been meant, the likeliest first; empty where none is near.

    Near is one slip of the fingers in a short name, a few in a long one, or the same beginning.

    Args:
        typed: Without `prefix`.
        known: The same way.
        prefix: What to put before each.
    """
    from difflib import get_close_matches  # noqa: PLC0415 - only on the way out with an error

    names = sorted(set(known))
    if len(typed) < _LETTERS:
        return ""
    # Two letters that changed places, or one that is another, in a name of this length.
    one_slip = (len(typed) - 1) / len(typed)
    near = get_close_matches(
        typed, names, n=3, cutoff=max(_LEAST_ALIKE, min(_MOST_ALIKE, one_slip))
    )
    near = near or [name for name in names if _begin_alike(typed, name)][:3]
    return f"Did you mean {' or '.join(prefix + name for name in near)}?" if near else ""


def there_are(known: Iterable[str], *, prefix: str = "") -> str:
    """List the names that could have been written; empty where there is none."""
    names = sorted(set(known))
    shown = ", ".join(prefix + name for name in names[:SHOWN])
    return f"There are {shown}{', and more' if len(names) > SHOWN else ''}." if names else ""


def _begin_alike(one: str, other: str) -> bool:
    short, long = sorted((one, other), key=len)
    return len(short) >= _BEGINNING and long.startswith(short)
