"""Lines of an ssh_config: the keyword, and the words after it, quoted as OpenSSH has it."""

from __future__ import annotations

from msgspec import Struct

__all__ = ["Line", "Place", "split_line", "split_words"]

_BLANK = " \t\r\n"
_ESCAPABLE = "'\"\\"


class Place(Struct, frozen=True):
    """Where something was said, for messages."""

    file: str
    line: int
    """From 1; 0 for the command line, which has none."""

    @property
    def is_command_line(self) -> bool:
        """Whether it was said by ``-o``, or by what stands for that."""
        return not self.line

    def __str__(self) -> str:
        return f"{self.file}:{self.line}" if self.line else self.file


class Line(Struct, frozen=True, kw_only=True):
    """One directive as it was written."""

    keyword: str
    """In lower case: keywords are not case-sensitive."""

    words: tuple[str, ...]
    """The arguments, unquoted, without a comment."""

    rest: str
    """Everything after the keyword as it stands; for commands, which a shell will read."""

    place: Place


def _split_keyword(text: str) -> tuple[str, str]:
    """Cut the keyword off; at most one ``=`` may stand between it and the arguments.

    Raises:
        ValueError: A quoted keyword has no end.
    """
    if text.startswith('"'):
        keyword, quote, rest = text[1:].partition('"')
        if not quote:
            raise ValueError("the quotes do not match")
        return keyword, rest.lstrip(_BLANK)
    end = 0
    while end < len(text) and text[end] not in _BLANK + "=":
        end += 1
    keyword, rest = text[:end], text[end:].lstrip(_BLANK)
    if rest.startswith("="):
        rest = rest[1:].lstrip(_BLANK)
    return keyword, rest


def split_words(text: str) -> tuple[str, ...]:
    r"""Split arguments: quotes of both kinds, ``\`` before a quote, and ``#`` comments.

    Raises:
        ValueError: A quote has no end.
    """
    if not any(special in text for special in "\"'\\#"):
        return tuple(each for each in text.replace("\t", " ").split(" ") if each)
    words: list[str] = []
    at = 0
    while at < len(text):
        if text[at] in " \t":
            at += 1
        elif text[at] == "#":
            break
        else:
            word, at = _word(text, at)
            words.append(word)
    return tuple(words)


def _word(text: str, at: int) -> tuple[str, int]:
    """Read the word that begins at `at`; answer with it and where it ends."""
    word: list[str] = []
    quote = ""
    while at < len(text):
        char = text[at]
        follower = text[at + 1 : at + 2]
        if (
            char == "\\"
            and follower
            and (follower in _ESCAPABLE or (not quote and follower == " "))
        ):
            at += 1
            word.append(follower)
        elif not quote and char in " \t":
            break
        elif not quote and char in "\"'":
            quote = char
        elif quote and char == quote:
            quote = ""
        else:
            word.append(char)
        at += 1
    if quote:
        raise ValueError("the quotes do not match")
    return "".join(word), at


def split_line(text: str, place: Place) -> Line | None:
    """Read one line; None where it is empty or a comment.

    Raises:
        ValueError: There is no argument, or a quote has no end.
    """
    text = text.rstrip(_BLANK + "\f").lstrip(_BLANK)
    if not text or text.startswith("#"):
        return None
    keyword, rest = _split_keyword(text)
    if not rest:
        raise ValueError(f"{keyword} has no argument")
    return Line(keyword=keyword.lower(), words=split_words(rest), rest=rest, place=place)
