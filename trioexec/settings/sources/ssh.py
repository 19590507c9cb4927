"""``@ssh:PATTERN``: the hosts that ssh_config has by name.

Reads ``Host`` and ``Include`` lines and nothing else: what a host's block says
is for the transport, which looks it up by the name found here.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Final

from trioexec.model.errors import UsageError, why
from trioexec.settings.sources.base import Surroundings, unknown_group

__all__ = ["SshConfigSource"]

SYSTEM: Final = Path("/etc/ssh")
MAX_DEPTH: Final = 16
"""Of Include in Include, as OpenSSH has it."""

_LINE = re.compile(r"\s*(?P<key>[A-Za-z]+)(?:\s*=\s*|\s+)(?P<values>.*?)\s*")
_PATTERN = re.compile(r"[*?!]")


class SshConfigSource:
    """Lists ``Host`` names that are no patterns, in the order of the files."""

    def __init__(self, surroundings: Surroundings) -> None:
        self._home = surroundings.account_home or surroundings.home
        self._user_folder = self._home / ".ssh"
        self._only = surroundings.ssh_config

    def nodes(self, group: str) -> Iterator[str]:
        """Yield the hosts that a glob (``*``, ``?``) matches; several globs with ``|``.

        Raises:
            UsageError: None matches, or a file cannot be read.
        """
        globs = group.split("|") if group else ["*"]
        found = [name for name in self.groups() if any(fnmatchcase(name, glob) for glob in globs)]
        if not found:
            what = "no host of ssh_config is named so"
            raise unknown_group(f"@ssh:{group}", self.groups(), prefix="@ssh:", what=what)
        yield from (f"[{name}]" if ":" in name else name for name in found)

    def groups(self) -> list[str]:
        """List the hosts."""
        if self._only is not None:
            if self._only == "none":
                return []
            path = self._expand(self._only)
            return list(dict.fromkeys(self._hosts(path, self._user_folder, 0, must=True)))
        names: dict[str, None] = {}
        for folder, name in ((self._user_folder, "config"), (SYSTEM, "ssh_config")):
            names.update(dict.fromkeys(self._hosts(folder / name, folder, 0, must=False)))
        return list(names)

    def _expand(self, text: str) -> Path:
        return self._home / text[2:] if text.startswith("~/") else Path(text)

    def _hosts(self, path: Path, folder: Path, depth: int, *, must: bool) -> Iterator[str]:
        if depth > MAX_DEPTH:
            raise UsageError(
                f"@ssh: {path} is included more than {MAX_DEPTH} deep.\n"
                "Take the circle of Include lines apart."
            )
        try:
            lines = path.read_text(encoding="utf-8", errors="surrogateescape").splitlines()
        except FileNotFoundError as exc:
            if must:
                raise _unreadable(path, exc) from exc
            return
        except OSError as exc:
            raise _unreadable(path, exc) from exc
        for number, line in enumerate(lines, 1):
            match = _LINE.fullmatch(line)
            if match is None or match["key"].lower() not in ("host", "include"):
                continue
            values = _values(match["values"], path, number)
            if match["key"].lower() == "host":
                yield from (value for value in values if not _PATTERN.search(value))
                continue
            for value in values:
                for included in self._included(value, folder):
                    yield from self._hosts(included, folder, depth + 1, must=False)

    def _included(self, value: str, folder: Path) -> list[Path]:
        path = folder / self._expand(value)
        if not re.search(r"[*?\[]", str(path)):
            return [path]
        return sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))


def _values(text: str, path: Path, number: int) -> list[str]:
    try:
        return shlex.split(text, comments=True)
    except ValueError as exc:
        raise UsageError(
            f"@ssh: {path}, line {number}: a quotation mark is never closed.\nClose it."
        ) from exc


def _unreadable(path: Path, exc: OSError) -> UsageError:
    return UsageError(
        f"@ssh: cannot read {path}: {why(exc)}.\nMake it readable, or name another with -F."
    )
