"""A place where node expressions are looked up, for the tests of where names come from."""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from trioexec.model.errors import UsageError
from trioexec.model.hostlist import expand
from trioexec.settings.sources import (
    Resolver,
    Surroundings,
    programs,
)

HANG_S = 60


class Site:
    """A home directory, an environment and settings, and what expressions come to there."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.home.mkdir()
        self.bin = folder / "bin"
        self.bin.mkdir()
        self.env = {"PATH": f"{self.bin}:/usr/bin:/bin"}
        self.stdin: io.StringIO | None = None
        self.groups: dict[str, Sequence[str]] = {}
        self.commands: dict[str, Sequence[str]] = {}
        self.ssh_config: str | None = None
        self.inventory: str | None = None

    def resolver(self) -> Resolver:
        return Resolver(
            Surroundings(
                env=self.env,
                home=self.home,
                stdin=self.stdin,
                groups=self.groups,
                commands=self.commands,
                ssh_config=self.ssh_config,
                ansible_inventory=self.inventory,
            )
        )

    def nodes(self, *expressions: str) -> list[str]:
        return [node.name for node in expand(expressions, sources=self.resolver())]

    def error(self, *expressions: str) -> str:
        with pytest.raises(UsageError) as caught:
            self.nodes(*expressions)
        text = str(caught.value)
        assert len(text.splitlines()) == 2
        return text

    def program(self, name: str, text: str) -> Path:
        path = self.bin / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(0o755)
        return path

    def file(self, name: str, text: str) -> Path:
        path = self.home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        return path


def words(text: str) -> list[str]:
    return text.split()


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("CLUSTERSHELL_CFGDIR", str(tmp_path / "clustershell"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "xdg"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(
        "ClusterShell.Defaults.config_paths",
        lambda name: [str(tmp_path / "clustershell" / name)],
    )
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    monkeypatch.setattr("trioexec.settings.sources.ssh.SYSTEM", tmp_path / "etc-ssh")
    return Site(tmp_path)


def lose_patience_once(started: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for 0.1 s, and then for as long as a slow machine takes to write down who has started."""
    end = programs.end_with_offspring

    def end_what_started(pid: int) -> None:
        wait_until(lambda: started.exists() and started.read_text().endswith("\n"))
        end(pid)

    monkeypatch.setattr(programs, "PATIENCE_S", 0.1)
    monkeypatch.setattr(programs, "end_with_offspring", end_what_started)


def wait_until(holds: Callable[[], object]) -> None:
    limit_s = time.monotonic() + HANG_S
    while not holds():
        assert time.monotonic() < limit_s
        time.sleep(0.01)  # noqa: TID251 - no loop here


def is_alive(pid: int) -> bool:
    """Whether it runs; one that is dead and not waited for does not."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] not in "ZX"
