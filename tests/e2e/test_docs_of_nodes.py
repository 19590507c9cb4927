"""Every example of the two pages on nodes, run as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[2] / "docs"

_BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    language: str
    file: str
    text: str


def blocks(page: str) -> list[Block]:
    return [
        Block(language=match[1], file=match[2] or "", text=match[3])
        for match in _BLOCK.finditer((DOCS / page).read_text())
    ]


def commands(text: str) -> list[tuple[str, str]]:
    """The lines after ``$``, each with what it prints."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:].strip(), ""))
        else:
            command, printed = found[-1]
            found[-1] = command, printed + line
    return found


def environment(folder: Path) -> dict[str, str]:
    return {
        "PATH": f"{folder}/bin:{Path(sys.executable).parent}:/usr/bin:/bin",
        "HOME": str(folder),
        "LC_ALL": "C.UTF-8",
        "CLUSTERSHELL_CFGDIR": str(folder / "none"),
    } | {name: os.environ[name] for name in os.environ if name.startswith("COVERAGE")}


def write(folder: Path, block: Block) -> None:
    path = folder / block.file
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(block.text)
    if block.text.startswith("#!"):
        path.chmod(0o755)


@pytest.mark.parametrize("page", ["reference/node-expressions.md", "howto/node-sources.md"])
def test_a_page_shows_what_its_examples_print(page: str, tmp_path: Path) -> None:
    env = environment(tmp_path)
    ran = 0
    for block in blocks(page):
        if block.file:
            write(tmp_path, block)
        if block.language != "console":
            continue
        for command, printed in commands(block.text):
            if command.startswith("export "):
                name, _, value = command.removeprefix("export ").partition("=")
                env[name] = value.replace("$PWD", str(tmp_path))
                continue
            done = subprocess.run(
                ["sh", "-c", command],
                cwd=tmp_path,
                env=env,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                timeout=60,
                check=False,
            )
            ran += 1
            assert done.stdout == printed, command
            assert done.returncode == (2 if printed.startswith("trioexec: ") else 0), command
    assert ran > 5


def test_the_python_of_the_page_on_sources_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    ran = 0
    for block in blocks("howto/node-sources.md"):
        if block.file:
            write(tmp_path, block)
        elif block.language == "python":
            exec(compile(block.text, "howto", "exec"), {})  # noqa: S102  (that is the test)
            ran += 1
    assert ran == 2


def test_the_source_of_the_page_is_one_that_can_be_installed(tmp_path: Path) -> None:
    for block in blocks("howto/node-sources.md"):
        if block.file in ("our_racks.py", "pyproject.toml"):
            write(tmp_path, block)
    # What an installer makes of that pyproject.toml.
    info = tmp_path / "our_racks-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: our-racks\nVersion: 1\n")
    group, entry = re.findall(r'"(trioexec\.\w+)"\]\n(racks = .*)', (tmp_path / "pyproject.toml").read_text())[0]  # fmt: skip
    (info / "entry_points.txt").write_text(f"[{group}]\n{entry}\n".replace('"', ""))
    env = environment(tmp_path) | {"PYTHONPATH": str(tmp_path)}

    done = subprocess.run(
        ["trioexec", "nodes", "--fold", "@racks:r1"],
        cwd=tmp_path, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip

    assert (done.stdout, done.stderr) == ("r1-n[1-4]\n", "")
