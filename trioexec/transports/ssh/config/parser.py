"""Files of ssh_config to blocks, once a run: Include is followed here, values are read here.

What comes out is a flat list in the order in which OpenSSH would have read it;
a block inside an included file hangs on the block that included it.
"""

from __future__ import annotations

import contextlib
import glob
import os
import stat
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct, field

from trioexec.model.errors import ConfigError
from trioexec.transports.ssh.config.conditions import Condition, HostCondition, parse_match
from trioexec.transports.ssh.config.directives import ALIASES, DIRECTIVES, REPEATED
from trioexec.transports.ssh.config.facts import Facts, expand_user
from trioexec.transports.ssh.config.words import Line, Place, split_line
from trioexec.transports.ssh.patterns import Patterns

__all__ = ["Block", "ConfigFile", "Parser", "Said", "files_of"]

MAX_DEPTH = 16
"""How deep files may include files; OpenSSH's limit."""

SYSTEM_DIRECTORY = "/etc/ssh"

_WRITABLE_BY_OTHERS = stat.S_IWGRP | stat.S_IWOTH


class ConfigFile(Struct, frozen=True, kw_only=True):
    """A file to read, and what it is to us."""

    path: Path
    of_user: bool = True
    """Its relative Includes lie in ``~/.ssh``, not in ``/etc/ssh``; ``~`` may stand in them."""

    required: bool = False
    """It was named with ``-F``: that it is missing is an error."""

    guarded: bool = False
    """It must belong to us or root, and nobody else may write it."""


class Said(Struct, frozen=True):
    """One value, and where it stands."""

    field: str
    value: Any
    place: Place


class Block(Struct, eq=False):
    """Consecutive directives that apply under the same condition."""

    parent: int | None
    """The block that has to apply too: the one with the Include, or this one's first part."""

    condition: Condition | None
    """None: whenever the parent does."""

    said: list[Said] = field(default_factory=list)
    """In order; no field twice, but for the few of which more than the first line counts."""

    not_honoured: list[tuple[str, Place]] = field(default_factory=list)


class Parser:
    """Reads files into `blocks`; one use."""

    def __init__(self, facts: Facts, *, ignore_unknown: Iterable[str] = ()) -> None:
        self.blocks: list[Block] = []
        self.wants_final_pass: bool = False
        self._facts = facts
        self._ignored = [Patterns.of_list(each, fold_case=True) for each in ignore_unknown]
        self._current = -1
        self._seen: set[str] = set()

    def read_options(self, options: Sequence[str]) -> None:
        """Read ``-o`` values: one block that always applies."""
        self._open(None, None)
        for option in options:
            try:
                line = split_line(option, Place(f"-o {option!r}", 0))
            except ValueError as exc:
                raise ConfigError(f"-o {option!r}: {exc}.\nWrite -o Directive=value.") from None
            if line is None:
                raise ConfigError(f"-o {option!r} says nothing.\nWrite -o Directive=value.")
            if line.keyword in ("host", "match", "include"):
                raise ConfigError(
                    f"-o {option!r}: {line.keyword} is for files only.\nWrite -o Directive=value."
                )
            self._directive(line)

    def read_file(self, file: ConfigFile) -> None:
        """Read a file and all that it includes.

        Raises:
            ConfigError: It cannot be read, or says something that makes no sense.
        """
        self._open(None, None)
        self._read(file, depth=0)

    def _open(self, parent: int | None, condition: Condition | None) -> None:
        self.blocks.append(Block(parent, condition))
        self._current = len(self.blocks) - 1
        self._seen = set()

    def _read(self, file: ConfigFile, *, depth: int) -> None:
        text = _text_of(file)
        if text is None:
            return
        base = self.blocks[self._current].parent
        name = str(file.path)
        for number, raw in enumerate(text.split("\n"), start=1):
            place = Place(name, number)
            try:
                line = split_line(raw, place)
                if line is None:
                    continue
                if line.keyword == "host":
                    self._open(base, HostCondition(line.words))
                elif line.keyword == "match":
                    condition = parse_match(line.words, place)
                    self.wants_final_pass |= condition.wants_final_pass
                    self._open(base, condition)
                elif line.keyword == "include":
                    self._include(line, file, depth)
                else:
                    self._directive(line)
            except ValueError as exc:
                raise ConfigError(f"{place}: {exc}.\nIn the line: {raw.strip()[:200]}") from None

    def _directive(self, line: Line) -> None:
        keyword = ALIASES.get(line.keyword, line.keyword)
        if keyword == "ignoreunknown":
            self._ignored.extend(Patterns.of_list(each.lower()) for each in line.words)
            return
        directive = DIRECTIVES.get(keyword)
        if directive is None:
            if any(each.match(line.keyword) for each in self._ignored):
                return
            raise ConfigError(
                f"{line.place}: there is no directive {line.keyword!r}.\n"
                "Correct it, or name it in IgnoreUnknown on an earlier line."
            )
        try:
            value = directive.read(line)
        except ValueError as exc:
            raise ConfigError(f"{line.place}: {directive.name}: {exc}.\nCorrect it.") from None
        block = self.blocks[self._current]
        if directive.field is None:
            block.not_honoured.append((directive.name, line.place))
        elif value is not None and (
            directive.field in REPEATED or directive.field not in self._seen
        ):
            self._seen.add(directive.field)
            block.said.append(Said(directive.field, value, line.place))

    def _include(self, line: Line, file: ConfigFile, depth: int) -> None:
        if depth >= MAX_DEPTH:
            raise ValueError(f"files include files more than {MAX_DEPTH} deep")
        including = self._current
        for word in line.words:
            for path in _included(word, file, self._facts):
                self._open(including, None)
                child = ConfigFile(path=Path(path), of_user=file.of_user, guarded=True)
                self._read(child, depth=depth + 1)
        # What follows the Include belongs to the block round it, whatever the file opened.
        self._open(including, None)


def files_of(files: Iterable[ConfigFile], facts: Facts) -> list[Path]:
    """List files and all that they include, without asking whether what is in them makes sense.

    What cannot be read or understood is left to who reads it for good.
    """
    found: list[Path] = []
    left = [(file, 0) for file in reversed(tuple(files))]
    while left:
        file, depth = left.pop()
        found.append(file.path)
        if depth == MAX_DEPTH:
            continue
        with contextlib.suppress(ConfigError, ValueError):
            for number, raw in enumerate((_text_of(file) or "").split("\n"), start=1):
                if "include" not in raw.lower():
                    continue
                line = split_line(raw, Place(str(file.path), number))
                if line is not None and line.keyword == "include":
                    left += [
                        (ConfigFile(path=Path(path), of_user=file.of_user), depth + 1)
                        for word in line.words
                        for path in _included(word, file, facts)
                    ]
    return found


def _included(word: str, file: ConfigFile, facts: Facts) -> list[str]:
    if not word:
        raise ValueError("Include: a file is missing")
    path = facts.expand_environment(word)
    if "%" in path:
        raise ValueError(f"{word!r}: tokens cannot stand in Include")
    if path.startswith("~"):
        if not file.of_user:
            raise ValueError(f"{word!r}: ~ cannot stand in a system-wide file")
        path = expand_user(path, facts.home)
    elif not path.startswith("/"):
        directory = expand_user("~/.ssh", facts.home) if file.of_user else SYSTEM_DIRECTORY
        path = f"{directory}/{path}"
    return sorted(glob.glob(path))  # noqa: PTH207 - its root may be anywhere


def _text_of(file: ConfigFile) -> str | None:
    """Read a file's text; None where it is not there and need not be.

    Raises:
        ConfigError: It is not there and has to be, or is not to be trusted.
    """
    try:
        with file.path.open(encoding="utf-8", errors="surrogateescape", newline="") as stream:
            if file.guarded:
                _check_owner(os.fstat(stream.fileno()), file.path)
            return stream.read()
    except (FileNotFoundError, IsADirectoryError) as exc:
        if not file.required:
            return None  # a folder too, as OpenSSH: ``Include conf.d/*`` meets some
        what = "it is a folder" if isinstance(exc, IsADirectoryError) else "there is no such file"
        raise ConfigError(f"{file.path}: {what}.\nName another with -F.") from None
    except OSError as exc:
        raise ConfigError(
            f"{file.path}: cannot be read: {exc.strerror}.\n"
            "Make it readable, or name another with -F."
        ) from exc


def _check_owner(found: os.stat_result, path: Path) -> None:
    if found.st_uid not in (0, os.getuid()) or found.st_mode & _WRITABLE_BY_OTHERS:
        raise ConfigError(
            f"{path}: others may write this file, and so choose which programs run.\n"
            f"Make it yours: chown $USER {path} && chmod go-w {path}"
        )
