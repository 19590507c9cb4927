"""TAB in real shells, at a terminal: what is typed, and what stands there then."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HANG_S = 60.0

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


class Terminal:
    """A terminal with a shell in it, which has completions installed."""

    def __init__(self, shell: str, home: Path) -> None:
        for name, text in SETTINGS.items():
            (home / name).parent.mkdir(parents=True, exist_ok=True)
            (home / name).write_text(text)
        (home / "bin").mkdir()
        (home / "bin/trioexec").symlink_to(PROGRAM)
        self._socket = str(home / "tmux")
        self._home = home
        path = f"{home}/bin:/usr/bin:/bin"
        env = {"HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "TERM": "screen"}
        env |= {name: os.environ[name] for name in os.environ if name.startswith("COVERAGE")}
        subprocess.run([PROGRAM, "completion", "--install", shell], env=env, check=True)
        self._tmux(
            *("-f", os.devnull, "new-session", "-d", "-x", "100", "-y", "30", *SHELLS[shell]),
            env=env,
        )
        self.until(">")

    def _tmux(self, *words: str, env: dict[str, str] | None = None) -> str:
        done = subprocess.run(
            ["tmux", "-S", self._socket, *words],
            env=env,
            cwd=self._home,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=HANG_S,
        )
        return done.stdout

    def close(self) -> None:
        self._tmux("kill-server")

    def until(self, text: str) -> None:
        limit_s = time.monotonic() + HANG_S
        while text not in (screen := self._tmux("capture-pane", "-p")):
            assert time.monotonic() < limit_s, f"never: {text}; the screen is\n{screen}"
            time.sleep(0.05)  # noqa: TID251 - no loop here

    def complete(self, typed: str, becomes: str) -> None:
        self._tmux("send-keys", "C-u")
        self._tmux("send-keys", "C-l")
        self._tmux("send-keys", "-l", typed)
        self.until(f"> {typed}")
        self._tmux("send-keys", "Tab")
        self.until(f"> {becomes}")


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
    terminal.complete(typed, becomes)
