"""The files that host keys are read from and recorded in."""

from __future__ import annotations

import base64
import fcntl
import os
from pathlib import Path

import pytest

from tests.unit.hostkeys_rig import Files, key, line
from trioexec.transports.ssh import known_hosts, known_hosts_file
from trioexec.transports.ssh.hostkey_text import line_for
from trioexec.transports.ssh.hostkeys import HostKeys
from trioexec.transports.ssh.verdict import Peer, Policy


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
    assert not first.warning, "who names no file knows that none is written"
    assert "two host keys" in other.reason


def test_a_file_that_cannot_be_written_does_not_keep_us_from_the_host(
    files: Files, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = files.keys()

    def read_only(*_: object) -> int:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(known_hosts_file.os, "write", read_only)

    verdict = keys.check(Peer("web1"), key(1))
    next_verdict = keys.check(Peer("web2"), key(2))

    assert verdict.trusted
    assert "read-only file system" in verdict.note
    assert next_verdict.trusted
    assert [verdict.warning, next_verdict.warning] == [  # once is enough
        f"new host keys are not recorded: {files.user}: read-only file system",
        "",
    ]


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
