"""Who is measured, and the command line by which each does the same thing."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Final

from tests.bench.measure import Program
from tests.bench.rig import World

__all__ = ["ASYNCIO", "PDSH", "TRIOEXEC", "UVLOOP", "fan_out", "trioexec", "versions"]

TRIOEXEC: Final = "trioexec"
ASYNCIO: Final = "asyncssh on asyncio"
UVLOOP: Final = "asyncssh on uvloop"
PDSH: Final = "pdsh"
CLUSH: Final = "clush"
PSSH: Final = "pssh"
LIBRARY: Final = "parallel-ssh library"

ALL: Final = (TRIOEXEC, ASYNCIO, UVLOOP, PDSH, CLUSH, PSSH, LIBRARY)

HERE: Final = Path(__file__).parent


def trioexec(world: World, *words: str) -> list[str]:
    """The installed console script, on the bench's ssh configuration."""
    script = Path(sys.executable).with_name("trioexec")
    return [str(script), "-F", str(world.ssh_config), *words]


def fan_out(
    world: World, *, nodes: int, parallel: int, command: str, who: tuple[str, ...] = ALL
) -> list[Program]:
    """The same command on the same nodes, a program each; who is not installed is left out."""
    hosts = str(world.hosts(nodes))
    config, width = str(world.ssh_config), str(parallel)
    login = (str(world.port), world.user, str(world.key))
    bare = [sys.executable, str(HERE / "bare_asyncssh.py")]
    told = [*login, str(world.known_hosts), width, hosts, command]
    lines = {
        TRIOEXEC: trioexec(world, "-H", f"^{hosts}", "--parallel", width, command),
        ASYNCIO: [*bare, "asyncio", *told],
        UVLOOP: [*bare, "uvloop", *told],
        PDSH: ["pdsh", "-R", "ssh", "-l", world.user, "-f", width, "-w", f"^{hosts}", command],
        CLUSH: ["clush", "-f", width, "-o", f"-F {config}", "--hostfile", hosts, command],
        PSSH: [
            "parallel-ssh",
            "-h",
            hosts,
            "-p",
            width,
            "-t0",
            "-x",
            f"-F {config}",
            "-P",
            command,
        ],
        LIBRARY: [
            sys.executable,
            str(HERE / "bare_parallel_ssh.py"),
            *login,
            width,
            hosts,
            command,
        ],
    }
    return [
        Program(name=name, argv=line, env=world.env)
        for name, line in lines.items()
        if name in who and _is_there(name, line)
    ]


def _is_there(name: str, line: list[str]) -> bool:
    if name == UVLOOP:
        return importlib.util.find_spec("uvloop") is not None
    if name == LIBRARY:
        return importlib.util.find_spec("pssh") is not None
    return shutil.which(line[0]) is not None


def versions() -> dict[str, str]:
    """What stood against what."""
    found = {"Python": platform.python_version()}
    for name in ("trioexec", "trio", "trio-asyncio", "asyncssh", "uvloop", "parallel-ssh"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    for name, line in {
        "OpenSSH": ["ssh", "-V"],
        PDSH: ["pdsh", "-V"],
        CLUSH: ["clush", "--version"],
        PSSH: ["parallel-ssh", "--version"],
    }.items():
        if shutil.which(line[0]):
            done = subprocess.run(line, capture_output=True, text=True, check=False)
            found[name] = (done.stdout + done.stderr).strip().splitlines()[0].split(",")[0]
    return found
