"""``trioexec completion``: what a shell needs to complete our options and commands."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trioexec.cli.options import CompletionOptions
from trioexec.cli.registry import CommandEntry
from trioexec.cli.shells import SCRIPTS, Shell
from trioexec.model.errors import UsageError
from trioexec.model.exitcodes import OK

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation

__all__ = ["ENTRY", "MARK", "main", "place_of"]

ENTRY = CommandEntry(
    usage="[--install] bash|zsh|fish",
    groups=(CompletionOptions,),
    words_end=False,
    examples=(
        ("trioexec completion --install fish", "where the shell finds it by itself"),
        ('eval "$(trioexec completion bash)"', "in ~/.bashrc"),
    ),
)

MARK: Final = "# Written by trioexec completion --install, which may write it anew."
"""By what we know a file for ours; the first line of it, or the one after zsh's own."""


def main(call: Invocation) -> int:
    """Print the script, or install it."""
    if len(call.words) != 1 or call.words[0] not in SCRIPTS:
        raise UsageError(f"completion takes one shell.\nUsage: trioexec completion {ENTRY.usage}")
    shell = call.words[0]
    script = SCRIPTS[shell]
    if not call.options(CompletionOptions).install:
        sys.stdout.write(script)
        return OK
    path = place_of(shell, call.env)
    _write(path, _marked(script))
    sys.stderr.write(f"{path} is written.\n{_advice(shell, path)}\n")
    return OK


def place_of(shell: Shell, env: Mapping[str, str]) -> Path:
    """Say where a shell looks for the completions of one user.

    Raises:
        UsageError: The environment names no home.
    """
    match shell:
        case "bash":
            given = env.get("BASH_COMPLETION_USER_DIR", "").partition(":")[0]
            folder = Path(given) if given else _home(env, "DATA", ".local/share", "bash-completion")
            return folder / "completions" / "trioexec"
        case "zsh":
            # No folder of a user's is looked into by itself; the name is that of the function.
            return _home(env, "DATA", ".local/share", "zsh/site-functions") / "_trioexec"
        case "fish":
            return _home(env, "CONFIG", ".config", "fish/completions") / "trioexec.fish"


def _home(env: Mapping[str, str], kind: str, default: str, below: str) -> Path:
    """Give a folder below an XDG one; what is not absolute there counts as not said."""
    said = env.get(f"XDG_{kind}_HOME", "")
    if os.path.isabs(said):  # noqa: PTH117 - a text
        return Path(said) / below
    if not env.get("HOME"):
        raise UsageError(
            "there is no HOME to install it in.\n"
            "Print the script without --install, and put it where the shell looks."
        )
    return Path(env["HOME"]) / default / below


def _marked(script: str) -> str:
    first, _, rest = script.partition("\n")
    # zsh reads the names of the commands from the first line.
    return f"{first}\n{MARK}\n{rest}" if first.startswith("#compdef") else f"{MARK}\n{script}"


def _write(path: Path, text: str) -> None:
    """Write it, unless something is there that is not ours.

    Raises:
        UsageError: It is not, or the file cannot be written.
    """
    from trioexec.sinks.atomic import write_whole  # noqa: PLC0415 - only here

    try:
        if os.path.lexists(path) and not _is_ours(path):
            raise UsageError(
                f"{path} is there already, and trioexec did not write it.\n"
                "Remove it, or print the script without --install, and put it elsewhere."
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode())
    except OSError as exc:
        raise UsageError(
            f"{path} cannot be written: {exc.strerror}.\n"
            "Print the script without --install, and put it where the shell looks."
        ) from exc


def _is_ours(path: Path) -> bool:
    return path.is_file() and MARK.encode() in path.read_bytes().split(b"\n", 2)[:2]


def _advice(shell: Shell, path: Path) -> str:
    """Say what is left to do for the shell to use it."""
    match shell:
        case "bash":
            return (
                "The next bash completes with it, where the package bash-completion is set up;\n"
                f"elsewhere add this to ~/.bashrc:\n  . {_quoted(path)}"
            )
        case "zsh":
            return (
                "Have it found: add this to ~/.zshrc, before any compinit that is there already:\n"
                f"  fpath=({_quoted(path.parent)} $fpath)\n"
                "  autoload -Uz compinit && compinit"
            )
        case "fish":
            return "The next fish completes with it."


def _quoted(path: Path) -> str:
    from shlex import quote  # noqa: PLC0415 - only here

    return quote(str(path))
