"""Each line of `pdsh_cases`, through the real pdsh and through ours; and the page of them."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.e2e.pdsh_cases import CASES, FILES, Case
from tests.e2e.rig import CLIENT, HANG_S
from tests.e2e.sshd_rig import Sshd

PAGE = Path(__file__).parents[2] / "docs/reference/pdsh.md"
ALL = [case for cases in CASES.values() for case in cases]
AT_ONCE = 4

OURS = Path(sys.executable).with_name("trioexec")
"""The installed program, which a link of another name makes pdsh."""

_KINDS = (
    (re.compile(r"Usage: pdsh|-\w( \w+| \w+,\.\.\.|, -A)?   .*|pdsh: (invalid|option).*"), "usage"),
    (re.compile(r"sending .*|available rcmd modules.*|.*\bUsage: .*"), ""),
    (re.compile(r"pdsh@[\w-]+: \S+: \S+ (exited with exit code|killed by signal) \d+"), "ended"),
    (re.compile(r"pdsh@[\w-]+: \S+: command timeout"), "timed out"),
    (re.compile(r"pdsh@[\w-]+: .*|No such rcmd module.*"), "refused"),
    (re.compile(r"\S+: .*"), "of a node"),
)


@dataclass(frozen=True, slots=True)
class Answer:
    stdout: list[bytes]
    code: int
    stderr: dict[str, list[str]]
    raw_stdout: bytes

    def differs_from(self, other: Answer) -> frozenset[str]:
        found = {
            "stdout": (sorted(self.stdout), self.raw_stdout.endswith(b"\n"))
            != (sorted(other.stdout), other.raw_stdout.endswith(b"\n")),
            "code": self.code != other.code,
            "stderr": self.stderr.keys() != other.stderr.keys()
            or self.stderr.get("ended") != other.stderr.get("ended"),
        }
        return frozenset(name for name, is_so in found.items() if is_so)


def kinds_of(stderr: str) -> dict[str, list[str]]:
    """Sort what stderr says by kind; what only the one or the other ever says is left out."""
    found: dict[str, list[str]] = {}
    for line in stderr.splitlines():
        kind = next((kind for regex, kind in _KINDS if regex.match(line)), "other")
        if kind:
            found.setdefault(kind, []).append(line)
    return {kind: sorted(lines) for kind, lines in found.items()}


def ask(case: Case, path: str, folder: Path, sshd: Sshd) -> Answer:
    # Remote commands must not be taken for this machine's.
    env = {
        "PATH": f"{path}:/usr/bin:/bin",
        "HOME": str(sshd.dir / "home"),
        "PDSH_SSH_ARGS_APPEND": f"-F {sshd.config}",
        "LC_ALL": "C.UTF-8",
        "SHELL": "/bin/sh",
        CLIENT: "1",
    } | {name: os.environ[name] for name in os.environ if name.startswith("COVERAGE")}
    done = subprocess.run(
        ["sh", "-c", f"exec 3<&0; {case.line}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        env=env,
        cwd=folder,
        timeout=HANG_S * 2,
        check=False,
    )
    stderr = done.stderr.decode(errors="replace")
    return Answer(
        done.stdout.splitlines(),
        done.returncode,
        kinds_of(stderr),
        done.stdout,
    )


@pytest.fixture(scope="module")
def answers(
    sshd: Sshd, tmp_path_factory: pytest.TempPathFactory
) -> dict[Case, tuple[Answer, Answer]]:
    """What the real one answers to each line, and what ours does; some at a time."""
    real = shutil.which("pdsh", path="/usr/bin:/usr/local/bin")
    if real is None:
        if os.environ.get("CI"):
            pytest.fail("CI must install pdsh: these tests may not skip")
        pytest.skip("no pdsh on this machine")
    folder = tmp_path_factory.mktemp("pdsh")
    for name, text in FILES.items():
        (folder / name).write_text(text)
    for name in ("real", "ours"):
        (folder / name).mkdir()
    (folder / "real/pdsh").symlink_to(real)
    (folder / "ours/pdsh").symlink_to(OURS)

    def both(case: Case) -> tuple[Answer, Answer]:
        answered = [ask(case, str(folder / name), folder, sshd) for name in ("real", "ours")]
        return answered[0], answered[1]

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(ALL, pool.map(both, ALL), strict=True))


@pytest.mark.parametrize("case", ALL, ids=lambda case: case.line)
def test_we_answer_as_pdsh_or_differ_as_the_table_says(
    case: Case, answers: dict[Case, tuple[Answer, Answer]]
) -> None:
    real, ours = answers[case]

    assert real.code == case.code
    assert ours.differs_from(real) == case.differs, (real, ours)


def test_there_are_enough_lines_that_are_the_same() -> None:
    assert sum(not case.differs for case in ALL) >= 60
    assert all(bool(case.why) == bool(case.differs) for case in ALL)
    assert len(set(ALL)) == len(ALL)


def test_nothing_that_was_timed_out_runs_on(answers: dict[Case, tuple[Answer, Answer]]) -> None:
    del answers
    running = subprocess.run(["ps", "-eo", "stat,args"], capture_output=True, text=True, check=True)

    left = [line for line in running.stdout.splitlines() if "sleep 30; echo x" in line]
    # The real pdsh leaves its own behind; those of ours had a watchdog.
    assert [line for line in left if "trioexec" in line or "kill -s" in line] == []


def table() -> str:
    """Make the page's tables."""
    lines = []
    for heading, cases in CASES.items():
        lines += [f"### {heading}", "", "| command line | exit | trioexec |", "|---|---|---|"]
        for case in cases:
            line = case.line.replace("|", "\\|")
            lines.append(f"| `{line}` | {case.code} | {case.why or 'the same'} |")
        lines.append("")
    return "\n".join(lines)


def test_the_page_has_the_table() -> None:
    text = PAGE.read_text()
    count = sum(not case.differs for case in ALL)

    assert table().rstrip() in text
    assert f"{len(ALL)} command lines" in text
    assert f"{count} are the same" in text
