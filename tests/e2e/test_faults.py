"""Every way in which a node can fail, by the real command line: one outcome, one clear line.

`FAULTS` is also the table in docs/reference/outcomes.md, which a test compares with it.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import trio

from tests.e2e.rig import Cli, until
from tests.e2e.ssh_rig import own_sshd
from tests.e2e.sshd_rig import Sshd, closed_port, full_server, silent_server

DOCS = Path(__file__).parents[2] / "docs" / "reference" / "outcomes.md"
NODE = "127.0.1.1"

SETTINGS = """\
Match LocalAddress 127.0.9.0/24
    AuthorizedKeysFile none
Match LocalAddress 127.0.8.0/24
    MaxSessions 0
"""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One row of the table; `{port}` is where the sshd is, or what `place` gives."""

    what: str
    node: str
    says: str
    """Of the summary's line; a regular expression."""

    code: int = 255
    options: tuple[str, ...] = ()
    place: Callable[[], contextlib.AbstractContextManager[int]] | None = None
    command: str = "true"


@contextmanager
def server_that(talk: Callable[[socket.socket], None]) -> Iterator[int]:
    """Have a port where each connection is talked to by `talk`."""
    with socket.socket() as listening:
        listening.bind(("0.0.0.0", 0))
        listening.listen(10)

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    made, _ = listening.accept()
                    threading.Thread(target=_guarded, args=(talk, made), daemon=True).start()

        threading.Thread(target=serve, daemon=True).start()
        yield int(listening.getsockname()[1])
        listening.shutdown(socket.SHUT_RDWR)


def _guarded(talk: Callable[[socket.socket], None], made: socket.socket) -> None:
    with contextlib.suppress(OSError), made:
        talk(made)


def _drip(made: socket.socket) -> None:
    made.settimeout(0.5)
    while True:
        made.sendall(b".")
        with contextlib.suppress(TimeoutError):
            if not made.recv(1000):
                return


def _version_only(made: socket.socket) -> None:
    made.sendall(b"SSH-2.0-Strange\r\n")
    while made.recv(1000):
        pass


def _no_ssh(made: socket.socket) -> None:
    made.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 100)


def _nonsense(made: socket.socket) -> None:
    made.sendall(b"SSH-2.0-Strange\r\n" + bytes(1000))
    while made.recv(1000):
        pass


def _hang_up(made: socket.socket) -> None:
    made.sendall(b"SSH-2.0-Strange\r\n")


FAULTS = [
    Fault(
        what="its name is not known",
        node="no.such.host.test",
        says="unreachable: name look-up failed: .+",
    ),
    Fault(
        what="nothing listens there",
        node=f"{NODE}:{{port}}",
        place=closed_port,
        says="unreachable: connection refused",
    ),
    Fault(
        what="there is no route to it",
        node="255.255.255.255",
        says="unreachable: (network is unreachable|permission denied|no route to host)",
    ),
    Fault(
        what="its address is not of the family asked for",
        node="[::1]",
        options=("-4",),
        says="unreachable: name look-up failed: address family for hostname not supported",
    ),
    Fault(
        what="it does not answer (a firewall, a host that is off)",
        node=f"{NODE}:{{port}}",
        place=full_server,
        options=("--connect-timeout", "1"),
        says=r"timed out connecting \(no answer to TCP\)",
        code=124,
    ),
    Fault(
        what="it accepts the connection and says nothing",
        node=f"{NODE}:{{port}}",
        place=silent_server,
        options=("--connect-timeout", "1"),
        says=r"timed out connecting \(no SSH greeting\)",
        code=124,
    ),
    Fault(
        what="it says one byte at a time",
        node=f"{NODE}:{{port}}",
        place=lambda: server_that(_drip),
        options=("--connect-timeout", "2"),
        says=r"timed out connecting \(no SSH greeting\)",
        code=124,
    ),
    Fault(
        what="it stops in the key exchange",
        node=f"{NODE}:{{port}}",
        place=lambda: server_that(_version_only),
        options=("--connect-timeout", "1"),
        says=r"timed out connecting \(no end of the key exchange\)",
        code=124,
    ),
    Fault(
        what="it is no SSH server",
        node=f"{NODE}:{{port}}",
        place=lambda: server_that(_no_ssh),
        says="unreachable: (handshake failed|disconnected|connection lost).*",
    ),
    Fault(
        what="it sends nonsense in the handshake",
        node=f"{NODE}:{{port}}",
        place=lambda: server_that(_nonsense),
        says="unreachable: handshake failed: PacketDecodeError: Incomplete packet",
    ),
    Fault(
        what="it hangs up in the handshake",
        node=f"{NODE}:{{port}}",
        place=lambda: server_that(_hang_up),
        says="unreachable: connection lost.*",
    ),
    Fault(
        what="it has no algorithm in common with us",
        node=NODE,
        options=("-o", "KexAlgorithms=diffie-hellman-group1-sha1"),
        says="unreachable: no common algorithm: .*",
    ),
    Fault(
        what="it does not let us in",
        node="127.0.9.1",
        says=r"denied: permission denied for \S+, tried publickey with 1 key "
        r"\(the node takes publickey\)",
    ),
    Fault(
        what="its host key is another one",
        node=NODE,
        options=("-o", "UserKnownHostsFile={dir}/other_known_hosts"),
        says="host key rejected: the host key of .* has changed: .*",
    ),
    Fault(
        what="it opens no session",
        node="127.0.8.1",
        says=r"unreachable: the node opens no session \(MaxSessions\?\): .*",
    ),
    Fault(
        what="the connection is lost in mid-command",
        node=NODE,
        command="kill -KILL $PPID; sleep 1000",
        says=r"unreachable: connection lost.* \(remote end not confirmed\)",
    ),
]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    folder = tmp_path_factory.mktemp("faults")
    with own_sshd(folder, "") as served:
        served.process.terminate()
        served.process.wait()
    for name in ("host_key", "host_key.pub"):
        (folder / name).unlink()
    with own_sshd(folder) as served:
        config = folder / "sshd_config"
        config.write_text(config.read_text() + SETTINGS)
        os.kill(served.process.pid, signal.SIGHUP)
        text = f"IdentityFile {folder}/client_key\nIdentitiesOnly yes\n"
        served.config.write_text(text + served.config.read_text())
        other = (folder / "client_key.pub").read_text()
        (folder / "other_known_hosts").write_text(f"[{NODE}]:{served.port} {other}")
        yield served


@pytest.fixture
def trioexec(server: Sshd, tmp_path: Path) -> Cli:
    return Cli(server, tmp_path)


@pytest.mark.parametrize("fault", [pytest.param(each, id=each.what) for each in FAULTS])
async def test_a_fault_is_one_outcome_with_one_clear_line(
    trioexec: Cli, server: Sshd, fault: Fault
) -> None:
    with fault.place() if fault.place else contextlib.nullcontext(server.port) as port:
        node = fault.node.format(port=port)
        options = [each.format(dir=server.dir) for each in fault.options]
        if fault.node == "127.0.8.1":
            await _sshd_has_reloaded(trioexec)

        done = await trioexec("-v", "-H", node, *options, fault.command)

    (line,) = [each for each in done.stderr.splitlines() if each.startswith("  ")]
    assert re.fullmatch(rf"  {fault.says}: {re.escape(node)}", line), done.stderr
    assert done.code == fault.code
    if fault.code == 255:  # the chain behind it, with -v; a time-out is its own reason
        assert f"trioexec: {node}: " in done.stderr


async def _sshd_has_reloaded(trioexec: Cli) -> None:
    with trio.fail_after(60):
        while (await trioexec("-H", "127.0.8.1", "true")).code == 0:
            pass


@pytest.mark.parametrize(
    ("options", "whole_at"),
    [
        pytest.param(("-g",), "stderr", id="group"),
        pytest.param(("-g", "-q"), "stdout", id="group without a summary"),
        pytest.param((), "stderr", id="stream"),
        pytest.param(("-g", "-v"), "stderr", id="verbose"),
    ],
)
async def test_how_to_mend_a_changed_host_key_is_said_once(
    trioexec: Cli, server: Sshd, tmp_path: Path, options: tuple[str, ...], whole_at: str
) -> None:
    key = (server.dir / "host_key.pub").read_text()
    right = ",".join(f"[127.0.1.{number}]:{server.port}" for number in range(2, 7))
    known = tmp_path / "known_hosts"
    known.write_text((server.dir / "other_known_hosts").read_text() + f"{right} {key}")

    done = await trioexec(
        *options, "-H", f"127.0.1.[2-6],{NODE}", "-o", f"UserKnownHostsFile={known}", "echo in"
    )

    texts = {"stdout": done.stdout.decode(), "stderr": done.stderr}
    said = "".join(texts.values())
    assert said.count(f"ssh-keygen -f {known} -R ") == 1, said
    assert "somebody may be listening" in texts[whole_at]
    if whole_at == "stderr" and "-g" in options:
        assert f"{NODE} (1): host key rejected: the host key of " in texts["stdout"]
        assert " has changed...\n" in texts["stdout"]


def test_the_documented_table_is_this_one() -> None:
    rows = re.findall(r"^\| (it.*?|its.*?|there.*?|nothing.*?|the conn.*?) \| `(.*)` \| (\d+) \|$",
                      DOCS.read_text(), re.MULTILINE)  # fmt: skip

    assert [(what, int(code)) for what, _, code in rows] == [(x.what, x.code) for x in FAULTS]
    for (_, example, _), fault in zip(rows, FAULTS, strict=True):
        assert re.fullmatch(fault.says, example), (example, fault.says)


async def test_a_name_look_up_that_hangs_is_under_the_connect_timeout_and_off_the_loop(
    trioexec: Cli, tmp_path: Path
) -> None:
    slow = tmp_path / "sitecustomize.py"
    slow.write_text(
        "import socket, time\n"
        "real = socket.getaddrinfo\n"
        "def slow(host, *a, **k):\n"
        "    if host == 'slow.test': time.sleep(600)\n"
        "    return real(host, *a, **k)\n"
        "socket.getaddrinfo = slow\n"
    )

    done = await trioexec(
        "-H", f"slow.test,{NODE}", "--connect-timeout", "3", "-S", "echo in",
        env={"PYTHONPATH": str(tmp_path)},
    )  # fmt: skip

    assert done.code == 124, done.stderr
    assert "timed out connecting (no answer from the resolver): slow.test" in done.stderr
    assert done.stdout == f"{NODE}: in\n".encode()


@pytest.mark.parametrize("first", ["refuses", "is silent"])
async def test_of_several_addresses_the_one_that_answers_is_taken(
    trioexec: Cli, server: Sshd, tmp_path: Path, first: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import socket\n"
        "real = socket.getaddrinfo\n"
        "def several(host, port, *a, **k):\n"
        "    if host != 'several.test': return real(host, port, *a, **k)\n"
        "    dead = ('127.0.3.9', {dead})\n"
        "    s = (socket.AF_INET, socket.SOCK_STREAM, 6, '')\n"
        "    return [(*s, dead), (*s, ('127.0.1.1', port))]\n"
        "socket.getaddrinfo = several\n"
    )
    with contextlib.ExitStack() as kept:
        dead = kept.enter_context(closed_port() if first == "refuses" else _full_backlog())
        text = (tmp_path / "sitecustomize.py").read_text().replace("{dead}", str(dead))
        (tmp_path / "sitecustomize.py").write_text(text)

        done = await trioexec(
            *("-H", "several.test", "-o", "HostKeyAlias=localhost", "-o"),
            *("UserKnownHostsFile=/dev/null", "echo $SSH_CONNECTION"),
            env={"PYTHONPATH": str(tmp_path)},
        )

    assert done.code == 0, done.stderr
    assert b" 127.0.1.1 " in done.stdout


@contextmanager
def _full_backlog() -> Iterator[int]:
    """Have a port whose connections are never answered: the kernel drops what is too much."""
    with contextlib.ExitStack() as kept:
        listening = kept.enter_context(socket.socket())
        listening.bind(("0.0.0.0", 0))
        listening.listen(0)
        port = int(listening.getsockname()[1])
        for _ in range(4):
            each = kept.enter_context(socket.socket())
            each.setblocking(False)
            each.connect_ex(("127.0.3.9", port))
        yield port


@pytest.mark.parametrize(("option", "address"), [("-4", b"127.0.0.1"), ("-6", b"::1")])
async def test_the_family_that_was_asked_for_is_used(
    tmp_path: Path, option: str, address: bytes
) -> None:
    if not _has_ipv6():
        pytest.skip("no IPv6 on this machine")
    (tmp_path / "sitecustomize.py").write_text(
        "import socket\n"
        "real = socket.getaddrinfo\n"
        "def both(host, port, family=0, *a, **k):\n"
        "    if host == 'both.test': host = '127.0.0.1' if family == socket.AF_INET else '::1'\n"
        "    return real(host, port, family, *a, **k)\n"
        "socket.getaddrinfo = both\n"
    )
    with own_sshd(tmp_path, "ListenAddress ::") as server:
        done = await Cli(server, tmp_path)(
            *("-H", "both.test", option, "-i", str(tmp_path / "client_key"), "echo $SSH_CLIENT"),
            env={"PYTHONPATH": str(tmp_path)},
        )

    assert done.code == 0, done.stderr
    assert address in done.stdout


def _has_ipv6() -> bool:
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET6) as sock:
        sock.bind(("::1", 0))
        return True
    return False


async def test_a_node_whose_sshd_is_stopped_ends_within_interval_times_count(
    trioexec: Cli,
) -> None:
    async with trioexec.start(
        *("-H", NODE, "--server-alive-interval", "1", "--server-alive-count-max", "3"),
        "echo $PPID; exec sleep 1000",
    ) as running:
        await running.prints(b"\n")
        pid = int(running.stdout.split()[-1])
        os.kill(pid, signal.SIGSTOP)
        stopped_s = trio.current_time()
        try:
            code = await running.exits()
            took_s = trio.current_time() - stopped_s
        finally:
            with contextlib.suppress(ProcessLookupError):  # sshd may have buried it
                os.kill(pid, signal.SIGCONT)
                os.kill(pid, signal.SIGTERM)

    assert code == 255
    assert "connection lost: the node does not answer any more" in running.stderr
    assert took_s >= 2  # a margin of a second for what was on its way when it stopped
    assert took_s < 3 + 30  # a machine that is busy elsewhere


async def test_a_node_whose_link_is_cut_ends_within_interval_times_count(tmp_path: Path) -> None:
    with _namespace() as (address, link, run_inside), own_sshd(tmp_path) as server:
        # A second sshd of the same folder, on the other side of the link.
        inside = subprocess.Popen(  # noqa: ASYNC220
            [
                *(*run_inside, "/usr/sbin/sshd", "-D", "-e", "-f", str(tmp_path / "sshd_config")),
                *("-o", "ClientAliveInterval=1", "-o", "ClientAliveCountMax=2"),
            ],
            stderr=subprocess.DEVNULL,
        )
        known = server.dir / "known_hosts"
        known.write_text(known.read_text().replace("[127.*]", f"[127.*]:{server.port},[{address}]"))
        try:
            async with Cli(server, tmp_path).start(
                *("-H", address, "-i", str(tmp_path / "client_key"), "--connect-timeout", "30"),
                *("-o", "ConnectionAttempts=5", "--server-alive-interval", "1"),
                *("--server-alive-count-max", "2", "echo pid $$; exec sleep 1000"),
            ) as running:
                await running.prints(b"\n")
                _, _, pid = running.stdout.partition(b"pid ")
                subprocess.run(["ip", "link", "set", link, "down"], check=True)  # noqa: ASYNC221
                code = await running.exits()
            # Over there too, when the node's sshd has noticed.
            command = Path(f"/proc/{int(pid)}")
            await until(lambda: not command.exists(), what="the end of the command")
        finally:
            inside.terminate()
            inside.wait()

    assert code == 255
    assert "connection lost: " in running.stderr, running.stderr


@contextmanager
def _namespace() -> Iterator[tuple[str, str, list[str]]]:
    """Have an address in a network namespace, the link to it, and how to run things inside.

    Skips where that cannot be.
    """
    name = f"te-{os.getpid()}"
    commands = [
        f"ip netns add {name}",
        f"ip link add {name}h type veth peer name {name}n netns {name}",
        f"ip addr add 198.51.100.1/30 dev {name}h",
        f"ip link set {name}h up",
        f"ip -n {name} addr add 198.51.100.2/30 dev {name}n",
        f"ip -n {name} link set {name}n up",
    ]
    try:
        for command in commands:
            made = subprocess.run(command.split(), capture_output=True, text=True, check=False)
            if made.returncode:
                pytest.skip(f"{command}: {made.stderr.strip()}")
        ours = subprocess.run(["ip", "addr"], capture_output=True, text=True, check=True)
        if "198.51.100.2/" in ours.stdout:
            pytest.skip("network namespaces do not separate anything on this machine")
        yield "198.51.100.2", f"{name}h", ["ip", "netns", "exec", name]
    except FileNotFoundError:
        pytest.skip("no ip on this machine")
    finally:
        if shutil.which("ip"):
            subprocess.run(["ip", "netns", "del", name], capture_output=True, check=False)
            subprocess.run(["ip", "link", "del", f"{name}h"], capture_output=True, check=False)
