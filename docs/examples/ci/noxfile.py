"""Ask the machines: a session a question, each with a JUnit file in reports/.

nox                        every question
nox -s disk                one of them
nox -s disk -- --fail-fast options for trioexec
NODES=web3 nox             other machines
"""

from __future__ import annotations

import os
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"  # trioexec is installed beside nox, see requirements.txt

NODES = os.environ.get("NODES", "web[1-3]")
REPORTS = Path(os.environ.get("REPORTS", "reports"))
SERVICES = "nginx chronyd"
FULL_PERCENT = 90

REACH = ("--hosts", NODES, "--ssh-config", "ssh_config")
LIMITS = ("--batch", "--parallel", "32", "--connect-timeout", "10", "--deadline", "240")


def trioexec(session: nox.Session, *words: str) -> None:
    """Run trioexec; the session fails where that does not exit with 0."""
    REPORTS.mkdir(parents=True, exist_ok=True)
    session.run(
        "trioexec",
        *words,
        # A pipeline that is cancelled gives trioexec the time to end what runs on the machines.
        interrupt_timeout=5,
        terminate_timeout=10,
    )


def ask(session: nox.Session, command: str, *options: str) -> None:
    """Run a command on all machines: each has to answer 0, within a minute."""
    trioexec(
        session,
        *("run", *REACH, *LIMITS, "--timeout", "60", "--require-all-success"),
        *("--junit", str(REPORTS / f"{session.name}.xml"), "--annotations", "auto"),
        *(*options, *session.posargs, "--", command),
    )


@nox.session
def services(session: nox.Session) -> None:
    """Every service is up."""
    ask(
        session,
        f"for unit in {SERVICES}; do"
        '  systemctl is-active --quiet "$unit" || { echo "$unit is not active" >&2; bad=1; };'
        " done; exit ${bad:-0}",
        "--group",
    )


@nox.session
def versions(session: nox.Session) -> None:
    """The same versions are installed everywhere; who differs is shown."""
    ask(session, "nginx -v 2>&1 && openssl version", "--group", "--diff", "--fail-on-diff")


@nox.session
def disk(session: nox.Session) -> None:
    """There is space left on /."""
    used = f"df -P / | awk 'NR == 2 {{ print $5; exit $5 + 0 >= {FULL_PERCENT} }}'"
    ask(session, used, "--group")


@nox.session
def machines(session: nox.Session) -> None:
    """All that checks.toml lists, with one connection to each machine."""
    report = str(REPORTS / "machines.xml")
    trioexec(session, "check", "checks.toml", *REACH, *LIMITS, "--junit", report, *session.posargs)
