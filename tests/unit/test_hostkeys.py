"""Which host keys are trusted, and under what names."""

from __future__ import annotations

import pytest

from tests.unit.hostkeys_rig import Files, key, line, rsa
from trioexec.transports.ssh import known_hosts
from trioexec.transports.ssh.hashed_names import HashedName
from trioexec.transports.ssh.hostkey_text import fingerprint, line_for, rsa_bits
from trioexec.transports.ssh.verdict import Peer, Policy


def test_a_known_key_is_trusted_without_a_lock(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write(line("web1", key(1)))
    keys = files.keys()

    def never(*_: object, **__: object) -> None:
        pytest.fail("a known host took the lock")

    monkeypatch.setattr("trioexec.transports.ssh.hostkeys.locked", never)

    assert keys.check(Peer("web1"), key(1)).trusted


def test_a_new_key_is_recorded_once_under_accept_new(files: Files) -> None:
    keys = files.keys()

    first = keys.check(Peer("Web1", 2222), key(1))
    second = keys.check(Peer("web1", 2222), key(1))

    assert (first.kind, first.trusted) == ("new", True)
    assert str(files.user) in first.note
    assert (second.kind, second.trusted) == ("known", True)
    assert files.lines == [line_for("[web1]:2222", key(1), hashed=False)]
    assert files.user.stat().st_mode & 0o777 == 0o600
    assert files.user.parent.stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("policy", ["yes", "ask", "accept-new"])
def test_a_changed_key_is_refused_with_what_to_do(files: Files, policy: Policy) -> None:
    files.write("# first\n" + line("web1", key(1)))

    verdict = files.keys(policy).check(Peer("web1"), key(2))

    assert (verdict.kind, verdict.trusted) == ("changed", False)
    assert f"{files.user}:2" in verdict.reason
    assert fingerprint(key(1)) in verdict.reason
    assert fingerprint(key(2)) in verdict.reason
    assert f"ssh-keygen -f {files.user} -R web1" in verdict.remedy
    assert len(verdict.text.splitlines()) == 2
    assert len(files.lines) == 2


def test_a_changed_key_under_no_is_let_through_without_secrets(files: Files) -> None:
    files.write(line("web1", key(1)))

    verdict = files.keys("no").check(Peer("web1"), key(2))

    assert verdict.trusted
    assert not verdict.secrets
    assert "has changed" in verdict.note
    assert len(files.lines) == 1


@pytest.mark.parametrize("policy", ["yes", "ask"])
def test_an_unknown_key_is_refused_and_nobody_is_asked(files: Files, policy: Policy) -> None:
    verdict = files.keys(policy).check(Peer("web1"), key(1))

    assert (verdict.kind, verdict.trusted) == ("refused", False)
    assert "is not known" in verdict.reason
    assert not files.user.parent.exists()


def test_one_of_several_recorded_keys_is_enough(files: Files) -> None:
    files.write(line("web1", key(1)) + line("web1", key(2)) + line("web1", key(3, "ssh-rsa")))

    assert files.keys().check(Peer("web1"), key(2)).trusted


def test_another_kind_of_key_of_a_known_host_is_not_recorded_silently(files: Files) -> None:
    files.write(line("web1", key(1, "ecdsa-sha2-nistp256")))

    verdict = files.keys().check(Peer("web1"), key(2))

    assert not verdict.trusted
    assert "is of a kind that is not recorded" in verdict.reason
    assert len(files.lines) == 1


@pytest.mark.parametrize("policy", ["yes", "ask", "accept-new", "no"])
@pytest.mark.parametrize("names", ["web1", "*", "*.example,web?"])
def test_a_revoked_key_is_refused_under_every_policy(
    files: Files, names: str, policy: Policy
) -> None:
    files.write(line("web1", key(1)) + line(names, key(1), "@revoked"))

    verdict = files.keys(policy).check(Peer("web1", 2222), key(1))

    if names == "web1" or "?" in names:
        verdict = files.keys(policy).check(Peer("web1"), key(1))
    assert (verdict.kind, verdict.trusted) == ("revoked", False)
    assert f"{files.user}:2" in verdict.reason


def test_a_key_revoked_for_the_host_is_revoked_on_every_port(files: Files) -> None:
    files.write(line("web1", key(1), "@revoked"))

    assert files.keys().check(Peer("web1", 2222), key(1)).kind == "revoked"


@pytest.mark.parametrize(
    ("recorded", "peer", "kind"),
    [
        pytest.param("WEB1", Peer("web1"), "known", id="case of the line"),
        pytest.param("web1", Peer("WEB1"), "known", id="case of the name"),
        pytest.param("a,web1,b", Peer("web1"), "known", id="one of several"),
        pytest.param("web*", Peer("web1"), "known", id="wildcard"),
        pytest.param("WEB?", Peer("web1"), "known", id="wildcard and case"),
        pytest.param("web*,!web1", Peer("web1"), "new", id="negation"),
        pytest.param("*", Peer("web1", 2222), "known", id="wildcard and port"),
        pytest.param("[web1]:2222", Peer("web1", 2222), "known", id="port"),
        pytest.param("[web1]:2222", Peer("web1"), "new", id="a port is not all ports"),
        pytest.param("[web1]:2222", Peer("web1", 2223), "new", id="another port"),
        pytest.param("web1", Peer("web1", 2222), "known", id="no port is all ports"),
        pytest.param("alias", Peer("web1", 2222, "Alias"), "known", id="alias instead of both"),
        pytest.param("web1", Peer("web1", 22, "alias"), "new", id="alias instead of the name"),
        pytest.param("::1", Peer("::1"), "known", id="IPv6"),
        pytest.param("[::1]:2222", Peer("::1", 2222), "known", id="IPv6 with port"),
    ],
)
def test_a_line_is_for_the_names_it_says(
    files: Files, recorded: str, peer: Peer, kind: str
) -> None:
    files.write(line(recorded, key(1)))

    assert files.keys("accept-new").check(peer, key(1)).kind == kind


def test_a_different_key_of_the_host_without_port_does_not_matter_to_a_port(files: Files) -> None:
    files.write(line("web1", key(1)))

    assert files.keys().check(Peer("web1", 2222), key(2)).kind == "new"


@pytest.mark.parametrize("hashed", [True, False], ids=["hashed", "plain"])
def test_a_port_with_a_key_of_its_own_has_no_other(files: Files, *, hashed: bool) -> None:
    recorded = {"[web1]:2222": key(1), "web1": key(2)}
    files.write(
        "".join(f"{line_for(name, one, hashed=hashed)}\n" for name, one in recorded.items())
    )

    keys = files.keys()

    assert keys.check(Peer("web1", 2222), key(2)).kind == "changed"
    assert keys.check(Peer("web1", 2222), key(1)).kind == "known"
    assert keys.check(Peer("web1", 2223), key(2)).kind == "known"


def test_names_are_found_hashed_and_recorded_hashed(files: Files) -> None:
    keys = files.keys(hash_known_hosts=True)

    keys.check(Peer("web1", 2222), key(1))

    assert files.lines[0].startswith("|1|")
    assert "web1" not in files.lines[0]
    assert files.keys("yes").check(Peer("WEB1", 2222), key(1)).trusted
    assert not files.keys("yes").check(Peer("web1", 2222), key(2)).trusted
    assert files.keys("yes").check(Peer("web1", 2222), key(2)).kind == "changed"


@pytest.mark.parametrize(
    "host",
    [
        "a\nevil ssh-ed25519 AAAA",
        "a,b",
        "#a",
        "a b",
        "|1|a|b",
        "a\tb",
        "*",
        "a?",
        "!a",
        "@revoked",
        "a\u2028b",
        'a"b',
        "[a]",
        "",
    ],
)
@pytest.mark.parametrize("hashed", [True, False])
def test_a_name_cannot_forge_a_line(files: Files, host: str, hashed: bool) -> None:  # noqa: FBT001
    keys = files.keys(hash_known_hosts=hashed)

    assert not keys.check(Peer(host), key(1)).trusted
    assert not keys.check(Peer("fine", 22, host or "a b"), key(1)).trusted
    assert files.lines == []


@pytest.mark.parametrize(
    "host", ["web-1.example.com", "fe80::1%eth0", "10.0.0.1", "bücher.example"]
)
def test_a_plain_name_can_be_recorded(files: Files, host: str) -> None:
    assert files.keys().check(Peer(host), key(1)).kind == "new"
    assert files.keys("yes").check(Peer(host), key(1)).trusted


def test_a_short_rsa_key_is_refused_though_it_is_known(files: Files) -> None:
    files.write("".join(line("web1", rsa(bits)) for bits in (1024, 2047, 2048, 3072)))
    keys = files.keys(required_rsa_bits=2048)

    assert "RSA of 1024 bits" in keys.check(Peer("web1"), rsa(1024)).reason
    assert "RSA of 2047 bits" in keys.check(Peer("web1"), rsa(2047)).reason
    assert keys.check(Peer("web1"), rsa(2048)).trusted
    assert keys.check(Peer("web1"), rsa(3072)).trusted
    assert rsa_bits(key(1)) is None


def test_the_recorded_kinds_of_keys_are_told(files: Files) -> None:
    files.write(
        line("web1", key(1, "ssh-rsa"))
        + line("[web1]:2222", key(1, "ssh-ed25519"))
        + line("web1", key(1, "ssh-ed448"), "@revoked")
        + line("*.x", key(1), "@cert-authority")
    )
    keys = files.keys()

    assert keys.types_for(Peer("web1")) == (frozenset({"ssh-rsa"}), False)
    assert keys.types_for(Peer("web1", 2222)) == (frozenset({"ssh-ed25519"}), False)
    assert keys.types_for(Peer("web1", 2223)) == (frozenset({"ssh-rsa"}), False)
    assert keys.types_for(Peer("a.x")) == (frozenset(), True)


def test_ten_thousand_hosts_are_indexed_once(files: Files, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write("".join(line(f"web{i}", key(i % 250)) for i in range(10_000)))
    keys = files.keys()

    def never(*_: object) -> None:
        pytest.fail("a file was read again")

    monkeypatch.setattr(known_hosts, "_contents", never)

    assert all(keys.check(Peer(f"web{i}"), key(i % 250)).trusted for i in range(10_000))


def test_an_empty_key_has_no_type() -> None:
    assert known_hosts.key_type(b"") == ""
    assert known_hosts.key_type(b"\0\0\0\x09abc") == ""


def test_a_known_host_among_hashed_ones_is_found_without_trying_every_line(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write("".join(line_for(f"web{i}", key(i), hashed=True) + "\n" for i in range(200)))
    keys = files.keys("yes")
    digest = HashedName.digest
    tried: list[bytes] = []

    def counted(self: HashedName, name: bytes) -> bytes:
        tried.append(name)
        return digest(self, name)

    monkeypatch.setattr(HashedName, "digest", counted)

    for i in range(200):
        assert keys.types_for(Peer(f"web{i}")) == (frozenset({"ssh-ed25519"}), False)
        assert keys.check(Peer(f"web{i}"), key(i)).trusted

    assert len(tried) <= 200 * 4
    assert keys.types_for(Peer("web3"))[0]
    assert not keys.types_for(Peer("web200"))[0]


def test_a_revoked_key_of_a_hashed_name_is_refused(files: Files) -> None:
    hashed = line_for("web1", key(1), hashed=True)
    files.write(f"{hashed}\n@revoked {hashed}\n")

    assert files.keys("no").check(Peer("web1"), key(1)).kind == "revoked"
    assert files.keys("no").check(Peer("web2"), key(1)).kind == "new"
