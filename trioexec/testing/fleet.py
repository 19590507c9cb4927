"""An SSH fleet inside this process: servers on loopback that say what a script says.

async with open_ssh_fleet("web[1-3]", answers={"uptime": "up 3 days"}) as fleet:
    async with open_fleet(fleet.nodes, ssh=fleet.ssh_options()) as ssh:
        report = await ssh.run("uptime")
"""

from __future__ import annotations

import asyncio  # noqa: TID251
import socket
import tempfile
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from contextlib import ExitStack, asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Final

from msgspec import Struct

import trioexec.transports.ssh.quick_import  # noqa: F401 - before anything imports asyncssh

# isort: split

import asyncssh  # noqa: TID251
import trio

from trioexec.api.ungrouped import ungrouped
from trioexec.model.hostlist import expand
from trioexec.model.nodes import Node
from trioexec.testing.scripts import Answer, Answers, Fault, ScriptedNode
from trioexec.testing.server import HOST, MUTE_FAULTS, NodeServer, serve_mutely
from trioexec.transports.ssh.loop import open_loop, run_in_loop
from trioexec.transports.ssh.options import SshOptions

__all__ = ["SshFleet", "open_ssh_fleet"]

CLOSE_S: Final = 5.0
"""How long the connections' last callbacks may take when a fleet is closed."""

USER: Final = "tester"


class SshFleet(Struct, frozen=True, kw_only=True):
    """What a client needs to reach the nodes.  The files are gone when the fleet is.

    Example:
        Two servers that answer as they are told::

            async with open_ssh_fleet("db[1-2]", answers={"uptime": "up 3 days"}) as servers:
                async with open_fleet(servers.nodes, ssh=servers.ssh_options()) as fleet:
                    report = await fleet.run("uptime")
            assert report["db2"].stdout == b"up 3 days"
    """

    nodes: tuple[Node, ...]
    """Named as scripted; host and port are where they listen."""

    user: str
    """Who logs in."""

    known_hosts: Path
    """With the host key of each node."""

    client_key: Path
    """A private key without passphrase, which every node accepts."""

    ssh_config: Path
    """For ``ssh -F`` and ``trioexec -F``: with it the names alone are enough."""

    def node(self, name: str) -> Node:
        """Give one node, by its name.

        Args:
            name: As scripted.

        Raises:
            KeyError: There is none of that name.
        """
        for node in self.nodes:
            if node.name == name:
                return node
        raise KeyError(name)

    def ssh_options(self) -> SshOptions:
        """Options with which trioexec reaches the nodes, and reads no file of the user's."""
        return SshOptions(
            config_file=str(self.ssh_config), strict_host_key_checking="yes", user=self.user
        )


@asynccontextmanager
async def open_ssh_fleet(
    nodes: str | int | Iterable[str | ScriptedNode],
    *,
    answers: Answers | None = None,
    runs_commands: bool = False,
    user: str = USER,
    password: str | None = None,
) -> AsyncIterator[SshFleet]:
    """Run SSH servers in this process, on loopback, for as long as the block lasts.

    Keys are made on the spot.  When the block is left, by a cancel or otherwise, no task,
    thread, socket, file or process of the fleet is left.  An exception of the block comes
    out as it is.

    Args:
        nodes: A node set such as ``web[1-3]``, a number (of ``node1``, ``node2``...), or
            names and `ScriptedNode` values.
        answers: Of nodes that are given by name; see `ScriptedNode.answers`.
        runs_commands: Whether nodes that are given by name run commands for real.
        user: What `SshFleet.user` is; every name is let in.
        password: Lets in too, where it is given.

    Raises:
        NodeSetError: A node set cannot be read.
    """
    scripts = list(_as_scripts(nodes, answers, runs_commands=runs_commands))
    async with ungrouped(_serve(scripts, user, password)) as fleet:
        yield fleet


@asynccontextmanager
async def _serve(
    scripts: Sequence[ScriptedNode], user: str, password: str | None
) -> AsyncIterator[SshFleet]:
    with ExitStack() as kept, tempfile.TemporaryDirectory(prefix="trioexec-fleet-") as folder:
        async with open_loop() as loop, _open_hub(scripts, kept, password, loop) as hub:
            yield _write_files(Path(folder), hub, user)


class _Hub:
    """All nodes while they run."""

    def __init__(
        self, tasks: trio.Nursery, password: str | None, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._loop = loop
        self.client_key = asyncssh.generate_private_key("ssh-ed25519")
        self.ports: dict[str, int] = {}
        self.host_keys: dict[str, asyncssh.SSHKey] = {}
        self._tasks = tasks
        self._password = password
        self._servers: list[NodeServer] = []

    async def start(self, script: ScriptedNode, kept: ExitStack) -> None:
        """Have one node listen, or refuse."""
        if script.fault is Fault.REFUSES:
            taken = kept.enter_context(socket.socket())
            taken.bind((HOST, 0))  # nobody else gets the port, and nothing listens
            self.ports[script.name] = taken.getsockname()[1]
        elif script.fault in MUTE_FAULTS:
            listeners = await trio.open_tcp_listeners(0, host=HOST)
            self.ports[script.name] = listeners[0].socket.getsockname()[1]
            self._tasks.start_soon(
                trio.serve_listeners, partial(serve_mutely, script.fault), listeners
            )
        else:
            server = NodeServer(
                script, tasks=self._tasks, client_key=self.client_key, password=self._password
            )
            self._servers.append(server)
            await run_in_loop(self._loop, server.listen())
            self.ports[script.name] = server.port
            self.host_keys[script.name] = server.host_key
        if script.fault is Fault.CHANGED_HOST_KEY or script.name not in self.host_keys:
            self.host_keys[script.name] = asyncssh.generate_private_key("ssh-ed25519")

    def stop_listening(self) -> None:
        for server in self._servers:
            server.stop_listening()

    async def close(self) -> None:
        for server in self._servers:
            await server.close()


@asynccontextmanager
async def _open_hub(
    scripts: Iterable[ScriptedNode],
    kept: ExitStack,
    password: str | None,
    loop: asyncio.AbstractEventLoop,
) -> AsyncIterator[_Hub]:
    hub: _Hub | None = None
    try:
        async with _open_outliving_nursery() as tasks:
            hub = _Hub(tasks, password, loop)
            try:
                for script in scripts:
                    await hub.start(script, kept)
                yield hub
            finally:
                hub.stop_listening()
    finally:
        if hub is not None:
            with trio.move_on_after(CLOSE_S, shield=True):
                await run_in_loop(loop, hub.close())


@asynccontextmanager
async def _open_outliving_nursery() -> AsyncIterator[trio.Nursery]:
    """Give a nursery that a cancel from outside reaches only when the block is over.

    Clients in the block that a cancel has met still say goodbye to their nodes: those
    have to be there to hear it.
    """
    opened, over = trio.Event(), trio.Event()
    made: list[trio.Nursery] = []

    async def hold() -> None:
        with trio.CancelScope(shield=True):  # ends with the block, which is not shielded
            async with trio.open_nursery() as tasks:
                made.append(tasks)
                opened.set()
                await over.wait()
                tasks.cancel_scope.cancel(reason="the fleet is closed")

    async with trio.open_nursery() as outer:
        outer.start_soon(hold)
        try:
            await opened.wait()
            yield made[0]
        finally:
            over.set()


def _as_scripts(
    nodes: str | int | Iterable[str | ScriptedNode],
    answers: Answers | None,
    *,
    runs_commands: bool,
) -> Iterator[ScriptedNode]:
    if isinstance(nodes, int):
        nodes = [f"node{i}" for i in range(1, nodes + 1)]
    elif isinstance(nodes, str):
        nodes = [node.name for node in expand([nodes], sources=None)]
    for node in nodes:
        if isinstance(node, ScriptedNode):
            yield node
        else:
            yield ScriptedNode(
                name=node,
                answers=Answer() if answers is None else answers,
                runs_commands=runs_commands,
            )


def _write_files(folder: Path, hub: _Hub, user: str) -> SshFleet:
    key, known_hosts, config = folder / "id_ed25519", folder / "known_hosts", folder / "ssh_config"
    hub.client_key.write_private_key(str(key))
    key.chmod(0o600)
    lines = []
    hosts = []
    for name, port in hub.ports.items():
        public = hub.host_keys[name].export_public_key().decode().split()
        lines.append(f"[{HOST}]:{port},{name} {public[0]} {public[1]}\n")
        hosts.append(f"Host {name}\n  HostName {HOST}\n  Port {port}\n")
    known_hosts.write_text("".join(lines))
    common = (
        f"Host *\n  User {user}\n  IdentityFile {key}\n  IdentitiesOnly yes\n"
        f"  IdentityAgent none\n  UserKnownHostsFile {known_hosts}\n"
        "  GlobalKnownHostsFile none\n  StrictHostKeyChecking yes\n"
    )
    config.write_text("".join(hosts) + common)
    nodes = tuple(
        Node(name=name, host=HOST, port=port, user=user, rank=rank)
        for rank, (name, port) in enumerate(hub.ports.items())
    )
    return SshFleet(
        nodes=nodes, user=user, known_hosts=known_hosts, client_key=key, ssh_config=config
    )
