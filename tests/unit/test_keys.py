"""What is decided of keys before any connection; the rest is held by the end-to-end tests."""

from __future__ import annotations

import asyncio  # noqa: TID251
import socket
import struct
from pathlib import Path

import asyncssh  # noqa: TID251
import pytest
import trio
from asyncssh.sk_eddsa import _SKEd25519Key  # noqa: TID251

from trioexec.model.errors import UsageError
from trioexec.model.secret import Secret
from trioexec.transports.ssh import keys as keys_module
from trioexec.transports.ssh.keys import Identities, KeyRing, SharedAgent
from trioexec.transports.ssh.loop import open_loop, run_in_loop

pytestmark = pytest.mark.filterwarnings("ignore:.*bcrypt.kdf")
"""The keys here protect nothing, and a hundred rounds take seconds."""


def write(path: Path, key: asyncssh.SSHKey, passphrase: str | None = None) -> str:
    key.write_private_key(str(path), passphrase=passphrase, rounds=1)
    path.chmod(0o600)
    return str(path)


def fido_key() -> asyncssh.SSHKey:
    return _SKEd25519Key.make_private((b"p" * 32, "ssh:", 1, b"handle", b""))


class Asker:
    """Gives the answers in turn, then none."""

    def __init__(self, *answers: str) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, prompt: str) -> Secret | None:
        self.asked.append(prompt)
        return Secret(self.answers.pop(0)) if self.answers else None


@pytest.fixture
def locked(tmp_path: Path) -> Identities:
    key = asyncssh.generate_private_key("ssh-ed25519")
    return Identities(files=(write(tmp_path / "locked", key, "right"),), named=True)


def test_a_passphrase_that_is_wrong_may_be_typed_again(locked: Identities) -> None:
    ring, ask = KeyRing(), Asker("wrong", "right")

    ring.unlock(locked, ask)

    assert len(ask.asked) == 2
    assert ring.unusable(locked) == []


def test_a_passphrase_is_not_asked_for_for_ever(locked: Identities) -> None:
    ask = Asker(*["wrong"] * 100)

    with pytest.raises(UsageError, match="the passphrase is wrong"):
        KeyRing().unlock(locked, ask)

    assert len(ask.asked) == keys_module.ATTEMPTS


def test_a_key_is_left_locked_where_nobody_can_be_asked(locked: Identities) -> None:
    ring = KeyRing()

    ring.unlock(locked, Asker())

    assert ring.unusable(locked) == [f"{locked.files[0]}: its passphrase is not known"]


def test_an_unlocked_key_is_not_asked_for_again(locked: Identities) -> None:
    ring = KeyRing()
    ring.unlock(locked, Asker("right"))
    ask = Asker()

    ring.unlock(locked, ask)

    assert ask.asked == []


def test_a_default_key_is_asked_for_only_where_there_is_no_other(tmp_path: Path) -> None:
    free = write(tmp_path / "free", asyncssh.generate_private_key("ssh-ed25519"))
    shut = write(tmp_path / "shut", asyncssh.generate_private_key("ssh-ed25519"), "right")
    ask = Asker("right")

    KeyRing().unlock(Identities(files=(free, shut)), ask)
    assert ask.asked == []

    KeyRing().unlock(Identities(files=(shut,)), ask)
    assert len(ask.asked) == 1


@pytest.mark.parametrize(
    ("name", "says"),
    [
        pytest.param("nonsense", "not a private key that can be used", id="no key"),
        pytest.param("open", "others may read it", id="open to others"),
        pytest.param("folder", "is a directory", id="a directory"),
        pytest.param("fido", r"needs trioexec\[fido2\] or an agent", id="FIDO without support"),
    ],
)
def test_a_named_file_that_cannot_be_used_is_a_usage_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, says: str
) -> None:
    monkeypatch.setattr(keys_module, "sk_available", False)
    (tmp_path / "folder").mkdir()
    (tmp_path / "nonsense").write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nnonsense\n")
    (tmp_path / "nonsense").chmod(0o600)
    write(tmp_path / "open", asyncssh.generate_private_key("ssh-ed25519"))
    (tmp_path / "open").chmod(0o640)
    write(tmp_path / "fido", fido_key())

    with pytest.raises(UsageError, match=says):
        KeyRing().unlock(Identities(files=(str(tmp_path / name),), named=True), Asker())


def test_a_default_file_that_cannot_be_used_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "nonsense").write_text("PRIVATE KEY, or so it says")
    (tmp_path / "nonsense").chmod(0o600)
    identities = Identities(files=(str(tmp_path / "nonsense"), str(tmp_path / "not there")))
    ring = KeyRing()

    ring.unlock(identities, Asker())

    (reason,) = ring.unusable(identities)
    assert "nonsense: not a private key" in reason


def test_a_fido_key_is_used_where_there_is_support(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(keys_module, "sk_available", True)
    identities = Identities(files=(write(tmp_path / "fido", fido_key()),), named=True)
    ring = KeyRing()

    ring.unlock(identities, Asker())

    assert ring.unusable(identities) == []


def test_an_agent_that_talks_nonsense_counts_as_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert keys_module._agent_publics(str(tmp_path / "nobody")) == set()
    assert list(keys_module._identities_in(b"\x05\x00\x00\x00\x00")) == []


def test_many_nodes_at_once_ask_an_agent_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Agent:
        def __init__(self, path: str) -> None:
            self.path = path

        async def connect(self) -> None:
            asked.append(self.path)
            await asyncio.sleep(0)

        async def get_keys(self) -> list[asyncssh.SSHKeyPair]:
            await asyncio.sleep(0)
            return []

        def close(self) -> None:
            asked.append("closed")

    monkeypatch.setattr(keys_module, "SharedAgent", Agent)
    ring = KeyRing()

    async def nodes() -> None:
        await asyncio.gather(*(ring.offer(Identities(agent="/agent")) for _ in range(20)))
        ring.close()

    asyncio.run(nodes())

    assert asked == ["/agent", "closed"]


def test_a_node_that_is_cancelled_leaves_no_agents_answer_to_the_next(tmp_path: Path) -> None:
    path = str(tmp_path / "agent")
    questions = asyncio.Queue[bytes]()
    over = asyncio.Event()

    async def agent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # Signs with the words to be signed, as slowly as a hand that touches a token.
        while head := await reader.read(4):
            request = await reader.readexactly(int.from_bytes(head, "big"))
            _key, at = keys_module._string_at(request, 1)
            words, _ = keys_module._string_at(request, at)
            questions.put_nowait(words)
            await asyncio.sleep(0.05)
            answer = b"\x0e" + struct.pack(">I", len(words)) + words
            writer.write(struct.pack(">I", len(answer)) + answer)
        writer.close()
        over.set()

    async def nodes() -> bytes:
        async with await asyncio.start_unix_server(agent, path):
            client = SharedAgent(path)
            await client.connect()
            first = asyncio.ensure_future(client.sign(b"key", b"the first"))
            assert await questions.get() == b"the first"
            first.cancel()
            try:
                return await client.sign(b"key", b"the second")
            finally:
                client.close()
                await client.wait_closed()
                await over.wait()

    assert asyncio.run(nodes()) == b"the second"


async def test_an_agent_that_hangs_is_no_agent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nodes would else wait for it until they time out, though their key is in a file."""
    monkeypatch.setattr(keys_module, "AGENT_LIMIT_S", 0.05)
    with socket.socket(socket.AF_UNIX) as agent:
        agent.bind(str(tmp_path / "agent"))
        agent.listen()
        file = write(tmp_path / "key", asyncssh.generate_private_key("ssh-ed25519"))
        identities = Identities(files=(file,), agent=str(tmp_path / "agent"))
        ring = KeyRing()

        ring.unlock(identities, lambda _: None)
        async with open_loop() as loop:
            offered = await run_in_loop(loop, ring.offer(identities))
            ring.close()
            await trio.sleep(0.05)  # its end is the end of what it was asked, and nobody's error

    assert [pair.public_data for pair in offered] == [ring.file(file).public]
