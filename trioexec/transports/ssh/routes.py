"""What a node's name comes to: the way there, and how to log in at its end.

Looked up once a name; nothing here opens a connection.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterable, Mapping, Sequence
from functools import cache, partial
from pathlib import Path
from typing import Final

from msgspec import Struct

import trioexec.transports.ssh.quick_import  # noqa: F401 - before anything imports asyncssh

# isort: split

import asyncssh  # noqa: TID251
from msgspec.structs import replace

from trioexec.model.command import TimeLeft
from trioexec.model.errors import UsageError
from trioexec.model.nodes import Node, check_host, check_user, parse_node
from trioexec.model.outcomes import Unreachable
from trioexec.model.secret import Secret
from trioexec.transports.ssh.checked import HostKeyStore
from trioexec.transports.ssh.config import (
    Facts,
    Hop,
    HostSettings,
    NoTimeLeftError,
    Programs,
    agent_socket,
    environment_to_send,
    with_openssh_defaults,
)
from trioexec.transports.ssh.dial import Way
from trioexec.transports.ssh.failures import NodeFailureError
from trioexec.transports.ssh.handshake import Target
from trioexec.transports.ssh.keys import AskSecret, Identities, KeyRing
from trioexec.transports.ssh.known_hosts_command import KnownHostsCommands
from trioexec.transports.ssh.options import KEEPALIVE_S, SshOptions
from trioexec.transports.ssh.prepared import PreparedOptions
from trioexec.transports.ssh.reading import read_config

__all__ = ["Route", "Routes"]

_FAMILIES: Final = {
    None: socket.AF_UNSPEC,
    "any": socket.AF_UNSPEC,
    "inet": socket.AF_INET,
    "inet6": socket.AF_INET6,
}


class Route(Struct, frozen=True, kw_only=True):
    """The way to one node."""

    node: Node
    target: Target
    hops: tuple[Node, ...] = ()
    """Jump hosts, from us to the node; the last one is what the target is reached through."""

    way: Way
    """How the target is connected to, where no hop is before it."""

    connect_timeout_s: float | None = None
    """What the user or the configuration says; None: nothing."""

    env: Mapping[str, str]
    """What SendEnv and SetEnv ask for."""

    wants_tty: bool = False
    said: HostSettings
    """What the configuration says."""

    @property
    def is_direct(self) -> bool:
        """Whether it is this machine that connects to the target."""
        return not self.hops and self.way.proxy_command is None


class _Login(Struct, frozen=True, kw_only=True):
    """`handshake.Credentials` of one node."""

    ring: KeyRing
    identities: Identities
    secret: Secret | None

    async def keys(self) -> Sequence[asyncssh.SSHKeyPair]:
        return await self.ring.offer(self.identities)

    def password(self) -> Secret | None:
        return self.secret

    def unusable(self) -> Sequence[str]:
        return self.ring.unusable(self.identities)


class Routes:
    """Names to routes, over one reading of the configuration.

    `find` and `take_notes` may be called from several threads at once.
    """

    def __init__(self, options: SshOptions) -> None:
        """Read the configuration; programs that it names are run when nodes are asked for.

        Raises:
            ConfigError: The configuration cannot be understood.
        """
        self._options = options
        self._facts = Facts.of_this_process()
        self.programs: Programs = Programs()
        self._config = read_config(options, self._facts, self.programs)
        self.keys: KeyRing = KeyRing(passphrases=dict(options.key_passphrases))
        self._host_keys = HostKeyStore(self._facts)
        self._known_hosts_commands = KnownHostsCommands(self.programs)
        self._prepared = PreparedOptions()
        self._found: dict[Node, Route] = {}
        """What `unlock` has found, for the one `find` that comes after it."""
        self._lock = threading.Lock()
        """Round what look-ups share; never while a program runs."""
        self._not_honoured: set[str] = set()
        self._notes: list[str] = []
        self.may_run_programs: bool = self._config.may_run_programs

    def find(self, node: Node, *, canonical: str | None = None, connects: bool = True) -> Route:
        """Look one node up, by the name as typed.

        Args:
            node: Of the run.
            canonical: The candidate that the DNS knows.
            connects: Whether it is for a connection: only then a KnownHostsCommand is asked.

        Raises:
            ConfigError: Something that was said for this name makes no sense.
            NodeSetError: A shell could take the name for more.
        """
        if canonical is None and (found := self._found.pop(node, None)):
            return found
        said = self._look_up(node, canonical=canonical)
        hops = self._way_over(said.proxy_jump or ())
        return self._route(node, said, hops=hops, connects=connects)

    def find_hop(
        self, chain: tuple[Node, ...], *, canonical: str | None = None, connects: bool = True
    ) -> Route:
        """Look the last host of a chain up, which is reached through those before it.

        Raises:
            ConfigError: Something that was said for this name makes no sense.
        """
        said = self._look_up(chain[-1], is_hop=True, canonical=canonical)
        return self._route(chain[-1], said, hops=chain[:-1], connects=connects)

    def _way_over(self, jump: tuple[Hop, ...]) -> tuple[Node, ...]:
        """Give the whole way over jump hosts: the first of them may need others itself.

        Like ``ssh``, which asks its configuration for the way to the first one; the others are
        reached through it whatever that says for them.  None is gone through twice: where
        all hosts are said to be behind one, that one is not behind itself.
        """
        hops = tuple(map(_as_node, jump))
        while hops and (jump := self._look_up(hops[0], is_hop=True).proxy_jump or ()):
            before = tuple(map(_as_node, jump))
            if set(before) & set(hops):
                break
            hops = before + hops
        return hops

    def _route(
        self, node: Node, said: HostSettings, *, hops: tuple[Node, ...], connects: bool
    ) -> Route:
        settings = with_openssh_defaults(_with_our_defaults(said), self._facts)
        assert settings.port is not None
        assert settings.user is not None
        asked = settings.known_hosts_command
        more_lines = self._known_hosts_commands.ask(asked) if asked and connects else ""
        with self._lock:
            options = self._prepared.options_for(settings, self._notes)
            trust = self._host_keys.trust_for(settings, more_lines)
        target = Target(
            label=node.name,
            host=settings.hostname,
            port=settings.port,
            username=settings.user,
            options=options,
            trust=trust,
            credentials=_Login(
                ring=self.keys,
                identities=self._identities(said, settings),
                secret=self._options.password,
            ),
            hop=hops[-1].name if hops else "",
        )
        return Route(
            node=node,
            target=target,
            hops=hops,
            way=Way(
                host=settings.hostname,
                port=settings.port,
                family=_FAMILIES[settings.address_family],
                bind_address=settings.bind_address,
                attempts=settings.connection_attempts or 1,
                proxy_command=settings.proxy_command or None,
            ),
            # 0 says nothing, as for OpenSSH.
            connect_timeout_s=self._options.connect_timeout_s or said.connect_timeout_s or None,
            env=environment_to_send(settings, self._facts),
            wants_tty=settings.request_tty in {"yes", "force"},
            said=said,
        )

    def _look_up(
        self, node: Node, *, is_hop: bool = False, canonical: str | None = None
    ) -> HostSettings:
        """Ask the configuration for one name; our own user and port are for nodes, not for hops."""
        user = node.user or (self._options.user if not is_hop else None)
        # A Match exec and a ProxyCommand hand both to a shell, whoever has named them.
        check_host(node.host)
        if user:
            check_user(user)
        said = self._config.lookup(
            node.host,
            user=user,
            port=node.port or (self._options.port if not is_hop else None),
            is_hop=is_hop,
            canonical=canonical,
        )
        if said.not_honoured:
            with self._lock:
                self._note(said)
        if said.refuse_connection is not None:
            raise NodeFailureError(
                Unreachable(reason=f"refused by ssh_config: {said.refuse_connection}")
            )
        return said

    def _note(self, said: HostSettings) -> None:
        for each in said.not_honoured:
            if each.directive not in self._not_honoured:
                self._not_honoured.add(each.directive)
                self._notes.append(f"{each.place}: {each.directive} is not honoured by trioexec")

    def take_notes(self) -> list[str]:
        """Give what is worth saying with ``-v`` about the configuration, each line once."""
        if not self._notes:
            return []
        with self._lock:
            notes, self._notes = self._notes, []
        return notes

    def look_anew(self) -> None:
        """Forget what key files, agents and files of host keys said; for a run after a run."""
        self.keys.close()
        self.keys = KeyRing(passphrases=self.keys.passphrases, missed=self.keys.missed)
        self._host_keys.look_anew()

    def learn(self, *, password: Secret | None, key_passphrases: Mapping[str, Secret]) -> None:
        """Have who logs in from now on use this; None, and keys that are not named, as before."""
        if password is not None:
            self._options = replace(self._options, password=password)
        for path, passphrase in key_passphrases.items():
            self.keys.learn(path, passphrase)

    def unlock(self, nodes: Iterable[Node], ask: AskSecret, left: TimeLeft | None = None) -> None:
        """Ask for what the nodes' keys need, once; before the first connection.

        Args:
            nodes: Of the run.
            ask: For passphrases.
            left: For programs that are run meanwhile; where they take it all, this ends.

        Raises:
            UsageError: What was typed is wrong, or a named key file cannot be used.
            ConfigError: What was said for a node makes no sense.
        """
        for path in self._options.identities:
            if "%" not in path and "$" not in path and not Path(path).expanduser().exists():
                raise UsageError(f"-i {path}: no such file.\nName a private key file.")
        self.programs.before = left
        seen: set[Identities] = set()
        find_hop = cache(
            partial(self.find_hop, connects=False)
        )  # thousands of nodes have one bastion
        for node in nodes:
            try:
                route = self.find(node, connects=False)
                if not route.said.known_hosts_command:
                    self._found[node] = route
                hops = [find_hop(route.hops[:end]) for end in range(1, len(route.hops) + 1)]
            except NodeFailureError:
                continue  # its outcome, when it is run on
            except NoTimeLeftError:
                return  # likewise of all that are left: the deadline's
            for each in (route, *hops):
                login = each.target.credentials
                assert isinstance(login, _Login)
                if login.identities not in seen:
                    seen.add(login.identities)
                    self.keys.unlock(login.identities, _nobody if each.said.batch_mode else ask)

    def _identities(self, said: HostSettings, settings: HostSettings) -> Identities:
        if settings.pubkey_authentication == "no":
            return Identities()
        agent = agent_socket(settings, self._facts)
        return Identities(
            files=settings.identity_files or (),
            named=said.identity_files is not None,
            certificates=settings.certificate_files or (),
            agent=str(agent) if agent else None,
            only=bool(settings.identities_only),
        )


def _with_our_defaults(said: HostSettings) -> HostSettings:
    """Where nobody said anything, what trioexec does and OpenSSH does not."""
    return replace(
        said,
        strict_host_key_checking=said.strict_host_key_checking or "accept-new",
        server_alive_interval_s=(
            KEEPALIVE_S if said.server_alive_interval_s is None else said.server_alive_interval_s
        ),
    )


def _nobody(_prompt: str) -> None:
    """Give no passphrase: nobody may be asked for one."""


def _as_node(hop: Hop) -> Node:
    name = f"[{hop.host}]" if ":" in hop.host else hop.host
    if hop.user:
        name = f"{hop.user}@{name}"
    if hop.port:
        name = f"{name}:{hop.port}"
    return replace(parse_node(name), name=name)
