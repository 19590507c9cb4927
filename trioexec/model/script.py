"""How a local script becomes a command that reads it from stdin.  Pure."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Final

__all__ = ["script_command"]

_SHELLS: Final = frozenset({"sh", "ash", "bash", "busybox", "dash", "ksh", "mksh", "yash", "zsh"})
"""They take a lone ``-`` for something else; ``-s`` is their way to say stdin."""


def script_command(script: bytes, arguments: Sequence[str]) -> str:
    """Make the text of a command that runs the script it gets on stdin.

    The interpreter is the one its first line names (``#!``), as the kernel would
    call it: what follows the path is one argument.  Without such a line it is sh.

    Args:
        script: All of it, or its first line.
        arguments: What the script gets as ``$1`` and so on.
    """
    interpreter, option = _interpreter(script)
    words = [interpreter, option] if option else [interpreter]
    words += ["-s"] if _is_shell(interpreter, option) else ["-"]
    if arguments and words[-1] == "-s":
        words.append("--")
    # By exec: a shell that waits says what signal ended it, which is no word of the script's.
    return f"exec {shlex.join([*words, *arguments])}"


def _interpreter(script: bytes) -> tuple[str, str]:
    first_line = script.split(b"\n", 1)[0]
    if not first_line.startswith(b"#!"):
        return "/bin/sh", ""
    words = first_line[2:].decode("utf-8", "surrogateescape").strip().split(None, 1)
    if not words:
        return "/bin/sh", ""
    return words[0], words[1] if len(words) > 1 else ""


def _is_shell(interpreter: str, option: str) -> bool:
    """Whether it is a shell, or an ``env`` that looks one up."""
    name = PurePosixPath(interpreter).name
    if name == "env":
        words = (word for word in option.split() if not word.startswith("-") and "=" not in word)
        name = PurePosixPath(next(words, "")).name
    return name in _SHELLS
