from __future__ import annotations

import base64
import fcntl
import os
from pathlib import Path

import pytest

from trioexec.transports.ssh import known_hosts, known_hosts_file
from trioexec.transports.ssh.hashed_names import HashedName
from trioexec.transports.ssh.hostkey_text import fingerprint, line_for, rsa_bits
from trioexec.transports.ssh.hostkeys import HostKeys
from trioexec.transports.ssh.verdict import HostCertificate, Peer, Policy

NOW_S = 1_000_000


def string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def key(seed: int, kind: str = "ssh-ed25519") -> bytes:
    return string(kind.encode()) + string(bytes([seed]) * 32)


def rsa(bits: int) -> bytes:
    modulus = (1 << (bits - 1) | 1).to_bytes(bits // 8 + 1, "big")
    return string(b"ssh-rsa") + string(b"\1\0\1") + string(modulus)


def line(names: str, blob: bytes, marker: str = "") -> str:
    return f"{marker} {line_for(names, blob, hashed=False)} comment\n".lstrip()


class Files:
    """A folder with known_hosts files in it."""

    def __init__(self, folder: Path) -> None:
        self.user = folder / ".ssh/known_hosts"
        self.everybody = folder / "ssh_known_hosts"

    def write(self, text: str) -> None:
        self.user.parent.mkdir(exist_ok=True)
        self.user.write_text(text)

    def keys(self, policy: Policy = "accept-new", **more: object) -> HostKeys:
        return HostKeys(
            user_files=(self.user,),
            global_files=(self.everybody,),
            policy=policy,
            **more,  # type: ignore[arg-type]
        )

    @property
    def lines(self) -> list[str]:
        return self.user.read_text().splitlines() if self.user.exists() else []


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


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


def test_a_missing_file_is_an_empty_one(files: Files) -> None:
    assert files.keys().broken == ""
    assert files.keys().check(Peer("web1"), key(1)).trusted


@pytest.mark.parametrize("policy", ["yes", "accept-new", "no"])
@pytest.mark.parametrize("kind", ["folder", "dangling link", "pipe", "a file for a folder"])
@pytest.mark.parametrize("which", ["user", "everybody"])
def test_a_file_that_cannot_be_read_refuses_every_key(
    files: Files, kind: str, which: str, policy: Policy
) -> None:
    files.write(line("web1", key(1)))
    path: Path = getattr(files, which)
    path.unlink(missing_ok=True)
    if kind == "folder":
        path.mkdir()
    elif kind == "dangling link":
        path.symlink_to("nowhere")
    elif kind == "pipe":
        os.mkfifo(path)
    else:
        files.everybody.unlink(missing_ok=True)
        files.everybody.write_text("")
        files.user = files.everybody / "known_hosts"
    keys = files.keys(policy)

    verdict = keys.check(Peer("web1"), key(1))

    assert not verdict.trusted
    assert "cannot be checked" in verdict.reason
    assert keys.types_for(Peer("web1")) == (frozenset(), False)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file_refuses_every_key(
    files: Files,
) -> None:  # pragma: no cover - not as root
    files.write(line("web1", key(1)))
    files.user.chmod(0)

    assert not files.keys().check(Peer("web1"), key(1)).trusted


def test_a_file_that_the_system_will_not_read_refuses_every_key(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write(line("web1", key(1)))

    def denied(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(known_hosts.os, "open", denied)

    verdict = files.keys().check(Peer("web1"), key(1))

    assert not verdict.trusted
    assert "Permission denied" in verdict.reason


def test_without_a_home_a_new_key_is_refused_and_a_known_one_is_not(files: Files) -> None:
    files.everybody.write_text(line("known", key(1)))
    keys = HostKeys(user_files=None, global_files=(files.everybody,))

    assert keys.check(Peer("known"), key(1)).trusted
    verdict = keys.check(Peer("new"), key(2))
    assert not verdict.trusted
    assert "no home" in verdict.reason


@pytest.mark.parametrize("user_files", [(), (Path("/dev/null"),)])
def test_without_a_file_to_record_in_a_key_holds_for_the_run(user_files: tuple[Path, ...]) -> None:
    keys = HostKeys(user_files=user_files)

    first = keys.check(Peer("web1"), key(1))
    again = keys.check(Peer("web1"), key(1))
    other = keys.check(Peer("web1"), key(2))

    assert (first.trusted, again.trusted, other.trusted) == (True, True, False)
    assert "was not recorded" in first.note
    assert "two host keys" in other.reason


def test_a_file_that_cannot_be_written_does_not_keep_us_from_the_host(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = files.keys()

    def read_only(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(known_hosts_file.os, "write", read_only)

    verdict = keys.check(Peer("web1"), key(1))

    assert verdict.trusted
    assert "Read-only file system" in verdict.note


def test_a_half_written_line_is_said_and_hurts_no_later_one(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = files.keys()
    write = os.write
    monkeypatch.setattr(known_hosts_file.os, "write", lambda fd, data: write(fd, data[:10]))
    first = keys.check(Peer("web1"), key(1))
    monkeypatch.undo()

    second = keys.check(Peer("web2"), key(2))

    assert "half written" in first.note
    assert second.kind == "new"
    assert files.keys("yes").check(Peer("web2"), key(2)).trusted


def test_a_lock_that_hangs_is_waited_for_once(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("trioexec.transports.ssh.hostkeys.LOCK_LIMIT_S", 0.01)
    files.write("")
    keys = files.keys()
    waits: list[float] = []
    real = known_hosts_file.locked

    def counted(path: Path, *, wait_s: float) -> object:
        waits.append(wait_s)
        return real(path, wait_s=wait_s)

    monkeypatch.setattr("trioexec.transports.ssh.hostkeys.locked", counted)
    with files.user.open("a") as holder:
        fcntl.flock(holder, fcntl.LOCK_EX)

        verdicts = [keys.check(Peer(f"web{i}"), key(i)) for i in range(3)]

    assert all(each.trusted and "locked by another process" in each.note for each in verdicts)
    assert waits == [0.01, 0, 0]
    assert files.lines == []


def test_a_lock_on_a_file_that_was_replaced_is_taken_again(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write(line("old", key(1)))
    real = known_hosts_file._lock
    replaced: list[bool] = []

    path = files.user

    def replace_first(fd: int, give_up_s: float) -> None:
        real(fd, give_up_s)
        if not replaced:
            replaced.append(True)
            new = path.with_suffix(".new")
            new.write_text(line("new", key(2)))
            new.rename(path)
        elif len(replaced) == 1:
            replaced.append(True)
            path.unlink()

    monkeypatch.setattr(known_hosts_file, "_lock", replace_first)
    keys = files.keys()

    keys.check(Peer("web1"), key(3))

    assert files.lines == [line_for("web1", key(3), hashed=False)]


def test_a_line_without_an_end_gets_one_first(files: Files) -> None:
    files.write(line("old", key(1)).rstrip("\n"))

    files.keys().check(Peer("web1"), key(2))

    keys = files.keys("yes")
    assert keys.check(Peer("old"), key(1)).trusted
    assert keys.check(Peer("web1"), key(2)).trusted


@pytest.mark.parametrize(
    ("recorded", "trusted"), [(key(1), True), (key(2), False)], ids=["the same", "another"]
)
def test_what_another_process_recorded_meanwhile_counts(
    files: Files, recorded: bytes, *, trusted: bool
) -> None:
    files.write(line("old", key(9)))
    keys = files.keys()
    with files.user.open("a") as other:
        other.write(line("web1", recorded))

    verdict = keys.check(Peer("web1"), key(1))

    assert verdict.trusted is trusted
    assert len(files.lines) == 2


def test_a_file_that_was_replaced_meanwhile_is_read_again(files: Files) -> None:
    files.write(line("web1", key(1)) + line("web2", key(2)))
    keys = files.keys()
    files.user.unlink()
    files.write(line("web3", key(3)))

    keys.check(Peer("web4"), key(4))

    assert keys.check(Peer("web1"), key(9)).kind == "new"
    assert keys.check(Peer("web3"), key(9)).kind == "changed"


def test_a_file_that_turned_into_a_folder_meanwhile_refuses(files: Files) -> None:
    keys = files.keys()
    files.everybody.mkdir()

    verdict = keys.check(Peer("web1"), key(1))

    assert not verdict.trusted
    assert str(files.everybody) in verdict.reason


@pytest.mark.parametrize(
    "damaged",
    [
        "web1\n",
        "web1 ssh-ed25519\n",
        "@nonsense web1 ssh-ed25519 AAAA\n",
        "@revoked web1\n",
        "web1 ssh-ed25519 !!!\n",
        "web1 ssh-ed25519 AAAA\n",
        f"web1 ssh-rsa {base64.b64encode(key(1)).decode()}\n",
        "|1|x ssh-ed25519 AAAA\n",
        "|2|AAAA|AAAA ssh-ed25519 AAAA\n",
        "|1|!|! ssh-ed25519 AAAA\n",
        "\n   \n# web1\n",
        "caf\udce9 ssh-ed25519 AAAA\n",
    ],
)
def test_a_damaged_line_is_no_line(files: Files, damaged: str) -> None:
    files.write("")
    files.user.write_bytes((damaged + line("web2", key(2))).encode("utf-8", "surrogateescape"))
    keys = files.keys("yes")

    assert not keys.check(Peer("web1"), key(1)).trusted
    assert keys.check(Peer("web2"), key(2)).trusted


def certificate(**more: object) -> HostCertificate:
    values: dict[str, object] = {
        "key": key(1),
        "ca": key(7),
        "for_host": True,
        "principals": ("web1",),
        "valid_after_s": NOW_S - 10,
        "valid_before_s": NOW_S + 10,
        "signature_algorithm": "ssh-ed25519",
    }
    return HostCertificate(**(values | more))  # type: ignore[arg-type]


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
