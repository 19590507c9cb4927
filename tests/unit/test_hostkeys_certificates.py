"""Certificates of hosts, and keys that are revoked."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from tests.unit.hostkeys_rig import NOW_S, Files, certificate, key, line
from trioexec.transports.ssh.hostkey_text import line_for
from trioexec.transports.ssh.verdict import Peer, Policy


@pytest.mark.parametrize("peer", [Peer("web1"), Peer("WEB1", 2222), Peer("x", 2222, "web1")])
def test_a_certificate_of_an_authority_is_trusted_and_not_recorded(
    files: Files, peer: Peer
) -> None:
    files.write(line("*", key(7), "@cert-authority"))
    keys = files.keys("yes")

    assert keys.check_certificate(peer, certificate(), now_s=NOW_S).kind == "certified"
    assert len(files.lines) == 1


@pytest.mark.parametrize(
    ("more", "says"),
    [
        pytest.param({"for_host": False}, "is for users", id="of a user"),
        pytest.param({"valid_after_s": NOW_S + 1}, "not valid yet", id="too early"),
        pytest.param({"valid_before_s": NOW_S}, "has expired", id="too late"),
        pytest.param({"principals": ("web2", "x")}, "is for web2, x", id="of another host"),
        pytest.param({"signature_algorithm": "ssh-rsa"}, "ssh-rsa", id="weakly signed"),
    ],
)
@pytest.mark.parametrize("policy", ["yes", "accept-new"])
def test_a_certificate_that_is_not_good_is_refused(
    files: Files, more: dict[str, object], says: str, policy: Policy
) -> None:
    files.write(line("*", key(7), "@cert-authority"))

    verdict = files.keys(policy).check_certificate(Peer("web1"), certificate(**more), now_s=NOW_S)

    assert not verdict.trusted
    assert says in verdict.reason
    assert len(files.lines) == 1


def test_a_certificate_without_principals_is_for_every_host(files: Files) -> None:
    files.write(line("*", key(7), "@cert-authority"))

    assert (
        files.keys()
        .check_certificate(Peer("web1"), certificate(principals=()), now_s=NOW_S)
        .trusted
    )


def test_the_key_in_a_bad_certificate_counts_where_it_is_known(files: Files) -> None:
    files.write(line("*", key(7), "@cert-authority") + line("web1", key(1)))

    verdict = files.keys("yes").check_certificate(Peer("web1"), certificate(valid_before_s=0))

    assert verdict.kind == "known"


def test_a_certificate_of_a_stranger_is_but_a_key(files: Files) -> None:
    files.write(line("*", key(8), "@cert-authority"))

    assert not files.keys("yes").check_certificate(Peer("web1"), certificate()).trusted
    assert files.keys("accept-new").check_certificate(Peer("web1"), certificate()).kind == "new"
    assert files.lines[-1] == line_for("web1", key(1), hashed=False)


def test_an_authority_is_one_only_for_its_hosts(files: Files) -> None:
    files.write(line("*.example", key(7), "@cert-authority"))

    assert not files.keys("yes").check_certificate(Peer("web1"), certificate(), now_s=NOW_S).trusted


@pytest.mark.parametrize("revoked", [key(1), key(7)], ids=["the key", "the authority"])
@pytest.mark.parametrize("policy", ["yes", "accept-new", "no"])
def test_a_certificate_with_a_revoked_key_in_it_is_refused(
    files: Files, revoked: bytes, policy: Policy
) -> None:
    files.write(line("*", key(7), "@cert-authority") + line("*", revoked, "@revoked"))
    keys = files.keys(policy)

    assert keys.check_certificate(Peer("web1"), certificate(), now_s=NOW_S).kind == "revoked"


def test_an_authority_does_not_speak_for_plain_keys(files: Files) -> None:
    files.write(line("*", key(7), "@cert-authority"))

    assert not files.keys("yes").check(Peer("web1"), key(7)).trusted


def test_a_key_in_the_file_of_revoked_keys_is_refused(files: Files, tmp_path: Path) -> None:
    files.write(line("web1", key(1)) + line("web2", key(2)))
    revoked = tmp_path / "revoked"
    revoked.write_text(f"# none\nssh-ed25519 {base64.b64encode(key(1)).decode()} me\nAAAA\n")
    keys = files.keys(revoked_file=revoked)

    assert keys.check(Peer("web1"), key(1)).kind == "revoked"
    assert keys.check(Peer("web2"), key(2)).trusted
    assert keys.check_certificate(Peer("web2"), certificate()).kind == "revoked"


@pytest.mark.parametrize("content", [None, b"SSHKRL\n\0rest"], ids=["missing", "a KRL"])
def test_a_file_of_revoked_keys_that_cannot_be_read_refuses_every_key(
    files: Files, tmp_path: Path, content: bytes | None
) -> None:
    files.write(line("web1", key(1)))
    revoked = tmp_path / "revoked"
    if content is not None:
        revoked.write_bytes(content)

    verdict = files.keys(revoked_file=revoked).check(Peer("web1"), key(1))

    assert not verdict.trusted
    assert "RevokedHostKeys" in verdict.reason


@pytest.mark.parametrize("which", [1, 7], ids=["the host's key", "its authority"])
def test_a_certificate_with_a_key_of_the_revoked_ones_is_revoked(
    files: Files, tmp_path: Path, which: int
) -> None:
    files.write(line("*", key(7), "@cert-authority"))
    revoked = tmp_path / "revoked"
    revoked.write_text(f"ssh-ed25519 {base64.b64encode(key(which)).decode()}\n")

    keys = files.keys(revoked_file=revoked)

    assert keys.check_certificate(Peer("web1"), certificate(), now_s=NOW_S).kind == "revoked"
