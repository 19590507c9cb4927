"""One answer a name, from files read once: `SshConfig`.

Blocks whose ``Host`` line has names, ``prefix*`` and ``*suffix`` only are found through an
index; the others are asked one by one, in the files' order, since ``Match`` may depend on
what was said before it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

from trioexec.model.errors import ConfigError
from trioexec.transports.ssh.config.answer import Answer
from trioexec.transports.ssh.config.conditions import HostCondition, MatchCondition
from trioexec.transports.ssh.config.facts import Facts
from trioexec.transports.ssh.config.parser import ConfigFile, Parser
from trioexec.transports.ssh.config.programs import Programs
from trioexec.transports.ssh.config.settings import HostSettings
from trioexec.transports.ssh.config.sources import run_in_shell
from trioexec.transports.ssh.config.words import Place
from trioexec.transports.ssh.patterns import PatternIndex

__all__ = ["SshConfig"]


class SshConfig:
    """The files of a run.  Make it with `load`; ask it with `lookup`, also from threads."""

    def __init__(
        self,
        parser: Parser,
        facts: Facts,
        run: Callable[[str], bool],
    ) -> None:
        self.facts = facts
        self._blocks = parser.blocks
        self._wants_final_pass = parser.wants_final_pass
        self._run = run
        self._ran: dict[str, _Once] = {}
        self._by_name = PatternIndex()
        self._always: list[int] = []
        self._by_hostname = PatternIndex()
        self._gated: set[int] = set()
        """Those that only certain hostnames can reach, which may change on the way."""
        self._index()

    @classmethod
    def load(
        cls,
        files: Sequence[ConfigFile | Path],
        *,
        facts: Facts | None = None,
        options: Sequence[str] = (),
        run: Callable[[str], bool] | None = None,
    ) -> SshConfig:
        """Read files, the most important first.

        Args:
            files: From `config_files`; a bare path is a file that has to be there.
            facts: This machine and account; asked of the system by default.
            options: ``-o`` values, in front of all files.
            run: Runs a program of ``Match exec``; may raise ValueError. By default the user's
                shell does.

        Raises:
            ConfigError: With file and line.
        """
        facts = facts or Facts.of_this_process()
        parser = Parser(facts, ignore_unknown=_ignored_by(options))
        parser.read_options(options)
        for file in files:
            parser.read_file(
                ConfigFile(path=file, required=True) if isinstance(file, Path) else file
            )
        return cls(parser, facts, run or partial(run_in_shell, programs=Programs()))

    @property
    def may_run_programs(self) -> bool:
        """Whether a look-up may start a program and wait for it: then ask from a thread."""
        return any(
            (isinstance(block.condition, MatchCondition) and block.condition.asks_system)
            or any(said.field == "known_hosts_command" for said in block.said)
            for block in self._blocks
        )

    def lookup(
        self,
        name: str,
        *,
        user: str | None = None,
        port: int | None = None,
        is_hop: bool = False,
        canonical: str | None = None,
    ) -> HostSettings:
        """Say what holds for one name.

        Args:
            name: As typed, without user and port; never a resolved name.
            user: Of ``user@name`` or ``-l``; wins over everything.
            port: Of ``name:port`` or ``-p``; wins over everything.
            is_hop: Whether it is a jump host: then what ``-o`` says of a node's own name, user,
                port and way is not for it.
            canonical: The name that the DNS confirmed, of an earlier answer's
                `HostSettings.canonical_candidates`: everything is read again with it.

        Raises:
            ConfigError: A token has no value, a program of ``Match exec`` failed to start.
        """
        answer = Answer(
            name,
            facts=self.facts,
            succeeds=self._succeeds,
            user=user,
            port=port,
            is_hop=is_hop,
        )
        self._walk(answer)
        answer.settle_hostname(canonical)
        if self._wants_final_pass or canonical or answer.canonicalizes():
            answer.final = True
            self._walk(answer)
        return answer.settings()

    def _walk(self, answer: Answer) -> None:
        blocks, gated = self._blocks, self._gated
        active: set[int] = set()
        hostname, reached = "", self._by_hostname.find("")
        for index in self._order(answer.name):
            block = blocks[index]
            if block.parent is not None and block.parent not in active:
                continue
            if index in gated:
                if (now := answer.hostname()) != hostname:
                    hostname, reached = now, self._by_hostname.find(now)
                if index not in reached:
                    continue
            if block.condition is None or block.condition.holds(answer):
                active.add(index)
                answer.take(block)

    def _order(self, name: str) -> list[int]:
        """List the blocks that can apply to a name, in the files' order."""
        some = self._by_name.find(name)
        return sorted(some.union(self._always)) if some else self._always

    def _index(self) -> None:
        """Sort the blocks: those that only certain names can reach, and the rest."""
        reached_by: list[tuple[str, ...] | None] = []
        for index, block in enumerate(self._blocks):
            names = None
            if isinstance(block.condition, HostCondition):
                names = block.condition.patterns.index
            elif isinstance(block.condition, MatchCondition) and block.condition.hosts is not None:
                self._by_hostname.add(block.condition.hosts, index)
                self._gated.add(index)
            if names is None and block.parent is not None:
                names = reached_by[block.parent]
            reached_by.append(names)
            if names is None:
                self._always.append(index)
            else:
                self._by_name.add(names, index)
        self._drop_empty()

    def _drop_empty(self) -> None:
        """Leave out blocks that say nothing and have no others under them."""
        parents = {block.parent for block in self._blocks}
        self._always = [
            index
            for index in self._always
            if index in parents or self._blocks[index].said or self._blocks[index].not_honoured
        ]

    def _succeeds(self, command: str, place: Place) -> bool:
        """Run a program, once a run for each text: 1,000 nodes do not start it 1,000 times.

        Nor do the threads in which they are looked up: those wait for the first one.
        """
        once = self._ran.setdefault(command, _Once())
        with once.lock:
            if once.succeeds is None:
                try:
                    once.succeeds = self._run(command)
                except ValueError as exc:
                    raise ConfigError(f"{place}: Match exec: {exc}.\nCorrect it.") from exc
            return once.succeeds


class _Once:
    """What a program of ``Match exec`` came to, and who finds that out."""

    __slots__ = ("lock", "succeeds")

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.succeeds: bool | None = None


def _ignored_by(options: Sequence[str]) -> list[str]:
    """Find the IgnoreUnknown among ``-o`` values: it holds for all files."""
    return [
        rest.lstrip(" \t=")
        for option in options
        if (key := option.strip()[: len("ignoreunknown")]).lower() == "ignoreunknown"
        for rest in [option.strip()[len(key) :]]
    ]
