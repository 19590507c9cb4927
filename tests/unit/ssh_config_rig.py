"""Files of ssh's settings, for the tests of how they are read."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trioexec.transports.ssh.config import (
    Facts,
    SshConfig,
)

FACTS = Facts(
    user="me",
    uid=1000,
    home="/home/me",
    hostname="here.example",
    environ={"LANG": "C", "SOCK": "/s"},
)


def load(tmp_path: Path, text: str, *, options: Sequence[str] = (), **files: str) -> SshConfig:
    for name, content in files.items():
        (tmp_path / name).write_text(content)
        (tmp_path / name).chmod(0o600)
    path = tmp_path / "config"
    path.write_text(text.replace("{dir}", str(tmp_path)))
    return SshConfig.load([path], facts=FACTS, options=options)
