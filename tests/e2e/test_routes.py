"""Ways that are not direct, on a real sshd: bastions, chains, proxy commands."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.e2e import rig
from tests.e2e.rig import MARK, Cli, Marker
from tests.e2e.ssh_rig import CONNECT, keygen, own_sshd
from tests.e2e.sshd_rig import Sshd, pids_with, silent_server

NODE = "127.0.1.1"
BASTION = "127.0.2.1"
MANY = 500

SETTINGS = """\
MaxStartups 10
UseDNS no
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Sshd]:
    with own_sshd(tmp_path, SETTINGS) as served:
        add(served, f"IdentityFile {tmp_path}/client_key\nIdentitiesOnly yes\n")
        yield served


@pytest.fixture
def trioexec(server: Sshd, tmp_path: Path) -> Cli:
    return Cli(server, tmp_path)


def add(server: Sshd, text: str, *, first: bool = False) -> None:
    old = server.config.read_text()
    server.config.write_text(f"{text}\n{old}" if first else f"{old}\n{text}")


def logins_at(server: Sshd, address: str) -> int:
    """How many connections from that source address have authenticated."""
    return server.log.count(f"Accepted publickey for {server.user} from {address} ")


async def test_many_nodes_behind_a_bastion_cost_it_one_login(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bastion drops connections from the eleventh unauthenticated one on."""
    monkeypatch.setattr(rig, "HANG_S", 600)
    (tmp_path / "bastion").mkdir()
    (tmp_path / "nodes").mkdir()
    made = keygen(tmp_path / "client_key")
    for folder in ("bastion", "nodes"):
        for file in (made, made.with_suffix(".pub")):
            shutil.copy(file, tmp_path / folder)
    with (
        own_sshd(tmp_path / "nodes", "MaxStartups 1000:30:2000") as nodes,
        own_sshd(tmp_path / "bastion", SETTINGS) as bastion,
    ):
        key = nodes.dir / "client_key"
        with (nodes.dir / "known_hosts").open("a") as known:
            known.write((bastion.dir / "known_hosts").read_text())

        done = await Cli(nodes, tmp_path)(
            *("ping", "-H", "127.0.1.[1-250],127.0.3.[1-250]", "-i", str(key)),
            *("-J", f"{BASTION}:{bastion.port}", "-q", "--connect-timeout", "120"),
        )

        assert done.code == 0, done.stderr[-2000:]
        assert bastion.logins() == 1
        assert nodes.logins() == MANY


async def test_a_chain_is_gone_through_in_order(trioexec: Cli, server: Sshd) -> None:
    done = await trioexec("-H", "127.0.1.[1-3]", "-J", "127.0.2.1,127.0.2.2", "echo $SSH_CLIENT")

    assert done.code == 0, done.stderr
    assert done.stdout.count(b": 127.0.") == 3
    assert server.logins() == 2 + 3


async def test_a_jump_host_comes_from_the_configuration_and_none_takes_it_back(
    trioexec: Cli, server: Sshd
) -> None:
    add(server, f"Host 127.0.1.*\n ProxyJump {BASTION}\n", first=True)

    through = await trioexec("-H", "127.0.1.1", "true")
    after_first = server.logins()
    direct = await trioexec("-H", "127.0.1.1", "-J", "none", "true")

    assert (through.code, direct.code) == (0, 0), through.stderr + direct.stderr
    assert (after_first, server.logins()) == (2, 3)


async def test_a_jump_host_is_reached_as_the_configuration_says(
    trioexec: Cli, server: Sshd
) -> None:
    """`ssh` asks for the way to a jump host as for that to any other."""
    add(
        server,
        "Host node\n HostName 127.0.1.1\n ProxyJump inner\n"
        "Host inner\n HostName 127.0.2.2\n ProxyJump outer\n"
        "Host outer\n HostName 127.0.2.1\n ProxyJump inner\nMatch all\n",
        first=True,
    )

    done = await trioexec("-H", "node", "true")

    assert done.code == 0, done.stderr
    # Each by its own way; outer, which is said to be behind what is behind it, directly.
    assert connected_to(server) == ["127.0.2.1", "127.0.2.2", "127.0.1.1"]


async def test_a_jump_host_behind_a_proxy_command_is_reached_by_it(
    trioexec: Cli, server: Sshd, mark: Marker
) -> None:
    add(
        server,
        "Host node*\n HostName 127.0.1.1\n ProxyJump inner\n"
        f"Host inner\n HostKeyAlias [127.0.2.2]:{server.port}\n"
        f" ProxyCommand env {MARK}={mark.text} {CONNECT} 127.0.2.2 %p\nMatch all\n",
        first=True,
    )

    done = await trioexec("-H", "node[1-3]", "true")

    assert done.code == 0, done.stderr
    assert connected_to(server) == ["127.0.2.2", *["127.0.1.1"] * 3]
    assert await mark.are_gone() < rig.HANG_S  # though we are no processes of the node


async def test_where_a_node_is_said_to_be_is_not_where_its_jump_host_is(
    trioexec: Cli, server: Sshd
) -> None:
    done = await trioexec(
        *("-H", "node", "-J", "127.0.2.1", "-o", "HostName=127.0.1.9"),
        *("-o", f"HostKeyAlias=[127.0.1.9]:{server.port}", "true"),
    )

    assert done.code == 0, done.stderr
    assert connected_to(server) == ["127.0.2.1", "127.0.1.9"]


def connected_to(server: Sshd) -> list[str]:
    """At which addresses somebody has come, in order; the rig's own look is at 127.0.0.1."""
    found = re.findall(r"Connection from \S+ port \d+ on (\S+) ", server.log)
    return [address for address in found if address != "127.0.0.1"]


async def test_a_name_that_only_the_hop_knows_is_resolved_there(
    trioexec: Cli, server: Sshd
) -> None:
    """It is nowhere; but it is the hop that is asked for it, and not our resolver."""
    done = await trioexec("-H", "only-the-hop.test", "-J", BASTION, "true")

    assert done.code == 255
    assert "name look-up failed" not in done.stderr
    assert "only-the-hop.test" in server.log, server.log[-1500:]


@pytest.mark.parametrize(
    ("hops", "says"),
    [
        pytest.param(
            f"{BASTION},127.0.2.2:1",
            f"jump host 127.0.2.2:1: not reached from jump host {BASTION}: ",
            id="the second refuses",
        ),
        pytest.param("127.0.2.9:1", "jump host 127.0.2.9:1: connection refused", id="refuses"),
        pytest.param("no-such-user@127.0.2.1", "denied: jump host no-such-user@127.0.2.1: permission denied",
                     id="denies"),
        pytest.param("no.such.host.test", "jump host no.such.host.test: name look-up failed",
                     id="unknown"),
    ],
)  # fmt: skip
async def test_an_error_names_the_hop_that_failed(trioexec: Cli, hops: str, says: str) -> None:
    done = await trioexec("-H", "127.0.1.[1-3]", "-J", hops, "true")

    assert done.code == 255
    assert says in done.stderr, done.stderr
    assert sum(line.startswith("  ") for line in done.stderr.splitlines()) == 1  # the three fold


async def test_a_hop_that_is_silent_is_named_too(trioexec: Cli) -> None:
    with silent_server() as port:
        done = await trioexec(
            "-H", "127.0.1.1", "-J", f"127.0.2.1:{port}", "--connect-timeout", "1", "true"
        )

    assert done.code == 255
    assert (
        f"jump host 127.0.2.1:{port}: timed out connecting (no SSH greeting) after 1 s"
        in done.stderr
    )


async def test_a_node_that_a_hop_does_not_reach_is_said_to_be_so(trioexec: Cli) -> None:
    done = await trioexec("-H", "127.0.1.1:1", "-J", BASTION, "true")

    assert done.code == 255
    assert f"  unreachable: not reached from jump host {BASTION}: " in done.stderr, done.stderr


async def test_a_hop_that_dies_is_named_and_the_nodes_after_it_are_reached_by_another(
    trioexec: Cli, server: Sshd
) -> None:
    (server.dir / "hold").touch()
    async with trioexec.start(
        *("-H", "127.0.1.[1-4]", "-J", BASTION, "--parallel", "2"),
        f"echo up; [ ! -e {server.dir}/hold ] || exec sleep 1000",
    ) as running:
        await running.prints(b": up\n", times=2)
        (server.dir / "hold").unlink()
        os.kill(_pid_of_the_connection_to(BASTION, server.port), signal.SIGKILL)
        code = await running.exits()

    assert code == 255
    assert running.stdout.count(b": up\n") == 4
    assert (
        f"  unreachable: jump host {BASTION}: connection lost (remote end not confirmed): "
        "127.0.1.[1-2]\n" in running.stderr
    ), running.stderr


def _pid_of_the_connection_to(address: str, port: int) -> int:
    """Find the sshd that serves it; the one that listens has no such socket."""
    wanted = f"{socket.inet_aton(address)[::-1].hex().upper()}:{port:04X}"
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    (inode,) = {each.split()[9] for each in lines if each.split()[1] == wanted}
    for descriptor in Path("/proc").glob("[0-9]*/fd/*"):
        with contextlib.suppress(OSError):
            if descriptor.readlink() == Path(f"socket:[{inode}]"):
                return int(descriptor.parts[2])
    raise AssertionError(f"nobody has {wanted}")


async def test_a_failed_hop_is_not_tried_again_by_every_node(trioexec: Cli, server: Sshd) -> None:
    done = await trioexec(
        "-H", "127.0.1.[1-50]", "-J", "no-such-user@127.0.2.1", "--parallel", "5", "true"
    )

    assert done.code == 255
    assert server.log.count("Connection closed by invalid user no-such-user") <= 1


async def test_a_hops_key_is_checked_as_a_nodes_is(trioexec: Cli, server: Sshd) -> None:
    other = (server.dir / "client_key.pub").read_text()
    known = server.dir / "known_hosts"
    known.write_text(f"[127.0.2.1]:{server.port} {other}{known.read_text()}")
    known.write_text(known.read_text().replace("[127.*]", "[127.0.1.*]"))

    done = await trioexec("-H", "127.0.1.1", "-J", BASTION, "true")

    assert done.code == 255
    assert "host key rejected: jump host 127.0.2.1: the host key of [127.0.2.1]" in done.stderr


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(f"{CONNECT} %h %p", id="a program"),
        pytest.param("ssh -F {config} -W %h:%p 127.0.2.1", id="ssh -W"),
    ],
)
async def test_a_proxy_command_leads_there(trioexec: Cli, server: Sshd, command: str) -> None:
    plain = server.dir / "plain_config"
    plain.write_text(server.config.read_text())
    command = command.format(config=plain)

    done = await trioexec("-H", "127.0.1.[1-3]", "-o", f"ProxyCommand={command}", "echo in")

    assert (done.code, done.stdout.count(b": in\n")) == (0, 3), done.stderr


@pytest.mark.parametrize(
    ("command", "says"),
    [
        pytest.param("exit 3", "the ProxyCommand exited with 3", id="exits"),
        pytest.param("no-such-program %h", "the ProxyCommand exited with 127", id="is not there"),
        pytest.param("kill -9 $$", "the ProxyCommand was killed by SIGKILL", id="is killed"),
        pytest.param("true", "connection lost", id="ends well"),
    ],
)
async def test_a_proxy_command_that_fails_is_an_outcome(
    trioexec: Cli, command: str, says: str
) -> None:
    command = f"sh -c '{command}'"
    add(trioexec.sshd, f"Host inner\n ProxyCommand {command}\nMatch all", first=True)

    node = await trioexec("-H", "127.0.1.[1-3]", "-o", f"ProxyCommand={command}", "true")
    hop = await trioexec("-H", "127.0.1.1", "-J", "inner", "true")

    assert (node.code, hop.code) == (255, 255)
    assert f"  unreachable: {says}" in node.stderr, node.stderr
    assert f"  unreachable: jump host inner: {says}" in hop.stderr, hop.stderr


@pytest.mark.parametrize(
    "argv",
    [
        pytest.param(("-l", "a;touch made;", "-H", "127.0.1.1"), id="user"),
        pytest.param(("-l", "$(touch made)", "-H", "127.0.1.1"), id="user that is a command"),
        pytest.param(("-H", "@c"), id="user of a node"),
        pytest.param(("-H", "@d"), id="host of a node"),
        pytest.param(("-C", "e"), id="user of a cluster"),
        pytest.param(("-H", "[fe80::1%;touch$IFS'made']"), id="link"),
    ],
)
async def test_a_name_is_no_more_than_a_name_to_programs_of_ssh_config(
    argv: tuple[str, ...], trioexec: Cli, tmp_path: Path
) -> None:
    made = tmp_path / "made"
    config = tmp_path / "trioexec.toml"
    config.write_text(
        f"""
[clusters.c.nodes."127.0.1.1"]
user = "a;touch {made};"
[clusters.d.nodes."127.0.1.1"]
host = "a;touch {made};"
[clusters.e]
nodes = "127.0.1.1"
user = "a;touch {made};"
"""
    )
    argv = tuple(word.replace("made", str(made)) for word in argv)

    done = await trioexec(
        *("--config", str(config)),
        *argv,
        *("-o", "ProxyCommand=true %r@%h; exit 3", "true"),
    )

    assert done.code == 2, done.stderr
    assert not made.exists()


async def test_v_says_the_whole_chain_behind_a_failure(trioexec: Cli) -> None:
    done = await trioexec("-v", "-H", "127.0.1.1", "-J", "no-such-user@127.0.2.1", "true")

    assert "trioexec: 127.0.1.1: NodeFailureError" in done.stderr
    assert "<- PermissionDenied: " in done.stderr


@pytest.mark.parametrize(
    ("prints", "code"),
    [
        pytest.param("host_key.pub", 0, id="the right key"),
        pytest.param("client_key.pub", 255, id="another key"),
        pytest.param("no_such_file", 255, id="none"),
    ],
)
async def test_keys_come_from_a_program_of_the_site_as_with_ssh(
    trioexec: Cli, server: Sshd, tmp_path: Path, prints: str, code: int
) -> None:
    program = tmp_path / "keys"
    program.write_text(
        '#!/bin/sh\nhost=$1; shift; echo "$host $*" >>"$0.asked"\n'
        f'[ ! -e "{server.dir}/{prints}" ] || echo "$host $(cat "{server.dir}/{prints}")"\n'
    )
    program.chmod(0o755)
    config = tmp_path / "config"
    config.write_text(
        f"Host node\n HostName {NODE}\n"
        f'KnownHostsCommand {program} %H "%n %h" %p %r %I%%\n'
        "UserKnownHostsFile none\nStrictHostKeyChecking yes\n" + server.config.read_text()
    )

    ours = await trioexec("-F", str(config), "-H", "node", "true")
    asked = program.with_name("keys.asked").read_text().splitlines()
    theirs = await trio.run_process(
        ["ssh", "-F", str(config), "-o", "BatchMode=yes", "node", "true"],
        check=False,
        capture_stderr=True,
    )

    assert (ours.code, theirs.returncode) == (code, code), (ours.stderr, theirs.stderr)
    assert ("host key rejected: " in ours.stderr) is (code == 255)
    said = program.with_name("keys.asked").read_text().splitlines()
    assert asked == [said[0]]
    assert said[0] in said[1:], said  # ssh asks for the order of the algorithms first


@pytest.mark.parametrize(
    ("limit", "says"),
    [
        ("--deadline", "ran into the deadline"),
        ("--connect-timeout", "timed out connecting (no answer from a program of ssh_config)"),
    ],
)
async def test_a_program_for_keys_is_under_the_limits_of_its_run_and_ends_with_it(
    trioexec: Cli, limit: str, says: str
) -> None:
    seconds = f"6{os.getpid()}"
    program = f"KnownHostsCommand=/bin/sh -c 'sleep {seconds}; :'"

    done = await trioexec("-H", "127.0.1.[1-3]", "-o", program, limit, "1", "true")

    assert done.code == 124, done.stderr
    assert f"  {says}: 127.0.1.[1-3]\n" in done.stderr
    assert pids_with(f"sleep\0{seconds}\0".encode()) == []


async def test_a_program_for_keys_that_fails_refuses_the_host_as_with_ssh(
    trioexec: Cli, server: Sshd, tmp_path: Path
) -> None:
    config = tmp_path / "config"
    config.write_text(f"KnownHostsCommand /bin/sh -c 'exit 3'\n{server.config.read_text()}")

    ours = await trioexec("-F", str(config), "-H", NODE, "true")
    theirs = await trio.run_process(
        ["ssh", "-F", str(config), "-o", "BatchMode=yes", NODE, "true"],
        check=False,
        capture_stderr=True,
    )

    assert (ours.code, theirs.returncode) == (255, 255), theirs.stderr
    assert "host key rejected: KnownHostsCommand /bin/sh failed: exit 3" in ours.stderr
