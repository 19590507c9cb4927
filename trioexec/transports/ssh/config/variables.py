"""Which variables of the environment a configuration's answers depend on.

Found without asking whether what it says makes sense.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from trioexec.transports.ssh.config.facts import Facts
from trioexec.transports.ssh.config.words import Place, split_line
from trioexec.transports.ssh.patterns import matches

__all__ = ["variables_that_count"]

_USED: Final = r"\$\{?(\w+)"
"""``${NAME}``, and the ``$NAME`` of IdentityAgent."""

_SEND: Final = "sendenv"


def variables_that_count(files: Iterable[Path], settings: Iterable[str], facts: Facts) -> list[str]:
    """Give ``NAME=value`` of each variable that SendEnv sends or a ``${NAME}`` stands for.

    What a program sees that Match exec or ProxyCommand starts is not among them.

    Args:
        files: Of the configuration, those that are included too.
        settings: ``Key=Value`` as after ``ssh -o``.
        facts: Have the environment.
    """
    lines = [*settings, *(line for path in files for line in _lines_of(path))]
    used = {name for line in lines if "$" in line for name in re.findall(_USED, line)}
    sent = [word for line in lines if _SEND in line.lower() for word in _words_to_send(line)]
    return sorted(
        f"{name}={value}"
        for name, value in facts.environ.items()
        if name in used or any(matches(name, pattern) for pattern in sent)
    )


def _lines_of(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="surrogateescape").split("\n")
    except OSError:
        return []


def _words_to_send(text: str) -> Iterator[str]:
    with suppress(ValueError):  # for who reads it for good
        line = split_line(text, Place("", 0))
        if line is not None and line.keyword == _SEND:
            yield from line.words
