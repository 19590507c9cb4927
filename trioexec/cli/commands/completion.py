"""``trioexec completion``: what a shell needs to complete our options and commands."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal, cast

from trioexec.cli.registry import CommandEntry
from trioexec.model.errors import UsageError
from trioexec.model.exitcodes import OK

if TYPE_CHECKING:
    from trioexec.cli.invocation import Invocation

__all__ = ["ENTRY", "main"]

Shell = Literal["bash", "zsh", "fish"]

ENTRY = CommandEntry(
    usage="bash|zsh|fish",
    groups=(),
    words_end=False,
    examples=(('eval "$(trioexec completion bash)"', "in ~/.bashrc"),),
)


def main(call: Invocation) -> int:
    """Print the script."""
    if len(call.words) != 1 or call.words[0] not in ("bash", "zsh", "fish"):
        raise UsageError(f"completion takes one shell.\nUsage: trioexec completion {ENTRY.usage}")
    from trioexec.cli.app import make_app  # noqa: PLC0415 - imports cyclopts

    sys.stdout.write(make_app().generate_completion(shell=cast("Shell", call.words[0])))
    return OK
