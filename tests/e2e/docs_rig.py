"""Reads the pages of the documentation and does what their examples say.

What the first words of a fenced block mean:

* ``console``: commands after ``$``, typed into one shell per page, with what they print;
* ``python``: a program; with a ``test_`` function in it, a pytest file of its own;
* ``text output``: what the program above prints; ``any-order`` where lines may change places;
* ``sh``: command lines of trioexec, which must be ones, and comments;
* ``json``, ``toml``, ``yaml``: must be that;
* ``NAME file=PATH``: a file that the page's other examples find;
* ``not-run="why"``: none of it; `docs/contributing.md` lists these.

``<!-- docs: fleet=web[1-3] env=NAME=VALUE -->`` on a page gives its examples SSH servers
of these names, and variables.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import trio
import yaml

from trioexec.cli.main import main
from trioexec.cli.registry import COMMANDS

ROOT = Path(__file__).parents[2]
HANG_S = 240

_FENCE = re.compile(r"^( *)```(\w+)(?: ([^\n`]+))?\n(.*?)^\1```$", re.MULTILINE | re.DOTALL)
_SETTINGS = re.compile(r"^<!-- docs: (.*) -->$", re.MULTILINE)
_INLINE = re.compile(r"(?<!no )`(trioexec [^`]+)`")
_MARK = "\x1e"

# Our tests run as an account whose home has no nodes in it; OpenSSH and we believe the
# account database, so that a variable would not do.
_HOME = """\
import os, pwd
_asked = pwd.getpwuid
def _answer(uid):
    entry = list(_asked(uid))
    if uid == os.getuid():
        entry[5] = os.environ["HOME"]
    return pwd.struct_passwd(entry)
pwd.getpwuid = _answer
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    language: str
    info: str
    text: str
    line: int

    @property
    def file(self) -> str:
        found = re.search(r"\bfile=(\S+)", self.info)
        return found[1] if found else ""

    @property
    def not_run(self) -> str:
        found = re.search(r'\bnot-run="([^"]+)"', self.info)
        return found[1] if found else ""

    @property
    def runs(self) -> bool:
        return self.language in {"console", "python"} and not self.file and not self.not_run


class Page:
    def __init__(self, path: Path) -> None:
        self.name = str(path.relative_to(ROOT))
        self.text = path.read_text()
        self.blocks = [
            Block(
                language=found[2],
                info=found[3] or "",
                text=re.sub(f"^{found[1]}", "", found[4], flags=re.MULTILINE),
                line=self.text.count("\n", 0, found.start()) + 1,
            )
            for found in _FENCE.finditer(self.text)
        ]
        self.fleet = ""
        self.env: dict[str, str] = {}
        for found in _SETTINGS.finditer(self.text):
            for word in found[1].split():
                key, _, value = word.partition("=")
                if key == "fleet":
                    self.fleet = value
                elif key == "env":
                    name, _, value = value.partition("=")
                    self.env[name] = value
                else:
                    raise ValueError(f"{self.name}: {word}")

    def __repr__(self) -> str:
        return self.name

    def outputs(self) -> Iterator[tuple[Block, Block | None]]:
        """Each block that runs, with the one under it that says what it prints."""
        for block, below in zip(self.blocks, [*self.blocks[1:], None], strict=True):
            is_output = below is not None and below.info.startswith("output")
            if block.runs:
                yield block, below if is_output else None

    def command_lines(self) -> list[str]:
        """Every command line of trioexec that is shown and not run.

        On pages for those who come from another tool, also those in the text.
        """
        lines = [
            line
            for block in self.blocks
            if block.language == "sh" and not block.not_run and not block.file
            for line in block.text.replace("\\\n", " ").splitlines()
            if line.strip() and not line.startswith("#")
        ]
        if "/from-" in self.name:
            rest = _FENCE.sub("", self.text).replace("\\|", "|")
            lines += [" ".join(found.split()) for found in _INLINE.findall(rest)]
        return [line for line in lines if not line.endswith(" ...")]


def pages() -> list[Page]:
    folder = ROOT / "docs"
    found = [path for path in folder.rglob("*.md") if "_build" not in path.parts]
    return [Page(path) for path in [ROOT / "README.md", *sorted(found)]]


@dataclass(frozen=True, slots=True)
class Folder:
    """Where one page's examples happen."""

    path: Path

    def make(self, page: Page) -> None:
        for block in page.blocks:
            if block.file:
                self.write(block.file, block.text)
        # No console script on the path but this one, whichever Python we are.
        self.write("bin/trioexec", f'#!/bin/sh\nexec {sys.executable} -m trioexec "$@"\n')
        self.write("site/sitecustomize.py", _HOME)

    def write(self, name: str, text: str) -> None:
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        if text.startswith("#!"):
            path.chmod(0o755)

    def environment(self, page: Page) -> dict[str, str]:
        kept = {name: os.environ[name] for name in os.environ if name.startswith("COVERAGE")}
        return {
            "PATH": f"{self.path}/bin:{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "HOME": str(self.path),
            "LC_ALL": "C.UTF-8",
            "SHELL": "/bin/sh",
            "PYTHONPATH": f"{self.path}/site",
            "CLUSTERSHELL_CFGDIR": str(self.path / "none"),
            "XDG_STATE_HOME": str(self.path),
            **kept,
            **page.env,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    command: str
    wanted: str
    printed: str
    code: int


def commands_of(text: str) -> list[tuple[str, str]]:
    """The lines after ``$``, each with what it prints; ``>`` continues a line."""
    found: list[tuple[str, str]] = []
    for line in text.splitlines(keepends=True):
        if line.startswith("$ "):
            found.append((line[2:].rstrip("\n"), ""))
        elif line.startswith("> ") and not found[-1][1]:
            found[-1] = (f"{found[-1][0]}\n{line[2:].rstrip()}", "")
        else:
            found[-1] = (found[-1][0], found[-1][1] + line)
    return found


async def type_all(page: Page, folder: Folder) -> list[Typed]:
    """Type every console line of a page into one shell."""
    todo = [
        pair
        for block in page.blocks
        if block.language == "console" and block.runs
        for pair in commands_of(block.text)
    ]
    script = "".join(
        f"(exit ${{__code:-0}})\n{command}\n__code=$?; printf '{_MARK}%s{_MARK}' $__code\n"
        for command, _ in todo
    )
    folder.write("typed.sh", script)
    with trio.fail_after(HANG_S):
        done = await trio.run_process(
            ["/bin/sh", str(folder.path / "typed.sh")],
            cwd=folder.path,
            env=folder.environment(page),
            capture_stdout=True,
            stderr=subprocess.STDOUT,
            check=False,
        )
    *parts, _ = done.stdout.decode().split(_MARK)
    return [
        Typed(command=command, wanted=wanted, printed=printed, code=int(code))
        for (command, wanted), printed, code in zip(todo, parts[::2], parts[1::2], strict=True)
    ]


async def run_python(
    block: Block, page: Page, folder: Folder
) -> subprocess.CompletedProcess[bytes]:
    """Run one program, or one test file."""
    words = [sys.executable, "example.py"]
    if re.search(r"^(async )?def test_", block.text, re.MULTILINE):
        folder.write("pytest.ini", "[pytest]\ntrio_mode = true\nfilterwarnings = error\n")
        words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "example.py"]
    folder.write("example.py", block.text)
    with trio.fail_after(HANG_S):
        return await trio.run_process(
            words,
            cwd=folder.path,
            env=folder.environment(page),
            capture_stdout=True,
            stderr=subprocess.STDOUT,
            check=False,
        )


def settled(text: str, *, in_order: bool) -> list[str]:
    """Times, dates and IDs differ from run to run; lines of different nodes may change places."""
    text = re.sub(r" {2,}\d+\.\d s|\b\d+\.\d s", " T s", text)
    text = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d", "WHEN", text)
    text = re.sub(r"^[a-z2-9]{4}(?=  WHEN| -> )", "ID", text, flags=re.MULTILINE)
    text = re.sub(r"-> [a-z2-9]{4}:", "-> ID:", text)
    text = re.sub(r"^Again, run [a-z2-9]{4}:", "Again, run ID:", text, flags=re.MULTILINE)
    lines = [re.sub(r" {3,}", "  ", line).rstrip() for line in text.splitlines()]
    return lines if in_order else sorted(lines)


def check_data(block: Block) -> None:
    """Raise where the text is not what the block says it is."""
    match block.language:
        case "json":
            for line in [block.text] if block.text.startswith("{\n") else block.text.splitlines():
                json.loads(line)
        case "toml":
            tomllib.loads(block.text)
        case "yaml":
            list(yaml.safe_load_all(block.text))


def check_command_line(line: str) -> int:
    """Have trioexec read a command line, and connect to nothing."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars=";|&<>")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words: list[str] = []
    for word in lexer:
        if word[0] in ";|&<>":  # what follows is the business of the shell
            break
        words.append(word)
    if words[0] != "trioexec":
        raise ValueError(f"{line!r} is none of ours")
    if words[1:2] == ["run"]:
        del words[1]
    name, *rest = words[1:] or [""]
    if name in COMMANDS and not rest:  # not a line, but a name
        return 0
    if name == "nodes":
        return main([name, *rest])
    if name == "ping":
        return main([name, "--dry-run", *rest])
    if name in COMMANDS:
        return main([name, "--help", *rest])
    ends_early = not name or {"--help", "--version", "-h", "-V"} & {name, *rest[:1]}
    return main(words[1:] if ends_early and name else ["--dry-run", *words[1:]])
