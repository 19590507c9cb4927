"""What may stand where the cursor is: what the scripts of `completion` ask, at each TAB.

The grammar is that of `arguments.split`: options end where a command of the user's begins.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Final, NamedTuple

from msgspec import Struct, field

from trioexec.cli.completers import cluster_names, expressions
from trioexec.cli.configured import known_options
from trioexec.cli.declared import Flag, flags_of
from trioexec.cli.options.general import groups_of
from trioexec.cli.registry import COMMANDS, DEFAULT_COMMAND, CommandEntry, load
from trioexec.model.errors import TrioexecError
from trioexec.settings.config import Config, load_config
from trioexec.settings.here import here

__all__ = ["Answer", "Offer", "answer", "complete"]

_CHOICES: Final = re.compile(r"(?<![\w.-])[a-z]+(?![\w.-])")
"""In the usage of a command: the words that it knows."""


class Offer(NamedTuple):
    """One text that may stand there."""

    text: str
    about: str = ""


class Answer(Struct, kw_only=True):
    """All of them."""

    offers: list[Offer] = field(default_factory=list)
    files: bool = False
    """Whether the shell is to add files, which it knows best."""


def answer(words: Sequence[str], env: Mapping[str, str]) -> None:
    """Print what may take the place of the last word: a line how, then a line each with what it is.

    Whatever is wrong, a shell that completes is no place to say so.
    """
    try:
        found = complete(words, env)
    except (TrioexecError, OSError):
        found = Answer()
    lines = [f"{text}\t{about}" for text, about in found.offers if text.isprintable()]
    sys.stdout.write("".join(f"{line}\n" for line in ["files" if found.files else "-", *lines]))


def complete(words: Sequence[str], env: Mapping[str, str]) -> Answer:
    """Say what may take the place of the last word.

    Args:
        words: After the program's name, the last one as far as it was typed.
        env: For the config files.
    """
    *before, typed = words or [""]
    if not before and not typed.startswith("-"):
        return _starting(typed, (Offer(*each) for each in COMMANDS.items()))
    name = before.pop(0) if before and before[0] in COMMANDS else DEFAULT_COMMAND
    entry = load(name).entry
    line = _Line(entry, before, env)
    if entry.raw or (line.ended and line.open is None):
        return Answer(files=True)  # what a command of the user's takes is not ours to know
    if line.open is not None:
        return line.value(line.open, typed)
    if typed.startswith("-"):
        return line.option(typed)
    return line.word(typed)


class _Line:
    """What stands before the word, read as far as it goes."""

    def __init__(self, entry: CommandEntry, before: Sequence[str], env: Mapping[str, str]) -> None:
        self.entry = entry
        self.flags = flags_of(groups_of(entry))
        self.open: Flag | None = None
        """The option whose value is due."""

        self.ended = False
        """Whether what comes is no option and no word of ours any more."""

        self._words: list[str] = []
        self._given: dict[str, str] = {}
        self._env = env
        for word in before:
            self._read(word)

    def _read(self, word: str) -> None:
        if self.open is not None:
            self._given[self.open.field] = word
            self.open = None
        elif self.ended or word == "--":
            self.ended = True
        elif word.startswith("--"):
            name, equals, text = word.partition("=")
            self._take(name, text, has_value=bool(equals))
        elif word.startswith("-") and word != "-":
            for at, letter in enumerate(word[1:], start=2):
                if self._take(f"-{letter}", word[at:], has_value=at < len(word)):
                    break
        else:
            self._words.append(word)
            self.ended = self.entry.words_end

    def _take(self, name: str, text: str, *, has_value: bool) -> bool:
        """Note an option, and tell whether it takes a value; one that is none is for others."""
        flag = self.flags.get(name)
        if flag is None:
            return False
        self._given[flag.field] = text
        takes_value = flag.option.read is not None
        if takes_value and not has_value:
            self.open = flag
        return takes_value

    def option(self, typed: str) -> Answer:
        """List the options that may still come, or what one takes whose value is begun with =."""
        name, equals, text = typed.partition("=")
        if equals and name in self.flags:
            return self.value(self.flags[name], text, prefix=f"{name}=")
        return _starting(typed, self._options(typed))

    def _options(self, typed: str) -> Iterator[Offer]:
        for name, flag in self.flags.items():
            used = flag.field in self._given and not flag.many
            taking_back = flag.option.read is None and not flag.value
            if taking_back and typed.startswith("--no") and not used:
                yield Offer(name)
            elif not taking_back and not used:
                yield Offer(name, flag.option.help)

    def value(self, flag: Flag, typed: str, *, prefix: str = "") -> Answer:
        """List what an option takes."""
        metavar = flag.option.metavar
        if flag.option.completer is not None:
            found: Iterable[str] = flag.option.completer(typed, self._config())
        else:
            found = metavar.split("|") if "|" in metavar else ()
        answer = _starting(typed, map(Offer, found))
        answer.offers = [Offer(prefix + offer.text, offer.about) for offer in answer.offers]
        answer.files = metavar in ("FILE", "DIR")
        return answer

    def word(self, typed: str) -> Answer:
        """List what a command takes beside options, as its usage has it."""
        usage = self.entry.usage
        choices = _CHOICES.findall(usage)
        if choices and not self._words:
            return _starting(typed, map(Offer, choices))
        if "FILE" in usage and (choices or not self._words):
            return Answer(files=True)
        kinds: dict[str, Callable[[str, Config], Iterable[str]]] = {
            "EXPR": expressions,
            "NAME": cluster_names,
        }
        for kind, completer in kinds.items():
            if kind in usage:
                return _starting(typed, map(Offer, completer(typed, self._config())))
        return Answer()

    def _config(self) -> Config:
        file = self._given.get("config") or self._env.get("TRIOEXEC_CONFIG", "")
        return load_config(known_options, self._env, folder=here(), file=file)


def _starting(typed: str, offers: Iterable[Offer]) -> Answer:
    fitting = dict.fromkeys(offer for offer in offers if offer.text.startswith(typed))
    return Answer(offers=list(fitting))
