"""Which letters a terminal has.  Waits for nothing, as `quick`, which asks."""

from __future__ import annotations

TYPE_CHECKING = False  # see `quick`

if TYPE_CHECKING:
    from collections.abc import Mapping
    from typing import Final

__all__ = ["ASCII_BOXES", "unicode_allowed"]

ASCII_BOXES: Final = {
    **dict.fromkeys(map(ord, "╭╮╰╯"), "+"),
    ord("─"): "-",
    ord("│"): "|",
}
"""For what help draws round its panels."""

_COERCED: Final = ("C.UTF-8", "C.utf8", "UTF-8")


def unicode_allowed(env: Mapping[str, str]) -> bool:
    """Say whether the environment's locale is one of UTF-8."""
    # Python itself puts such a one there where there is none, or C (PEP 538).
    said = "" if env.get("LC_CTYPE") in _COERCED else env.get("LC_CTYPE")
    locale = env.get("LC_ALL") or said or env.get("LANG") or ""
    return locale.lower().replace("-", "").endswith("utf8")
