"""Host keys on real files, with real servers, processes and OpenSSH's own tools."""

from __future__ import annotations

import asyncio  # noqa: TID251
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import asyncssh  # noqa: TID251
import pytest
from msgspec.structs import replace

from trioexec.transports.ssh.checked import CheckedConnection, HostKeyStore, NodeTrust
from trioexec.transports.ssh.config import Facts, HostSettings, with_openssh_defaults
from trioexec.transports.ssh.hostkey_text import fingerprint
from trioexec.transports.ssh.hostkeys import HostKeys
from trioexec.transports.ssh.verdict import Peer

SSHD = shutil.which("sshd") or ("/usr/sbin/sshd" if Path("/usr/sbin/sshd").exists() else None)
KEYGEN = shutil.which("ssh-keygen")
LIMIT_S = 120

FACTS = Facts(user="me", uid=1, home="/nonexistent", hostname="here")


@pytest.fixture(autouse=True)
def tools() -> None:
    if SSHD is None or KEYGEN is None:
        if os.environ.get("CI"):
            pytest.fail("CI must install openssh-client and -server: these tests may not skip")
        pytest.skip("OpenSSH is not on this machine")


def keygen(*words: str, code: int = 0) -> str:
    assert KEYGEN is not None
    done = subprocess.run(
        [KEYGEN, *words], capture_output=True, text=True, timeout=LIMIT_S, check=False
    )
    assert done.returncode == code, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Keys of all kinds, made once."""
    if KEYGEN is None:
        pytest.skip("OpenSSH is not on this machine")
    folder = tmp_path_factory.mktemp("keys")
    for name, kind in {
        "ed25519": "ed25519",
        "rsa": "rsa",
        "ecdsa": "ecdsa",
        "other": "ed25519",
        "ca": "ed25519",
        "stranger": "ed25519",
    }.items():
        keygen("-q", "-t", kind, "-N", "", "-f", str(folder / name))
    return folder


def public(folder: Path, name: str) -> str:
    return " ".join((folder / f"{name}.pub").read_text().split()[:2])


def blob(folder: Path, name: str) -> bytes:
    return asyncssh.read_public_key(folder / f"{name}.pub").public_data


class Server:
    """An sshd of our own on loopback, which lets nobody in."""

    def __init__(self, folder: Path, home: Path) -> None:
        self._folder = folder
        self._home = home
        self._child: subprocess.Popen[bytes] | None = None
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]

    def start(self, *keys: str, certificate: str | None = None) -> None:
        if os.geteuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        lines = [
            "ListenAddress 127.0.0.1",
            f"Port {self.port}",
            "PidFile none",
            "StrictModes no",
            "UsePAM no",
            f"AuthorizedKeysFile {self._home}/none",
            *(f"HostKey {self._folder / key}" for key in keys),
        ]
        if certificate is not None:
            lines.append(f"HostCertificate {certificate}")
        config = self._home / "sshd_config"
        config.write_text("\n".join(lines) + "\n")
        assert SSHD is not None
        self._child = subprocess.Popen(
            [SSHD, "-D", "-e", "-f", str(config)], stderr=subprocess.DEVNULL
        )
        for _ in range(LIMIT_S * 20):
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            try:
                self._child.wait(0.05)
            except subprocess.TimeoutExpired:
                continue
            break
        pytest.fail("sshd does not answer")

    def stop(self) -> None:
        if self._child is not None:
            self._child.terminate()
            self._child.wait(LIMIT_S)
            self._child = None


@pytest.fixture
def server(folder: Path, tmp_path: Path) -> Iterator[Server]:
    server = Server(folder, tmp_path)
    try:
        yield server
    finally:
        server.stop()


def settings_for(server: Server, known: Path, **more: object) -> HostSettings:
    said = HostSettings(
        name="node",
        hostname="127.0.0.1",
        port=server.port,
        user_known_hosts_files=(str(known),),
        global_known_hosts_files=(),
        strict_host_key_checking="accept-new",
    )
    return with_openssh_defaults(replace(said, **more), FACTS)


def shake_hands(trust: NodeTrust, port: int) -> CheckedConnection | str:
    """Connect up to authentication; give the connection that was denied, or why the key was refused."""

    async def connect() -> CheckedConnection | str:
        loop = asyncio.get_running_loop()
        options = asyncssh.SSHClientConnectionOptions(
            config=None,
            known_hosts=([], [], []),
            server_host_key_algs=trust.algorithms(),
            username="nobody",
            client_keys=None,
            agent_path=None,
            password="secret",
        )
        options.waiter = loop.create_future()
        connection = CheckedConnection(loop, options, wait="auth", trust=trust)
        await loop.create_connection(lambda: connection, "127.0.0.1", port)
        try:
            await asyncio.wait_for(options.waiter, LIMIT_S)
        except asyncssh.HostKeyNotVerifiable as exc:
            return exc.reason
        except asyncssh.PermissionDenied:
            return connection
        finally:
            connection.abort()
            await connection.wait_closed()
        raise AssertionError("nobody should be let in")

    return asyncio.run(connect())


def test_a_new_host_is_recorded_as_ssh_keygen_finds_it(
    server: Server, folder: Path, tmp_path: Path
) -> None:
    known = tmp_path / "new/known_hosts"
    server.start("ed25519", "rsa", "ecdsa")

    done = shake_hands(HostKeyStore(FACTS).trust_for(settings_for(server, known)), server.port)

    assert isinstance(done, CheckedConnection)
    assert done.verdict is not None
    assert done.verdict.kind == "new"
    assert public(folder, "ed25519") in keygen("-F", f"[127.0.0.1]:{server.port}", "-f", str(known))
    assert known.read_text().count("\n") == 1


@pytest.mark.parametrize("recorded", ["rsa", "ecdsa", "ed25519"])
def test_a_known_host_is_asked_for_the_kind_of_key_that_is_recorded(
    server: Server, folder: Path, tmp_path: Path, recorded: str
) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {public(folder, recorded)}\n")
    server.start("ed25519", "rsa", "ecdsa")
    settings = settings_for(server, known, strict_host_key_checking="yes")

    done = shake_hands(HostKeyStore(FACTS).trust_for(settings), server.port)

    assert isinstance(done, CheckedConnection)
    assert done.verdict is not None
    assert done.verdict.kind == "known"
    key = done.get_server_host_key()
    assert key is not None
    assert key.public_data == blob(folder, recorded)


@pytest.mark.parametrize("other", ["other", "rsa"])
def test_what_we_tell_to_remove_is_what_ssh_keygen_removes(
    server: Server, folder: Path, tmp_path: Path, other: str
) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {public(folder, other)}\n")
    server.start("ed25519")
    store = HostKeyStore(FACTS)

    refused = shake_hands(store.trust_for(settings_for(server, known)), server.port)

    assert isinstance(refused, str)
    assert f"ssh-keygen -f {known} -R '[127.0.0.1]:{server.port}'" in refused
    assert fingerprint(blob(folder, "ed25519")) in refused
    keygen("-f", str(known), "-R", f"[127.0.0.1]:{server.port}")
    again = shake_hands(HostKeyStore(FACTS).trust_for(settings_for(server, known)), server.port)
    assert isinstance(again, CheckedConnection)


@pytest.mark.parametrize(
    ("lines", "trusted"),
    [
        pytest.param({"port": "ed25519"}, True, id="the port's own"),
        pytest.param({"host": "ed25519"}, True, id="the host's, where the port has none"),
        pytest.param({"host": "other", "port": "ed25519"}, True, id="not the host's"),
        pytest.param({"host": "ed25519", "port": "other"}, False, id="not the port's"),
        pytest.param({"host": "other"}, False, id="of another key of the host"),
    ],
)
def test_a_key_is_trusted_on_a_port_where_ssh_trusts_it(
    server: Server, folder: Path, tmp_path: Path, lines: dict[str, str], *, trusted: bool
) -> None:
    known = tmp_path / "known_hosts"
    names = {"host": "127.0.0.1", "port": f"[127.0.0.1]:{server.port}"}
    known.write_text("".join(f"{names[at]} {public(folder, key)}\n" for at, key in lines.items()))
    server.start("ed25519")
    settings = settings_for(server, known, strict_host_key_checking="yes")

    ours = shake_hands(HostKeyStore(FACTS).trust_for(settings), server.port)
    theirs = subprocess.run(
        [
            *("ssh", "-F", "none", "-p", str(server.port), "-o", "BatchMode=yes"),
            *("-o", f"UserKnownHostsFile={known}", "-o", "GlobalKnownHostsFile=/dev/null"),
            *("-o", "StrictHostKeyChecking=yes", "nobody@127.0.0.1", "true"),
        ],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )

    assert isinstance(ours, CheckedConnection) is trusted
    assert ("Permission denied" in theirs.stderr) is trusted
    assert ("Host key verification failed" in theirs.stderr) is not trusted


def test_a_changed_key_under_no_gets_no_password(
    server: Server, folder: Path, tmp_path: Path
) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"[127.0.0.1]:{server.port} {public(folder, 'other')}\n")
    server.start("ed25519")
    settings = settings_for(server, known, strict_host_key_checking="no")

    done = shake_hands(HostKeyStore(FACTS).trust_for(settings), server.port)

    assert isinstance(done, CheckedConnection)
    assert not done._password_auth
    assert not done._kbdint_auth


@pytest.mark.parametrize(
    ("ca", "options", "lines", "outcome"),
    [
        pytest.param("ca", "-n 127.0.0.1", "", "certified", id="good"),
        pytest.param("ca", "", "", "certified", id="no principals"),
        pytest.param("ca", "-n other", "", "is for other", id="another host"),
        pytest.param("ca", "-n 127.0.0.1 -V -2d:-1d", "", "has expired", id="expired"),
        pytest.param("ca", "-n 127.0.0.1 -V +1d:+2d", "", "is not valid yet", id="not yet"),
        pytest.param(
            "ca", "-n 127.0.0.1", "@revoked * {ca}\n", "is revoked", id="authority revoked"
        ),
        pytest.param(
            "ca", "-n 127.0.0.1", "@revoked * {ed25519}\n", "is revoked", id="key revoked"
        ),
        pytest.param("stranger", "-n 127.0.0.1", "", "is not known", id="a stranger"),
        pytest.param("stranger", "-n 127.0.0.1", "* {ed25519}\n", "known", id="key known"),
        pytest.param("ca", "-n x", "* {ed25519}\n", "known", id="bad, but the key is known"),
        pytest.param(
            "ca", "-n 127.0.0.1 -O critical:a=b", "", "makes no sense", id="a critical option"
        ),
    ],
)
def test_a_host_certificate_is_really_validated(
    server: Server, folder: Path, tmp_path: Path, *, ca: str, options: str, lines: str, outcome: str
) -> None:
    known = tmp_path / "known_hosts"
    keys = {name: public(folder, name) for name in ("ca", "ed25519")}
    known.write_text(f"@cert-authority * {keys['ca']}\n" + lines.format(**keys))
    shutil.copy(folder / "ed25519.pub", tmp_path / "host.pub")
    keygen(
        "-q", "-s", str(folder / ca), "-I", "id", "-h", *options.split(), str(tmp_path / "host.pub")
    )
    server.start("ed25519", certificate=str(tmp_path / "host-cert.pub"))
    settings = settings_for(server, known, strict_host_key_checking="yes")

    done = shake_hands(HostKeyStore(FACTS).trust_for(settings), server.port)

    if isinstance(done, str):
        assert outcome in done
    else:
        assert done.verdict is not None
        assert done.verdict.kind == outcome


def test_an_authority_that_signs_with_sha1_is_not_believed(
    server: Server, folder: Path, tmp_path: Path
) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"@cert-authority * {public(folder, 'rsa')}\n")
    shutil.copy(folder / "ed25519.pub", tmp_path / "host.pub")
    for how in ("rsa-sha2-512", "ssh-rsa"):
        keygen(
            "-q", "-s", str(folder / "rsa"), "-t", how, "-I", "id", "-h", str(tmp_path / "host.pub")
        )
        data = asyncssh.read_certificate(tmp_path / "host-cert.pub").public_data
        trust = HostKeyStore(FACTS).trust_for(settings_for(server, known))

        verdict, _ = trust.verify("127.0.0.1", data)

        assert verdict.trusted is (how != "ssh-rsa"), how


def test_files_that_ssh_keygen_hashed_are_read(folder: Path, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(
        f"web1,10.0.0.1 {public(folder, 'ed25519')}\n[web1]:2222 {public(folder, 'other')}\n"
    )
    keygen("-H", "-f", str(known))
    keys = HostKeys(user_files=(known,), policy="yes")

    assert "web1" not in known.read_text()
    assert keys.check(Peer("web1"), blob(folder, "ed25519")).trusted
    assert keys.check(Peer("10.0.0.1"), blob(folder, "ed25519")).trusted
    assert keys.check(Peer("WEB1", 2222), blob(folder, "other")).trusted
    assert keys.check(Peer("web1"), blob(folder, "other")).kind == "changed"


def test_ssh_keygen_finds_what_we_record_hashed(folder: Path, tmp_path: Path) -> None:
    known = tmp_path / "known_hosts"
    keys = HostKeys(user_files=(known,), hash_known_hosts=True)

    keys.check(Peer("Web1", 2222), blob(folder, "ed25519"))

    assert public(folder, "ed25519") in keygen("-F", "[web1]:2222", "-f", str(known))
    keygen("-F", "web1", "-f", str(known), code=1)


@pytest.mark.parametrize("names", ["web*", "WEB1", "web*,!web1", "a,web1", "web2", "w?b1", "*"])
def test_a_line_is_for_a_host_exactly_where_ssh_keygen_finds_it(
    folder: Path, tmp_path: Path, names: str
) -> None:
    known = tmp_path / "known_hosts"
    known.write_text(f"{names} {public(folder, 'ed25519')}\n")
    assert KEYGEN is not None

    found = subprocess.run(
        [KEYGEN, "-F", "web1", "-f", str(known)], capture_output=True, timeout=LIMIT_S, check=False
    )
    ours = HostKeys(user_files=(known,), policy="yes").check(Peer("web1"), blob(folder, "ed25519"))

    assert ours.trusted is (found.returncode == 0)


RACER = """
import sys
from pathlib import Path
from trioexec.transports.ssh.hostkeys import HostKeys
from trioexec.transports.ssh.verdict import Peer
import base64
known, keys, hosts = Path(sys.argv[1]), sys.argv[2].split(","), int(sys.argv[3])
store = HostKeys(user_files=(known,))
print("ready", flush=True)
sys.stdin.readline()
kinds = [
    store.check(Peer(f"web{i}"), base64.b64decode(keys[i % len(keys)])).kind for i in range(hosts)
]
print(*kinds)
"""


def race(known: Path, keys: tuple[str, ...], hosts: int) -> list[list[str]]:
    """Let one process for each of `keys` meet the same hosts at once."""
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(known), each, str(hosts)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for each in keys
    ]
    try:
        for racer in racers:
            assert racer.stdout is not None
            assert racer.stdout.readline() == "ready\n"
        for racer in racers:
            assert racer.stdin is not None
            racer.stdin.write("go\n")
            racer.stdin.flush()
        return [racer.communicate(timeout=LIMIT_S)[0].split() for racer in racers]
    finally:
        for racer in racers:
            racer.kill()
            racer.wait(LIMIT_S)


def test_two_processes_that_meet_new_hosts_record_one_line_each(
    folder: Path, tmp_path: Path
) -> None:
    known = tmp_path / "known_hosts"
    key = public(folder, "ed25519").split()[1]

    kinds = race(known, (key, key), 200)

    names = [line.split()[0] for line in known.read_text().splitlines()]
    assert sorted(names) == sorted(f"web{i}" for i in range(200))
    assert [sorted(pair) for pair in zip(*kinds, strict=True)] == [["known", "new"]] * 200


def test_of_two_processes_that_see_different_keys_only_one_is_believed(
    folder: Path, tmp_path: Path
) -> None:
    known = tmp_path / "known_hosts"
    keys = tuple(public(folder, name).split()[1] for name in ("ed25519", "other"))

    kinds = race(known, keys, 100)

    assert len(known.read_text().splitlines()) == 100
    assert [sorted(pair) for pair in zip(*kinds, strict=True)] == [["changed", "new"]] * 100
