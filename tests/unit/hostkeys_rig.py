"""Host keys and the files that know them, for the tests of whom to trust."""

from __future__ import annotations

from pathlib import Path

import pytest

from trioexec.transports.ssh.hostkey_text import line_for
from trioexec.transports.ssh.hostkeys import HostKeys
from trioexec.transports.ssh.verdict import HostCertificate, Policy

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
