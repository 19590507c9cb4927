"""Which keys a node is offered, and in which order.

Files are read once a run and an agent is asked once a run, however many nodes
there are.  OpenSSH's order, with one change: a key file that the user named comes
before keys that merely happen to be in the agent, since six wrong ones are all
that a server takes.
"""

from __future__ import annotations

import asyncio  # noqa: TID251
import base64
import binascii
import copy
import os
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import asyncssh  # noqa: TID251
from asyncssh.packet import SSHPacket  # noqa: TID251
from asyncssh.sk import sk_available  # noqa: TID251
from msgspec import Struct, field

from trioexec.model.errors import UsageError, why
from trioexec.model.secret import Secret

__all__ = ["AskSecret", "Identities", "KeyFile", "KeyRing", "SharedAgent"]

AskSecret = Callable[[str], "Secret | None"]
"""Gets a prompt; gives what the user typed, None where there is nobody to ask."""

_OPENSSH_MAGIC: Final = b"openssh-key-v1\x00"


class KeyFile(Struct):
    """A private key file as it was read."""

    path: str
    pair: asyncssh.SSHKeyPair | None = None
    """None while the file is encrypted and nobody has told the passphrase."""

    public: bytes | None = None
    """The public half, for finding the key in an agent; known also of most encrypted files."""

    encrypted: bool = False
    problem: str = ""
    """Why it cannot be used; empty where it can, or is not there."""


class Identities(Struct, frozen=True, kw_only=True):
    """What holds for the nodes of one configuration; hashable, so that they can share."""

    files: tuple[str, ...] = ()
    named: bool = False
    """Whether the user named the files; False for the default ones."""

    certificates: tuple[str, ...] = ()
    agent: str | None = None
    """The agent's socket."""

    only: bool = False
    """Offer no key of the agent but those of `files`."""


class KeyRing(Struct):
    """All keys of a run."""

    passphrases: dict[str, Secret] = field(default_factory=dict)
    """By the path of the key file; those that were asked for are added."""

    missed: set[str] = field(default_factory=set)
    """Key files without whose passphrases a node has refused a login."""

    _files: dict[str, KeyFile] = field(default_factory=dict)
    _certificates: dict[str, asyncssh.SSHCertificate] = field(default_factory=dict)
    _agents: dict[str, list[asyncssh.SSHKeyPair]] = field(default_factory=dict)
    _clients: list[asyncssh.SSHAgentClient] = field(default_factory=list)
    _offers: dict[Identities, list[asyncssh.SSHKeyPair]] = field(default_factory=dict)
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)

    def file(self, path: str) -> KeyFile:
        """Give a key file, read once."""
        if path not in self._files:
            self._files[path] = key = _read_key_file(path)
            if key.encrypted and key.pair is None and path in self.passphrases:
                _unlock(key, self.passphrases[path])
        return self._files[path]

    def unlock(self, identities: Identities, ask: AskSecret) -> None:
        """Ask for the passphrases of key files that are needed; before the first connection.

        Needed is what the user named and the agent does not hold; a default key file
        only where there is no other key at all.

        Raises:
            UsageError: A passphrase is wrong, or a file that the user named cannot be used.
        """
        held = _agent_publics(identities.agent)
        locked: list[KeyFile] = []
        usable = bool(held) and not identities.only
        for path in identities.files:
            key = self.file(path)
            if identities.named and key.problem and key.public not in held:
                raise UsageError(f"{path}: {key.problem}.\nName another key file with -i.")
            if key.pair is not None or key.public in held:
                usable = True
            elif key.encrypted:
                locked.append(key)
        if usable and not identities.named:
            return
        for key in locked:
            passphrase = _ask_and_unlock(key, ask)
            if passphrase is not None:
                self.passphrases[key.path] = passphrase

    def learn(self, path: str, passphrase: Secret) -> None:
        """Take the passphrase of a key file, for logins from now on."""
        self.passphrases[path] = passphrase
        self.missed.discard(path)
        self._files.pop(path, None)
        self._offers.clear()

    def unusable(self, identities: Identities) -> list[str]:
        """Say which of the key files are there and could not be offered, and why."""
        keys = [self.file(path) for path in identities.files]
        self.missed |= {key.path for key in keys if key.encrypted and key.pair is None}
        return [
            f"{key.path}: {key.problem or 'its passphrase is not known'}"
            for key in keys
            if key.problem or (key.encrypted and key.pair is None)
        ]

    async def offer(self, identities: Identities) -> list[asyncssh.SSHKeyPair]:
        """Give the key pairs to try, in order; asyncio's side, since an agent may be asked."""
        if identities not in self._offers:
            # Many nodes want it at the same time, and an agent is asked once.
            async with self._asking:
                held = await self._agent_pairs(identities.agent)
            self._offers[identities] = list(self._in_order(identities, held))
        return self._offers[identities]

    def close(self) -> None:
        """Let the agents go."""
        for client in self._clients:
            client.close()
        self._clients.clear()
        self._asking = asyncio.Lock()
        self._agents.clear()
        self._offers.clear()

    def _in_order(
        self, identities: Identities, held: list[asyncssh.SSHKeyPair]
    ) -> Iterator[asyncssh.SSHKeyPair]:
        by_public = {pair.public_data: pair for pair in held}
        files = [self.file(path) for path in identities.files]
        in_agent = [by_public[key.public] for key in files if key.public in by_public]
        from_file = [key.pair for key in files if key.pair and key.public not in by_public]
        wanted = {pair.public_data for pair in in_agent}
        others = [] if identities.only else [x for x in held if x.public_data not in wanted]
        beside = [f"{path}-cert.pub" for path in identities.files]
        certificates = [self._certificate(path) for path in (*identities.certificates, *beside)]
        ordered = (
            [*in_agent, *from_file, *others]
            if identities.named
            else [*in_agent, *others, *from_file]
        )
        for pair in ordered:
            yield from _certified(pair, [each for each in certificates if each is not None])
            yield pair

    def _certificate(self, path: str) -> asyncssh.SSHCertificate | None:
        if path not in self._certificates:
            try:
                self._certificates[path] = asyncssh.read_certificate(path)
            except (OSError, asyncssh.KeyImportError):
                return None
        return self._certificates[path]

    async def _agent_pairs(self, path: str | None) -> list[asyncssh.SSHKeyPair]:
        if path is None:
            return []
        if path not in self._agents:
            try:
                client = SharedAgent(path)
                self._clients.append(client)
                async with asyncio.timeout(AGENT_LIMIT_S):
                    await client.connect()
                    self._agents[path] = list(await client.get_keys())
            except (OSError, ValueError):
                # As OpenSSH: no agent is no error; nor is one that hangs.
                self._agents[path] = []
        return self._agents[path]


class SharedAgent(asyncssh.SSHAgentClient):
    """An agent that many nodes ask over one socket, where answers are told apart by their order."""

    async def _make_request(self, msgtype: int, *args: bytes) -> tuple[int, SSHPacket]:
        # A node that is cancelled while it waits (for a hand on a token, say) would leave its
        # answer to the next node's question, and so on to the end of the run.
        asking = asyncio.ensure_future(super()._make_request(msgtype, *args))
        asking.add_done_callback(_hear)
        return await asyncio.shield(asking)


def _hear(asked: asyncio.Future[Any]) -> None:
    """Take note of an error that who has asked may not be there to hear; asyncio wants that."""
    if not asked.cancelled():
        asked.exception()


def _certified(
    pair: asyncssh.SSHKeyPair, certificates: list[asyncssh.SSHCertificate]
) -> Iterator[asyncssh.SSHKeyPair]:
    """Give the pair once more for each certificate that was made for its key."""
    for certificate in certificates:
        if certificate.key.public_data == pair.public_data:
            signed = copy.copy(pair)
            signed.set_certificate(certificate)
            yield signed


def _agent_publics(path: str | None) -> set[bytes | None]:
    """Ask an agent for its public keys without an event loop; empty where there is none."""
    if path is None:
        return set()
    try:
        with socket.socket(socket.AF_UNIX) as agent:
            agent.settimeout(AGENT_LIMIT_S)
            agent.connect(path)
            agent.sendall(struct.pack(">IB", 1, _REQUEST_IDENTITIES))
            with agent.makefile("rb") as answer:
                (length,) = struct.unpack(">I", answer.read(4))
                return set(_identities_in(answer.read(length)))
    except (OSError, struct.error):
        return set()


ATTEMPTS: Final = 4
"""How often one key's passphrase is asked for: OpenSSH's three, and once for a given one."""

AGENT_LIMIT_S: Final = 5.0
"""How long an agent may take to list its keys before it counts as absent."""

_REQUEST_IDENTITIES: Final = 11
_IDENTITIES_ANSWER: Final = 12


def _identities_in(message: bytes) -> Iterator[bytes]:
    kind, count = struct.unpack_from(">BI", message)
    if kind != _IDENTITIES_ANSWER:
        return
    at = 5
    for _ in range(count):
        blob, at = _string_at(message, at)
        _comment, at = _string_at(message, at)
        yield blob


def _string_at(data: bytes, at: int) -> tuple[bytes, int]:
    """Read one SSH string (RFC 4251, section 5); gives where the next thing begins."""
    (length,) = struct.unpack_from(">I", data, at)
    end = at + 4 + length
    if end > len(data):
        raise struct.error("a string runs past the end")
    return data[at + 4 : end], end


def _read_key_file(path: str) -> KeyFile:
    key = KeyFile(path)
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return key
    except OSError as exc:
        key.problem = why(exc)
        return key
    key.public = _public_alone(data)
    if key.public is not None:
        return key  # as OpenSSH: it names a key of the agent
    if _is_open_to_others(path):
        key.problem = "others may read it; OpenSSH does not use it either (chmod 600)"
        return key
    key.public = _public_inside(data) or _public_beside(path)
    try:
        pair = _load(data)
        if pair.algorithm.startswith(b"sk-") and not sk_available:
            key.public = pair.public_data
            key.problem = "a FIDO key, which needs trioexec[fido2] or an agent"
        else:
            _take_in(key, pair)
    except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError) as exc:
        # asyncssh has one class for "needs a passphrase" and "is no key".
        if "assphrase must" in str(exc):
            key.encrypted = True
        else:
            key.problem = f"not a private key that can be used ({exc})"
    return key


def _load(data: bytes, passphrase: str | None = None) -> asyncssh.SSHKeyPair:
    # From bytes: given a path, asyncssh puts the certificate beside it in the key's place.
    return asyncssh.load_keypairs([data], passphrase=passphrase)[0]


def _is_open_to_others(path: str) -> bool:
    """Tell whether the file is ours, and readable by others: OpenSSH's own rule."""
    facts = Path(path).stat()
    return facts.st_uid == os.getuid() and bool(facts.st_mode & 0o077)


def _take_in(key: KeyFile, pair: asyncssh.SSHKeyPair) -> None:
    key.pair, key.encrypted = pair, False
    key.public = key.public or pair.public_data


def _ask_and_unlock(key: KeyFile, ask: AskSecret) -> Secret | None:
    """Ask until the passphrase is right, or for the last time; nobody to ask leaves it locked."""
    for attempt in range(ATTEMPTS):
        passphrase = ask(f"Passphrase for key {key.path}: ")
        if passphrase is None and attempt == 0:
            return None
        if passphrase is None:
            break
        if _unlock(key, passphrase):
            return passphrase
    raise UsageError(
        f"{key.path}: the passphrase is wrong.\n"
        f"Try again, or add the key to an agent: ssh-add {key.path}"
    )


def _unlock(key: KeyFile, passphrase: Secret) -> bool:
    try:
        _take_in(key, _load(Path(key.path).read_bytes(), passphrase.reveal()))
    except (asyncssh.KeyEncryptionError, asyncssh.KeyImportError):
        return False
    return True


def _public_beside(path: str) -> bytes | None:
    try:
        return asyncssh.read_public_key(f"{path}.pub").public_data
    except (OSError, asyncssh.KeyImportError):
        return None


def _public_alone(data: bytes) -> bytes | None:
    """Read a file that is a public key and nothing else."""
    if b"PRIVATE KEY" in data:
        return None
    try:
        return asyncssh.import_public_key(data).public_data
    except asyncssh.KeyImportError:
        return None


def _public_inside(data: bytes) -> bytes | None:
    """Find the public half in OpenSSH's own format, where it is never encrypted."""
    body = b"".join(line for line in data.splitlines() if not line.startswith(b"-----"))
    try:
        raw = base64.b64decode(body, validate=True)
        if not raw.startswith(_OPENSSH_MAGIC):
            return None
        at = len(_OPENSSH_MAGIC)
        for _ in ("cipher", "kdf", "kdf options"):
            _ignored, at = _string_at(raw, at)
        public, _ = _string_at(raw, at + 4)
    except (binascii.Error, struct.error):
        return None
    return public
