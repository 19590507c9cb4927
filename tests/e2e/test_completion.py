"""TAB in real shells, at a terminal: what is typed, and what stands there then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.tmux_rig import Tmux

CONFIG = """\
[clusters.production]
nodes = "web[1-3]"
[groups]
frontend = "@production"
"""

PROGRAM = Path(sys.executable).with_name("trioexec")

SHELLS = {
    "bash": ["bash", "--noprofile"],
    "zsh": ["zsh"],
    "fish": ["fish"],
}

SETTINGS = {
    ".bashrc": "PS1='> '\n. ~/.local/share/bash-completion/completions/trioexec\n",
    ".zshrc": "PS1='> '\nfpath=(~/.local/share/zsh/site-functions $fpath)\n"
    "autoload -Uz compinit && compinit -u\n",
    ".config/fish/config.fish": "set -g fish_greeting\nfunction fish_prompt; echo -n '> '; end\n",
    ".config/trioexec/config.toml": CONFIG,
    "file1.txt": "",
}


class Terminal(Tmux):
    """A terminal with a shell in it, which has completions installed."""

    def __init__(self, shell: str, home: Path) -> None:
        for name, text in SETTINGS.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text)
        (home / "bin").mkdir()
        (home / "bin/trioexec").symlink_to(PROGRAM)
        path = f"{home}/bin:/usr/bin:/bin"
        env = {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "TERM": "screen"}
        env |= {name: os.environ[name] for name in os.environ if name.startswith("COVERAGE")}
        subprocess.run([PROGRAM, "completion", "--install", shell], env=env, check=True)
        super().__init__(home, *SHELLS[shell], env=env, rows=30)
        self.shows(">")

    def complete(self, typed: str) -> None:
        self.press("C-u")
        self.press("C-l")
        self.write(typed)
        self.shows(f"> {typed}")
        self.press("Tab")


@pytest.fixture(scope="module", params=SHELLS)
def terminal(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Terminal]:
    for program in (request.param, "tmux"):
        if shutil.which(program) is None:
            if os.environ.get("CI"):
                pytest.fail(f"CI must install {program}: these tests may not skip")
            pytest.skip(f"no {program} on this machine")
    terminal = Terminal(request.param, tmp_path_factory.mktemp(request.param))
    try:
        yield terminal
    finally:
        terminal.close()


@pytest.mark.parametrize(
    ("typed", "becomes"),
    [
        pytest.param("trioexec clus", "trioexec clusters", id="a command"),
        pytest.param("trioexec --paral", "trioexec --parallel", id="an option"),
        pytest.param("trioexec --transport=l", "trioexec --transport=local", id="a choice"),
        pytest.param("trioexec -C prod", "trioexec -C production", id="a cluster"),
        pytest.param("trioexec -H @fro", "trioexec -H @frontend", id="a group"),
        pytest.param("trioexec -H a,@fro", "trioexec -H a,@frontend", id="a group in a list"),
        pytest.param("trioexec -H '@fro", "trioexec -H '@frontend'", id="a group in quotes"),
        pytest.param("trioexec -x @config:f", "trioexec -x @config:frontend", id="of a source"),
        pytest.param("trioexec --hosts=@fro", "trioexec --hosts=@frontend", id="one word"),
        pytest.param("trioexec nodes @prod", "trioexec nodes @production", id="an expression"),
        pytest.param("trioexec -i fil", "trioexec -i file1.txt", id="a file"),
        pytest.param("trioexec --junit=fil", "trioexec --junit=file1.txt", id="a file in one word"),
        pytest.param("trioexec -H a ls fil", "trioexec -H a ls file1.txt", id="the user's command"),
        pytest.param("~/bin/trioexec -C prod", "~/bin/trioexec -C production", id="by its path"),
    ],
)
def test_tab_completes(terminal: Terminal, typed: str, becomes: str) -> None:
    terminal.complete(typed)

    assert terminal.shows(f"> {becomes}")
