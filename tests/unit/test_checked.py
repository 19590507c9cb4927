from __future__ import annotations

from pathlib import Path

import asyncssh  # noqa: TID251
import pytest

from trioexec.transports.ssh.checked import HostKeyStore, NodeTrust
from trioexec.transports.ssh.config import Facts, HostSettings, with_openssh_defaults
from trioexec.transports.ssh.hostkey_text import line_for
from trioexec.transports.ssh.hostkeys import HostKeys
from trioexec.transports.ssh.verdict import Peer

WEB1 = Peer("web1")
FACTS = Facts(user="me", uid=1, home="/h", hostname="here")
KEY = asyncssh.generate_private_key("ssh-ed25519")
OTHER = asyncssh.generate_private_key("ssh-ed25519")
CA = asyncssh.generate_private_key("ssh-ed25519")
EC = asyncssh.generate_private_key("ecdsa-sha2-nistp256")


def trust(tmp_path: Path, *lines: str, peer: Peer = WEB1, **more: object) -> NodeTrust:
    known = tmp_path / "known_hosts"
    known.write_text("".join(f"{each}\n" for each in lines))
    return NodeTrust(keys=HostKeys(user_files=(known,), policy="yes"), peer=peer, **more)  # type: ignore[arg-type]


def line(name: str, key: asyncssh.SSHKey) -> str:
    return line_for(name, key.public_data, hashed=False)


def test_an_unknown_host_is_asked_for_keys_in_opensshs_order_without_sha1(tmp_path: Path) -> None:
    algorithms = trust(tmp_path).algorithms()

    assert algorithms[0] == "ssh-ed25519"
    assert algorithms[-2:] == ["rsa-sha2-512", "rsa-sha2-256"]
    assert "ssh-rsa" not in algorithms
    assert not any("-cert-" in each for each in algorithms)


def test_recorded_kinds_come_first_and_the_others_stay(tmp_path: Path) -> None:
    algorithms = trust(tmp_path, line("web1", EC), "web1 ssh-rsa AAAA").algorithms()

    assert algorithms[:3] == ["ecdsa-sha2-nistp256", "rsa-sha2-512", "rsa-sha2-256"]
    assert "ssh-ed25519" in algorithms


def test_certificates_are_asked_for_where_an_authority_is_recorded(tmp_path: Path) -> None:
    algorithms = trust(tmp_path, f"@cert-authority {line('*', CA)}").algorithms()

    assert algorithms[0] == "ssh-ed25519-cert-v01@openssh.com"
    assert "ssh-ed25519" in algorithms


@pytest.mark.parametrize(
    ("said", "first"),
    [
        pytest.param("rsa-sha2-256,ssh-ed25519", ["rsa-sha2-256", "ssh-ed25519"], id="as said"),
        pytest.param("^rsa-sha2-256", ["rsa-sha2-256"], id="put in front"),
        pytest.param("+ssh-rsa", ["ecdsa-sha2-nistp256"], id="added: the recorded kind is first"),
        pytest.param("-ssh-ed25519*", ["ecdsa-sha2-nistp256"], id="taken away"),
    ],
)
def test_host_key_algorithms_are_obeyed(tmp_path: Path, said: str, first: list[str]) -> None:
    algorithms = trust(tmp_path, line("web1", EC), said_algorithms=said).algorithms()

    assert algorithms[: len(first)] == first


def test_all_algorithms_are_ones_that_asyncssh_takes(tmp_path: Path) -> None:
    algorithms = trust(tmp_path, f"@cert-authority {line('*', CA)}").algorithms()

    asyncssh.SSHClientConnectionOptions(config=None, server_host_key_algs=algorithms)


def test_a_plain_key_is_decided_on_by_what_is_recorded(tmp_path: Path) -> None:
    node = trust(tmp_path, line("web1", KEY))

    verdict, key = node.verify("10.0.0.1", KEY.public_data)

    assert verdict.kind == "known"
    assert key == KEY.convert_to_public()
    assert "has changed" in node.verify("10.0.0.1", OTHER.public_data)[0].reason


def test_a_certificate_is_decided_on_by_what_it_says(tmp_path: Path) -> None:
    node = trust(tmp_path, f"@cert-authority {line('*', CA)}")
    good = CA.generate_host_certificate(KEY.convert_to_public(), "id", principals=["web1"])
    bad = CA.generate_host_certificate(KEY.convert_to_public(), "id", principals=["web2"])
    user = CA.generate_user_certificate(KEY.convert_to_public(), "id", principals=["web1"])

    assert node.verify("", good.public_data)[0].kind == "certified"
    assert "is for web2" in node.verify("", bad.public_data)[0].reason
    assert "is for users" in node.verify("", user.public_data)[0].reason


def test_a_certificate_whose_signature_is_wrong_makes_no_sense(tmp_path: Path) -> None:
    node = trust(tmp_path, f"@cert-authority {line('*', CA)}")
    data = CA.generate_host_certificate(KEY.convert_to_public(), "id").public_data

    with pytest.raises(ValueError, match="Invalid OpenSSH certificate"):
        node.verify("", data[:-1] + bytes([data[-1] ^ 1]))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1"])
def test_localhost_is_trusted_unseen_only_where_that_was_said(tmp_path: Path, address: str) -> None:
    assert not trust(tmp_path).verify(address, KEY.public_data)[0].trusted
    node = trust(tmp_path, trust_loopback=True)
    assert node.verify(address, KEY.public_data)[0].trusted
    assert not node.verify("10.0.0.1", KEY.public_data)[0].trusted
    assert not node.verify("", KEY.public_data)[0].trusted


def test_an_address_with_another_key_refuses_only_where_it_is_checked(tmp_path: Path) -> None:
    lines = (line("web1", KEY), line("10.0.0.1", OTHER))

    assert trust(tmp_path, *lines).verify("10.0.0.1", KEY.public_data)[0].trusted
    node = trust(tmp_path, *lines, check_address=True)
    assert not node.verify("10.0.0.1", KEY.public_data)[0].trusted
    assert node.verify("10.0.0.2", KEY.public_data)[0].trusted


def test_an_alias_has_no_address(tmp_path: Path) -> None:
    node = trust(
        tmp_path,
        line("web1", KEY),
        line("10.0.0.1", OTHER),
        peer=Peer("x", 22, "web1"),
        check_address=True,
    )

    assert node.verify("10.0.0.1", KEY.public_data)[0].trusted


def test_nodes_with_the_same_files_share_them(tmp_path: Path) -> None:
    store = HostKeyStore(FACTS)
    settings = with_openssh_defaults(
        HostSettings(
            name="web1",
            hostname="web1",
            user_known_hosts_files=(str(tmp_path / "a"),),
            global_known_hosts_files=(),
            revoked_host_keys=str(tmp_path / "revoked"),
        ),
        FACTS,
    )
    (tmp_path / "revoked").write_text("")

    one, two = store.trust_for(settings), store.trust_for(settings)

    assert one.keys is two.keys
    assert one.keys.policy == "ask"
    assert one.keys.revoked_file == tmp_path / "revoked"
    assert one.keys.broken == ""


def test_an_account_without_a_home_has_nowhere_to_record_keys() -> None:
    homeless = Facts(user="me", uid=1, home=None, hostname="here")
    settings = with_openssh_defaults(HostSettings(name="a", hostname="a"), homeless)

    assert HostKeyStore(homeless).trust_for(settings).keys.user_files is None
