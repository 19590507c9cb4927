"""What the project says about itself in its own files."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
LOCK = (ROOT / "requirements.lock").read_text()


def requirement_names(requirements: list[object]) -> set[str]:
    found = (re.match(r"[\w.-]+", text) for text in requirements if isinstance(text, str))
    return {match[0].lower().replace("_", "-") for match in found if match}


def test_the_lock_file_names_no_host_and_every_hash() -> None:
    pinned = re.findall(r"^[\w.-]+==\S+.* \\$", LOCK, re.MULTILINE)
    hashed = re.findall(r"^[\w.-]+==.*\\\n    --hash=sha256:", LOCK, re.MULTILINE)

    assert "://" not in LOCK
    assert len(pinned) == len(hashed) > 50


def test_every_requirement_is_locked() -> None:
    project = PROJECT["project"]
    groups = [
        project["dependencies"],
        *project["optional-dependencies"].values(),
        *PROJECT["dependency-groups"].values(),
    ]
    wanted = set().union(*(requirement_names(group) for group in groups))

    assert wanted - set(re.findall(r"^([\w.-]+)==", LOCK, re.MULTILINE)) == set()


def test_settings_for_the_forge_can_be_read() -> None:
    found = sorted((ROOT / ".github").rglob("*.yml"))

    assert len(found) >= 4
    for path in found:
        assert isinstance(yaml.safe_load(path.read_text()), dict), path


def test_the_weekly_sessions_are_those_of_the_noxfile_on_each_python_that_is_promised() -> None:
    flow = yaml.safe_load((ROOT / ".github/workflows/weekly.yml").read_text())
    jobs = flow["jobs"]["session"]["strategy"]["matrix"]["include"]
    sessions = [job["session"] for job in jobs]
    promised = re.findall(
        r'"Programming Language :: Python :: (3\.\d+)"', (ROOT / "pyproject.toml").read_text()
    )
    known = re.findall(
        r"^@nox\.session\ndef (\w+)", (ROOT / "noxfile.py").read_text(), re.MULTILINE
    )

    assert "minimums" in sessions
    assert set(sessions) <= set(known)
    assert {job["python"] for job in jobs} == set(promised)
