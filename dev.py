#!/usr/bin/env python3
"""The two commands of the README, for a clone in which nothing is set up yet.

    python3 dev.py demo [ARGS]   install trioexec into .venv, run `trioexec demo ARGS`
    python3 dev.py test [ARGS]   install nox into .venv, run `nox ARGS` (all checks, all tests)

Needs Python >= 3.11 with pip, and nothing else: only the standard library is imported.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"

SYSTEM_TOOLS = {
    # program: its Debian package
    "sshd": "openssh-server",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
    "ps": "procps",
}
"""What the tests start or ask, beside Python."""

WELCOME_TOOLS = {
    "/usr/share/bash-completion/bash_completion": "bash-completion",
    "bash": "bash",
    "busybox": "busybox",
    "fish": "fish",
    "ip": "iproute2",
    "jq": "jq",
    "mksh": "mksh",
    "nodeset": "clustershell",
    "openssl": "openssl",
    "pdsh": "pdsh",
    "sudo": "sudo",
    "tcsh": "tcsh",
    "tmux": "tmux",
    "yash": "yash",
    "zsh": "zsh",
}
"""What single tests use or compare with, by program or file; without one its tests are skipped."""

CI_TOOLS = {"chromium": "chromium"}
"""Large, and installed only where tests may not be skipped."""

SBIN = ("/usr/sbin", "/sbin", "/usr/local/sbin")


def main() -> int:
    """Do what the first argument says."""
    if sys.version_info < (3, 11):  # noqa: UP036 - the newcomer's python3 may be older
        return complain("Python 3.11 or later is needed; this is", sys.version.split()[0])
    name, *rest = sys.argv[1:] or [""]
    os.chdir(ROOT)
    if name == "demo":
        install("project", "--editable", ".")
        return subprocess.run([PYTHON, "-m", "trioexec", "demo", *rest], check=False).returncode
    if name == "test":
        if missing := install_system_tools():
            return complain(missing)
        install("nox", "nox>=2025.2.9")
        return subprocess.run([PYTHON, "-m", "nox", *rest], check=False).returncode
    sys.stderr.write(__doc__)
    return 2


def complain(*words: str) -> int:
    """Say why nothing was done."""
    sys.stderr.write(" ".join(words) + "\n")
    return 1


def install(what: str, *arguments: str) -> None:
    """Have packages in .venv; nothing is done where an earlier call has done the same."""
    asked = hashlib.sha256("\0".join(arguments).encode())
    asked.update((ROOT / "pyproject.toml").read_bytes())
    stamp = VENV / f".{what}-{asked.hexdigest()[:16]}"
    if stamp.exists():
        return
    pip = make_venv()
    subprocess.run(
        [*pip, "install", "--quiet", "--disable-pip-version-check", *arguments], check=True
    )
    stamp.touch()


def make_venv() -> list[str | Path]:
    """Make .venv, and return how to call pip for it."""
    outside: list[str | Path] = [sys.executable, "-m", "pip", "--python", PYTHON]
    if not PYTHON.exists():
        made = subprocess.run(
            [sys.executable, "-m", "venv", VENV], check=False, capture_output=True
        )
        if made.returncode:  # Debian without python3-venv: pip itself is there all the same
            shutil.rmtree(VENV, ignore_errors=True)
            subprocess.run([sys.executable, "-m", "venv", "--without-pip", VENV], check=True)
    inside = subprocess.run([PYTHON, "-c", "import pip"], check=False, capture_output=True)
    return outside if inside.returncode else [PYTHON, "-m", "pip"]


def install_system_tools() -> str:
    """Have the programs of the tests; returns what is missing and how to get it."""
    apt = shutil.which("apt-get")
    if apt and os.geteuid() == 0:
        apt_install(apt, missing_packages(SYSTEM_TOOLS))
        welcome = missing_packages(WELCOME_TOOLS | (CI_TOOLS if os.environ.get("CI") else {}))
        if not apt_install(apt, welcome):
            for package in welcome:  # one that this system does not have is not to cost the others
                apt_install(apt, [package])
    packages = missing_packages(SYSTEM_TOOLS)
    if not packages:
        return ""
    return (
        f"The tests need {', '.join(packages)} (Debian's names).\n"
        f"Install with: sudo apt-get install {' '.join(packages)}"
    )


def apt_install(apt: str, packages: list[str]) -> bool:
    """Install packages, with a fresh list of what there is if need be; tell if they are there."""
    if not packages:
        return True
    env = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    get = [apt, "install", "-y", "--no-install-recommends", *packages]
    if subprocess.run(get, check=False, env=env, stdout=subprocess.DEVNULL).returncode == 0:
        return True
    subprocess.run([apt, "update"], check=False, env=env, stdout=subprocess.DEVNULL)
    return subprocess.run(get, check=False, env=env, stdout=subprocess.DEVNULL).returncode == 0


def missing_packages(tools: dict[str, str]) -> list[str]:
    """Name the packages whose programs or files are not here."""
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), *SBIN])
    return sorted(
        {
            package
            for tool, package in tools.items()
            if not (Path(tool).exists() if "/" in tool else shutil.which(tool, path=path))
        }
    )


if __name__ == "__main__":
    sys.exit(main())
