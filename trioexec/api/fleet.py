"""The same engine for programs on trio: a `Fleet` under the caller's own nurseries and scopes.

No signals, no printing, no global state.  A cancel or a deadline of the caller ends
the commands on the nodes before it goes on.
"""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio
from msgspec.structs import replace

from trioexec.api.event_stream import EventStream
from trioexec.api.life import Life
from trioexec.api.process import Process
from trioexec.api.ungrouped import ungrouped
from trioexec.engine.jobs import CommandJob, Job, PingJob
from trioexec.engine.run import Run
from trioexec.model.command import (
    DEFAULT_CONNECT_TIMEOUT_S,
    DEFAULT_PARALLEL,
    Command,
    Limits,
)
from trioexec.model.errors import UsageError
from trioexec.model.events import Event, NodeOutput
from trioexec.model.exitcodes import Strategy, Verdict, decide
from trioexec.model.failures import error_for
from trioexec.model.flow import Flow
from trioexec.model.hostlist import expand
from trioexec.model.nodes import Node
from trioexec.model.report import NodeResult, Report
from trioexec.transports.base import Transport

if TYPE_CHECKING:
    from trioexec.transports.ssh.options import SshOptions

__all__ = ["Fleet", "FleetNode", "Watch", "open_fleet"]

Watch = Callable[[], Callable[[Event], None]]
"""Makes what takes the events of one command."""


class Fleet:
    r"""Nodes and a way to reach them; from `open_fleet`.

    Connections stay open from one command to the next.  Any number of commands may
    run at the same time, in any tasks of the caller's.  A cancel, a deadline or an error of
    the caller's ends the commands on the nodes before it goes on.  So does leaving the
    fleet's block, for commands of other tasks: these give `Cancelled` rows.  What is asked
    of a fleet after that raises `trio.ClosedResourceError`.

    Example:
        A command with a limit of ten seconds, which holds on the nodes too::

            async with open_fleet("web[1-3]") as fleet:
                with trio.fail_after(10):
                    report = await fleet.run("echo $HOSTNAME")
                report.raise_for_failures()
                assert report["web2"].stdout == b"web2\n"
    """

    def __init__(
        self,
        nodes: Sequence[Node],
        transport: Transport,
        limits: Limits,
        watch: Sequence[Watch] = (),
        life: Life | None = None,
    ) -> None:
        self.nodes: tuple[Node, ...] = tuple(nodes)
        # Asked for by programs in loops over ten thousand nodes.
        self._places = {node.name: place for place, node in enumerate(self.nodes)}
        self._life = life or Life()
        self._watch = tuple(watch)
        self._transport = transport
        self._limits = limits

    def __iter__(self) -> Iterator[FleetNode]:
        return (FleetNode(node, self) for node in self.nodes)

    def __len__(self) -> int:
        return len(self.nodes)

    def node(self, name: str) -> FleetNode:
        """Give one node, by its name.

        Args:
            name: As in `Node.name`: with user and port, where they were typed.

        Raises:
            KeyError: There is none of that name.
        """
        return FleetNode(self.nodes[self._places[name]], self)

    def only(self, nodes: Iterable[Node]) -> Fleet:
        """Give a fleet of some of the nodes, on the same connections, in this fleet's order.

        Args:
            nodes: Those to keep, in any order; one that is not in this fleet is passed over.
        """
        places = {self._places[node.name] for node in nodes if node.name in self._places}
        some = [self.nodes[place] for place in sorted(places)]
        return Fleet(some, self._transport, self._limits, self._watch, self._life)

    async def run(
        self,
        command: str | Command,
        *,
        input: bytes | None = None,  # noqa: A002 - subprocess's word for it
        env: Mapping[str, str] | None = None,
        keep_output: bool = True,
    ) -> Report:
        """Run a command on every node and wait for all of them.

        Failures are rows of the report; `Report.raise_for_failures` raises them.  When
        cancelled, the commands have been ended on the nodes before this raises.

        Args:
            command: For the nodes' login shells.
            input: What each command reads; None is /dev/null.
            env: More environment for the command.
            keep_output: Whether the rows carry stdout and stderr.  They are held in
                memory whole; `stream` is for more than that bears.
        """
        outputs: dict[tuple[str, str], bytearray] = {}

        def keep(event: Event) -> None:
            if isinstance(event, NodeOutput):
                outputs.setdefault((event.node, event.stream), bytearray()).extend(event.data)

        job = CommandJob(command=_command(command, stdin=input, env=env))
        run = self._make_run(job, Flow(), keep if keep_output else _ignore)
        report = await self._life.execute(run)
        rows = (_with_output(row, outputs) for row in report)
        return replace(report, results=tuple(rows)) if keep_output else report

    async def ping(self) -> Report:
        """Connect to every node and log in, no more.

        Each row of the report is `Exited` with code 0, or says why not.  When cancelled,
        the attempts have been given up before this raises.
        """
        return await self._life.execute(self._make_run(PingJob(), Flow(), _ignore))

    @asynccontextmanager
    async def stream(
        self,
        command: str | Command,
        *,
        input: bytes | None = None,  # noqa: A002 - as `run`
        env: Mapping[str, str] | None = None,
    ) -> AsyncIterator[EventStream]:
        """Run a command and iterate over what happens, as it happens.

        When the block is left before the run is over, by a cancel or otherwise, the
        commands are ended on the nodes first.  An exception of the block passes as it is.

        Args:
            command: For the nodes' login shells.
            input: What each command reads; None is /dev/null.
            env: More environment for the command.
        """
        flow = Flow()
        events = EventStream(flow)
        job = CommandJob(command=_command(command, stdin=input, env=env))
        run = self._make_run(job, flow, events.handle)
        async with ungrouped(self._execute_beside(run, let_go=events.drop)):
            yield events

    @asynccontextmanager
    async def _execute_beside(self, run: Run, *, let_go: Callable[[], None]) -> AsyncIterator[None]:
        """Execute a run beside a block; when that is left, `let_go` is called and the run ended."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._life.execute, run)
            try:
                yield
            finally:
                let_go()
                run.cancel("caller")

    def _make_run(self, job: Job, flow: Flow, take: Callable[[Event], None]) -> Run:
        self._life.check()
        takers = (take, *(watch() for watch in self._watch))

        def emit(event: Event) -> None:
            for each in takers:
                each(event)

        return Run(
            self.nodes,
            job,
            self._transport,
            limits=self._limits,
            flow=flow,
            emit=emit,
            decide=lambda report, stopped, by: decide(
                report, Verdict(strategy=Strategy.ANY, stopped=stopped, stopped_by=by)
            ),
        )


class FleetNode:
    """One node of a fleet; from `Fleet.node`, or from iterating over a fleet."""

    def __init__(self, node: Node, fleet: Fleet) -> None:
        self.node = node
        self._fleet = fleet.only([node])

    @property
    def name(self) -> str:
        """The node's name, as typed."""
        return self.node.name

    async def run(
        self,
        command: str | Command,
        *,
        input: bytes | None = None,  # noqa: A002 - as `Fleet.run`
        env: Mapping[str, str] | None = None,
    ) -> NodeResult:
        """Run a command here, and give its row; it has what the command printed.

        When cancelled, the command has been ended on the node before this raises.

        Args:
            command: For the node's login shell.
            input: What the command reads; None is /dev/null.
            env: More environment for the command.
        """
        report = await self._fleet.run(command, input=input, env=env)
        return report.results[0]

    @asynccontextmanager
    async def open_process(
        self, command: str | Command, *, env: Mapping[str, str] | None = None
    ) -> AsyncIterator[Process]:
        """Start a command whose streams are the caller's.

        It is ended on the node when the block is left, by a cancel or otherwise, and has
        been when this returns.

        Args:
            command: For the node's login shell.
            env: More environment for the command.

        Raises:
            NodeError: The command could not be started.
            UsageError: The command has a stdin of its own.
        """
        process = Process()
        given = _command(command, stdin=None, env=env)
        if given.stdin is not None:
            raise UsageError(
                "open_process: the command has a stdin of its own.\n"
                "Leave that out, and send it to the process's stdin."
            )
        made = replace(given, stdin=process.stdin)
        fleet = self._fleet
        run = fleet._make_run(CommandJob(command=made), process.flow, process.handle)  # noqa: SLF001
        process.bind(run)
        async with ungrouped(fleet._execute_beside(run, let_go=process.let_go)):  # noqa: SLF001
            await process.settled()
            if process.outcome is not None and not process.started:
                raise error_for(self.node, process.outcome)
            yield process


@asynccontextmanager
async def open_fleet(
    nodes: str | Iterable[str | Node],
    *,
    parallel: float = DEFAULT_PARALLEL,
    fail_fast: bool = False,
    connect_timeout_s: float | None = None,
    ssh: SshOptions | None = None,
    transport: Transport | None = None,
    watch: Sequence[Watch] = (),
) -> AsyncIterator[Fleet]:
    """Have a fleet; when the block is left, its commands are ended and its connections closed.

    That holds for a cancel too.  An exception of the block comes out as it is.  Nothing is
    connected to before the first command.  Commands have no time limit of their own: put
    `trio.fail_after` round them.

    Args:
        nodes: A node expression, or several, or `Node` values; in rank order.
        parallel: At most so many nodes at once, by default 64; 0 or `math.inf` for no limit.
        fail_fast: Whether the first node that fails ends the command on all others.
        connect_timeout_s: Seconds for reaching a node and logging in; None is what ssh_config
            says for it (ConnectTimeout), else 10.
        ssh: Users, ports, keys, jump hosts; by default what ssh_config says.
        transport: Another way to reach nodes than SSH.
        watch: Each is called at the start of every command, and what it gives is called with
            each event of that command, in order; must not block.  A sink's class will do.

    Raises:
        NodeSetError: An expression cannot be read.
        ConfigError: An ssh_config file cannot be understood, or makes no sense for a node.
        UsageError: A key file that was named cannot be used, or a number makes no sense.
    """
    made = _nodes(nodes)
    limits = Limits(
        parallel=parallel or math.inf,
        fail_fast=fail_fast,
        connect_timeout_s=(
            DEFAULT_CONNECT_TIMEOUT_S if connect_timeout_s is None else connect_timeout_s
        ),
    )
    if transport is None:
        transport = await _over_ssh(made, ssh, limits, connect_timeout_s)
    async with ungrouped(transport.open()):
        fleet = Fleet(made, transport, limits, watch)
        try:
            yield fleet
        finally:
            await fleet._life.end()  # noqa: SLF001, ASYNC102 - its owner; shields itself


async def _over_ssh(
    nodes: Sequence[Node],
    ssh: SshOptions | None,
    limits: Limits,
    connect_timeout_s: float | None,
) -> Transport:
    from trioexec.transports.ssh.options import SshOptions  # noqa: PLC0415 - below
    from trioexec.transports.ssh.transport import SshTransport  # noqa: PLC0415 - asyncssh

    options = replace(ssh or SshOptions(), keep_connections=True, parallel=limits.parallel)
    if connect_timeout_s is not None:
        options = replace(options, connect_timeout_s=connect_timeout_s)
    made = SshTransport(options)
    # In a thread: it reads keys, and may run programs that ssh_config names.
    try:
        await trio.to_thread.run_sync(made.prepare, nodes, _nobody_to_ask, abandon_on_cancel=True)
    except trio.Cancelled:
        made.end_programs()
        raise
    return made


def _nobody_to_ask(prompt: str) -> None:
    """A program has no terminal of its own: a key that is locked stays locked."""


def _nodes(nodes: str | Iterable[str | Node]) -> list[Node]:
    if isinstance(nodes, str):
        return expand([nodes], sources=None)
    distinct: dict[str, Node] = {}
    for each in nodes:
        for node in [each] if isinstance(each, Node) else expand([each], sources=None):
            distinct.setdefault(node.name, node)
    return [replace(node, rank=rank) for rank, node in enumerate(distinct.values())]


def _command(
    command: str | Command, *, stdin: bytes | None, env: Mapping[str, str] | None
) -> Command:
    made = Command(text=command) if isinstance(command, str) else command
    if not isinstance(made, Command):
        raise TypeError(
            f"a command is a text for the node's shell, or a Command, not {type(made).__name__}; "
            "shlex.join makes a text of words"
        )
    if not isinstance(stdin, bytes | None):
        raise TypeError(f"input is bytes, not {type(stdin).__name__}; encode a text")
    if stdin is not None:
        made = replace(made, stdin=stdin)
    return replace(made, env={**made.env, **env}) if env else made


def _with_output(row: NodeResult, outputs: Mapping[tuple[str, str], bytearray]) -> NodeResult:
    name = row.node.name
    return replace(
        row,
        stdout=bytes(outputs.get((name, "stdout"), b"")),
        stderr=bytes(outputs.get((name, "stderr"), b"")),
    )


def _ignore(event: Event) -> None:
    """Take an event and do nothing with it."""
