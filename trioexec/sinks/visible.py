r"""Control characters made visible, so that what a node says cannot drive a terminal.

Pure.  Text that is valid UTF-8 stays readable; tab and newline stay; every
other control character, and every byte that is no UTF-8, becomes ``\x1b``-like
text.  Bidirectional overrides too: they can make a line look like another node's.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterable, Iterator
from typing import Final

__all__ = ["visible", "visible_line", "visible_parts"]

_C0: Final = [code for code in (*range(0x20), 0x7F) if code not in b"\t\n"]
_BIDI: Final = (*range(0x202A, 0x202F), *range(0x2066, 0x206A))

_SUSPECTS: Final = bytes(_C0)

_VISIBLE: Final = (
    {code: f"\\x{code:02x}" for code in _C0}
    | {code: f"\\u{code:04x}" for code in range(0x80, 0xA0)}
    | {code: f"\\u{code:04x}" for code in _BIDI}
)
_VISIBLE_IN_A_LINE: Final = _VISIBLE | {
    0x0A: "\\n",
    0x0D: "\\r",
    0x2028: "\\u2028",
    0x2029: "\\u2029",
}


def visible(block: bytes) -> bytes:
    r"""Make whole lines fit for a terminal; ``\r\n`` at a line's end counts as newline."""
    if block.isascii() and len(block.translate(None, _SUSPECTS)) == len(block):
        return block
    text = block.decode("utf-8", "backslashreplace").replace("\r\n", "\n")
    return text.translate(_VISIBLE).encode()


def visible_parts(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Do the same to a text that comes in pieces, cut anywhere."""
    decode = codecs.getincrementaldecoder("utf-8")("backslashreplace").decode
    kept = ""
    for part in parts:
        text = kept + decode(part)
        # A carriage return may be the first half of a line's end.
        kept = "\r" if text.endswith("\r") else ""
        text = text[: len(text) - len(kept)].replace("\r\n", "\n")
        yield text.translate(_VISIBLE).encode()
    yield (kept + decode(b"", final=True)).translate(_VISIBLE).encode()


def visible_line(text: str) -> bytes:
    """Make one line of any text, without a newline at its end, fit for any reader."""
    return text.translate(_VISIBLE_IN_A_LINE).encode("utf-8", "backslashreplace")
