"""A real terminal for the tests: tmux, whose screen is read as text."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

__all__ = ["HANG_S", "TMUX", "Terminal", "Tmux"]

HANG_S = 60.0

TMUX = shutil.which("tmux")


class Tmux:
    """A terminal of 100 columns with a program in it."""

    def __init__(self, folder: Path, *program: str, env: dict[str, str], rows: int = 24) -> None:
        self._socket = str(folder / "tmux")
        self.folder = folder
        size = ("-x", "100", "-y", str(rows))
        self._tmux("-f", os.devnull, "new-session", "-d", *size, *program, env=env)

    def _tmux(self, *words: str, env: dict[str, str] | None = None) -> str:
        assert TMUX
        done = subprocess.run(
            [TMUX, "-S", self._socket, *words],
            env=env,
            cwd=self.folder,
            stdout=subprocess.PIPE,
            text=True,
            check=True,
            timeout=HANG_S,
        )
        return done.stdout

    def close(self) -> None:
        self._tmux("kill-server")

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p").rstrip()

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def write(self, text: str) -> None:
        self._tmux("send-keys", "-l", text)

    def until(self, holds: Callable[[], object], what: str) -> None:
        limit_s = time.monotonic() + HANG_S
        while not holds():
            assert time.monotonic() < limit_s, f"never: {what}; the screen is\n{self.screen()}"
            time.sleep(0.05)  # noqa: TID251 - no loop here

    def shows(self, *texts: str) -> str:
        for text in texts:
            self.until(lambda text=text: text in self.screen(), text)
        return self.screen()


class Terminal(Tmux):
    """A terminal of 100 x 24 with a shell in it."""

    def __init__(self, folder: Path) -> None:
        env = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("TRIOEXEC_", "TMUX"))},
            "XDG_STATE_HOME": str(folder / "state"),
            "XDG_CONFIG_HOME": str(folder / "config"),
            "SHELL": "/bin/sh",
            "PS1": "$ ",
            "LANG": "C.UTF-8",
        }
        super().__init__(folder, "/bin/sh", env=env)
        self.until(lambda: "$" in self.screen(), "a prompt")
        self.modes = self.stty()

    def type(self, line: str) -> None:
        self.write(line)
        self.press("Enter")

    def flags(self) -> str:
        """Give what only a program that draws sets: alternate screen, mouse, no cursor."""
        return self._tmux(
            "display-message", "-p", "#{alternate_on} #{mouse_any_flag} #{cursor_flag}"
        ).strip()

    def stty(self) -> str:
        """Give the line's modes as the next program would find them."""
        out = self.folder / "modes"
        out.unlink(missing_ok=True)
        self.type(f"stty -g > {out}.new; mv {out}.new {out}")
        self.until(out.exists, "the modes")
        return out.read_text()

    def size(self, width: int, height: int) -> None:
        """Make it larger or smaller."""
        self._tmux("resize-window", "-x", str(width), "-y", str(height))

    def run(self, *words: str, mode: str = "--tui") -> None:
        """Run trioexec, with --tui unless told, and say its exit code after it."""
        line = [sys.executable, "-m", "trioexec", "--transport", "local", mode, *words]
        inner = f"echo $$ > pid; exec {shlex.join(line)}"
        self.type(f"clear; sh -c {shlex.quote(inner)}; echo code $?")

    def signal(self, number: int) -> None:
        os.kill(int((self.folder / "pid").read_text()), number)

    def log(self) -> Path:
        """Have all that is written to the terminal from now on in a file."""
        path = self.folder / "written"
        path.touch()
        self._tmux("pipe-pane", f"cat >> {shlex.quote(str(path))}")
        return path

    def children(self) -> list[int]:
        """List what the program that was run has started."""
        pid = (self.folder / "pid").read_text().strip()
        return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]

    def is_as_it_was(self) -> None:
        self.until(lambda: self.flags() == "0 0 1", "the flags of an idle terminal")
        assert self.stty() == self.modes
