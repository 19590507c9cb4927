"""Reads TOML, and says on which line of it each key stands: tomllib keeps no places.

Lines are looked for only where tomllib has read the file, so nothing is checked then: keys and
brackets are followed, and what values say is skipped.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from typing import Any

from trioexec.model.errors import ConfigError

__all__ = ["Path", "lines_of", "read_toml"]

Path = tuple[str, ...]
"""A key, from the top of the file; of an element of an array, with its place in that."""

_AT_LINE = r"at line (\d+)"
_GAP = re.compile(r"(?:\s|#[^\n]*)*")
_BLANK = re.compile(r"[ \t]*")
_TEXT = re.compile(
    r'"""(?:\\.|[^\\])*?"{3,5}(?!")'
    r"|'''.*?'{3,5}(?!')"
    r'|"(?:\\.|[^"\\])*"'
    r"|'[^']*'",
    re.DOTALL,
)
_BARE_KEY = re.compile("[A-Za-z0-9_-]+")
_OTHER = re.compile(r"[^,\]}#\n]*")


def read_toml(text: str, name: str, remedy: str) -> tuple[dict[str, Any], dict[Path, int]]:
    """Read a file, and where in it every key stands.

    Args:
        text: What the file says.
        name: The file's, for the error.
        remedy: What to do where it is no TOML.

    Raises:
        ConfigError: It is none.
    """
    import tomllib  # noqa: PLC0415 - slow, and only where there is a file

    try:
        return tomllib.loads(text), lines_of(text)
    except tomllib.TOMLDecodeError as exc:
        line, what = _line_in(str(exc), text), str(exc).partition(" (at ")[0].rstrip(".")
    except RecursionError:
        line, what = 1, "too many brackets in brackets"
    except ValueError:  # Python's own limit for int()
        line, what = 1, "a number has too many digits"
    raise ConfigError(f"{name}:{line}: this is no TOML: {what[:1].lower()}{what[1:]}.\n{remedy}")


def lines_of(text: str) -> dict[Path, int]:
    """Say where every key of a file stands; the file must be sound."""
    return _Walk(text).lines()


def _line_in(message: str, text: str) -> int:
    """Take the line out of what tomllib says is wrong; without one it is the last."""
    match = re.search(_AT_LINE, message)
    return int(match[1]) if match else max(1, len(text.splitlines()))


class _Walk:
    """Goes through a file once."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._starts = [match.end() for match in re.finditer("\n", text)]
        self._found: dict[Path, int] = {}

    def lines(self) -> dict[Path, int]:
        table: Path = ()
        counts: dict[Path, int] = {}
        self._pass(_GAP)
        while self._at < len(self._text):
            if self._text.startswith("[", self._at):
                table = self._header(counts)
            else:
                self._pair(table)
            self._pass(_GAP)
        return self._found

    def _header(self, counts: dict[Path, int]) -> Path:
        line = self._line()
        many = self._text.startswith("[[", self._at)
        self._at += 1 + many
        table = self._key()
        self._at += 1 + many
        if many:
            counts[table] = counts.get(table, -1) + 1
            table = (*table, str(counts[table]))
        self._note(table, 0, line)
        return table

    def _key(self) -> Path:
        parts = []
        while True:
            self._pass(_BLANK)
            if self._text[self._at] in "\"'":
                import tomllib  # noqa: PLC0415 - few files quote a key

                (part,) = tomllib.loads(f"{self._pass(_TEXT)}=0")
            else:
                part = self._pass(_BARE_KEY)
            parts.append(part)
            self._pass(_BLANK)
            if not self._text.startswith(".", self._at):
                return tuple(parts)
            self._at += 1

    def _pair(self, above: Path) -> None:
        line = self._line()
        path = (*above, *self._key())
        self._note(path, len(above), line)
        self._at += 1  # the equals sign
        self._pass(_BLANK)
        self._value(path)

    def _value(self, path: Path) -> None:
        match self._text[self._at]:
            case "[" | "{" as opening:
                self._at += 1
                self._elements(path, in_list=opening == "[")
            case '"' | "'":
                self._pass(_TEXT)
            case _:
                self._pass(_OTHER)

    def _elements(self, path: Path, *, in_list: bool) -> None:
        count = 0
        self._pass(_GAP)
        while self._text[self._at] not in "]}":
            if in_list:
                element = (*path, str(count))
                self._note(element, len(path), self._line())
                self._value(element)
            else:
                self._pair(path)
            count += 1
            self._pass(_GAP)
            if self._text[self._at] == ",":
                self._at += 1
                self._pass(_GAP)
        self._at += 1

    def _note(self, path: Path, known: int, line: int) -> None:
        for depth in range(known + 1, len(path) + 1):
            self._found.setdefault(path[:depth], line)

    def _line(self) -> int:
        return bisect_right(self._starts, self._at) + 1

    def _pass(self, shape: re.Pattern[str]) -> str:
        match = shape.match(self._text, self._at)
        assert match is not None
        self._at = match.end()
        return match[0]
