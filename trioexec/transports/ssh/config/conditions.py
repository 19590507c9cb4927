"""When a block of an ssh_config applies: ``Host`` patterns and ``Match`` criteria.

A condition is read once and asked once a name.  Programs of ``Match exec`` are
the business of whoever asks: `Question.run`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

from msgspec import Struct

from trioexec.transports.ssh.config.interfaces import local_networks_match, parse_networks
from trioexec.transports.ssh.config.words import Place
from trioexec.transports.ssh.patterns import Patterns

__all__ = ["Condition", "HostCondition", "MatchCondition", "Question", "parse_match"]

OPENSSH_VERSION = "OpenSSH_9.9"
"""What ``Match version`` sees: the release whose behaviour this module follows."""


class Question(Protocol):
    """What a condition may ask about the look-up under way."""

    @property
    def name(self) -> str:
        """What ``Host`` lines are matched against: as typed, or the canonical name."""

    @property
    def original(self) -> str:
        """As typed."""

    @property
    def final(self) -> bool:
        """Whether this is the second pass."""

    def hostname(self) -> str:
        """What HostName has made of the name up to here, in lower case."""

    def remote_user(self) -> str:
        """Who would log in, as far as is known here."""

    def local_user(self) -> str:
        """Who we are."""

    def tag(self) -> str:
        """What Tag said up to here."""

    def command(self) -> str:
        """What is to be run."""

    def run(self, command: str, place: Place) -> bool:
        """Expand a command's tokens, run it, and tell whether it succeeded."""


class Condition(Protocol):
    """When a block applies."""

    def holds(self, question: Question) -> bool:
        """Tell whether the block applies to what is looked up."""


class HostCondition:
    """A ``Host`` line."""

    __slots__ = ("patterns",)

    def __init__(self, words: Sequence[str]) -> None:
        """Raise ValueError where a name is missing."""
        if not words or "" in words:
            raise ValueError("a name is missing")
        self.patterns: Patterns = Patterns(words)

    def holds(self, question: Question) -> bool:
        """Match the name as it is: names on Host lines are case-sensitive."""
        return self.patterns.match(question.name)


class _Criterion(Struct, frozen=True):
    negated: bool
    test: Callable[[Question], bool]


class MatchCondition:
    """A ``Match`` line: all of its criteria have to hold."""

    __slots__ = ("_criteria", "asks_system", "hosts", "wants_final_pass")

    wants_final_pass: bool
    """It asks for ``final``, which makes OpenSSH read everything a second time."""

    asks_system: bool
    """It may run a program, or read what takes time."""

    hosts: tuple[str, ...] | None
    """Where its first criterion is ``host``, the patterns of that: see `Patterns.index`."""

    def __init__(
        self,
        criteria: Sequence[_Criterion],
        *,
        wants_final_pass: bool = False,
        asks_system: bool = False,
        hosts: tuple[str, ...] | None = None,
    ) -> None:
        self._criteria = tuple(criteria)
        self.wants_final_pass = wants_final_pass
        self.asks_system = asks_system
        self.hosts = hosts

    def holds(self, question: Question) -> bool:
        """Ask in the order written, up to the first that does not hold."""
        for each in self._criteria:  # noqa: SIM110 - a generator a block costs as much as the rest
            if each.test(question) is each.negated:
                return False
        return True


def _patterns(argument: str, value: Callable[[Question], str], *, fold: bool = False) -> _Test:
    patterns = Patterns.of_list(argument, fold_case=fold)
    return lambda question: patterns.match(value(question))


def _patterns_or_empty(argument: str, value: Callable[[Question], str]) -> _Test:
    """As `_patterns`, but an empty value is matched by an empty argument only."""
    patterns = Patterns.of_list(argument)

    def test(question: Question) -> bool:
        text = value(question)
        return patterns.match(text) if text else not argument

    return test


def _network(argument: str, _place: Place) -> _Test:
    networks = parse_networks(argument)
    return lambda _question: local_networks_match(networks)


def _exec(argument: str, place: Place) -> _Test:
    return lambda question: question.run(argument, place)


_Test = Callable[[Question], bool]

_CRITERIA: dict[str, Callable[[str, Place], _Test]] = {
    "host": lambda argument, _: _patterns(argument, lambda q: q.hostname(), fold=True),
    "originalhost": lambda argument, _: _patterns(
        argument, lambda q: q.original.lower(), fold=True
    ),
    "user": lambda argument, _: _patterns(argument, lambda q: q.remote_user()),
    "localuser": lambda argument, _: _patterns(argument, lambda q: q.local_user()),
    "localnetwork": _network,
    "version": lambda argument, _: _patterns(argument, lambda _q: OPENSSH_VERSION),
    "tagged": lambda argument, _: _patterns_or_empty(argument, lambda q: q.tag()),
    "command": lambda argument, _: _patterns_or_empty(argument, lambda q: q.command()),
    "sessiontype": lambda argument, _: _patterns(argument, lambda _q: "exec"),
    "exec": _exec,
}

_MAY_BE_EMPTY = ("tagged", "command")
_ASKING = ("exec", "localnetwork")


def parse_match(words: Sequence[str], place: Place) -> MatchCondition:
    """Read the words after ``Match``.

    Raises:
        ValueError: A criterion is unknown, or its argument is missing.
    """
    rest = list(words)
    criteria: list[_Criterion] = []
    wants_final_pass = asks_system = False
    while rest:
        word = rest.pop(0)
        negated = word.startswith("!")
        name, equals, argument = word.removeprefix("!").partition("=")
        name = name.lower()
        if name == "all":
            if rest or len(criteria) > 1:
                raise ValueError("'all' cannot stand with other criteria")
            criteria.append(_Criterion(negated, lambda _question: True))
        elif name in ("final", "canonical"):
            wants_final_pass |= name == "final" and not negated
            criteria.append(_Criterion(negated, lambda question: question.final))
        elif name in _CRITERIA:
            if not equals:
                if not rest:
                    raise ValueError(f"{name!r} has no argument")
                argument = rest.pop(0)
            if not argument and name not in _MAY_BE_EMPTY:
                raise ValueError(f"{name!r} has no argument")
            asks_system |= name in _ASKING
            criteria.append(_Criterion(negated, _CRITERIA[name](argument, place)))
        else:
            raise ValueError(f"{word!r} is no criterion of Match")
    if not criteria:
        raise ValueError("a criterion is missing")
    return MatchCondition(
        criteria,
        wants_final_pass=wants_final_pass,
        asks_system=asks_system,
        hosts=_hosts_first(words),
    )


def _hosts_first(words: Sequence[str]) -> tuple[str, ...] | None:
    name, equals, argument = words[0].partition("=")
    if name.lower() != "host":
        return None
    return Patterns.of_list(argument if equals else words[1], fold_case=True).index
