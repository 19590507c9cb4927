"""sudo's question, recognised by a prompt that nobody can guess, and answered once.

No other output, whatever it looks like, gets the password.  No I/O here.
"""

from __future__ import annotations

import re
import secrets
from typing import Final

from trioexec.model.secret import Secret

__all__ = ["SAID_BYTES", "Sudo"]

SAID_BYTES: Final = 16 * 1024
"""More than a line that says why.  Whoever stands in sudo's place may write for ever."""


REASON_CHARS: Final = 200

_WRONG: Final = re.compile(r"[0-9]+ incorrect password attempts?")
"""Said where sudo does not ask again: ``passwd_tries``."""


class Sudo:
    """One command's dealings with sudo, until the command has started."""

    def __init__(self, password: Secret) -> None:
        self.prompt: str = f"[sudo {secrets.token_hex(16)}]"
        self.answer: bytes | None = None
        """To be written to the channel now."""
        self.refused: bool = False
        """The password was wrong: sudo asks again."""
        self.stuck: bool = False
        """It asked something else, and nobody answered."""
        self._password = password
        self._asked = False
        self._mark = self.prompt.encode()
        self._kept = b""
        self._said = b""

    def feed(self, data: bytes) -> bytes:
        """Take a piece of stderr; give it without the prompt."""
        data = self._kept + data
        self._kept = b""
        before, mark, after = data.partition(self._mark)
        if not mark:
            kept = self._partial(data)
            self._kept = data[len(data) - kept :]
            return data[: len(data) - kept]
        if self._asked:
            self.refused = True
        else:
            self._asked = True
            self.answer = self._password.reveal().encode() + b"\n"
        return before + after

    def hear(self, data: bytes) -> None:
        """Keep the end of what sudo writes on its way, for the reason of a refusal."""
        self._said = (self._said + data)[-SAID_BYTES:]

    @property
    def asks_otherwise(self) -> bool:
        """Whether it seems to ask, and in words that are not ours; a one-time code, for one."""
        return not self._asked and bool(self._said) and not self._said.endswith(b"\n")

    @property
    def reason(self) -> str:
        """Why sudo did not run the command, in its own words where it had some."""
        lines = self._said.decode(errors="backslashreplace").strip().splitlines()
        last = _shortened(lines[-1].removeprefix("sudo: ")) if lines else ""
        if self.refused or (self._asked and _WRONG.fullmatch(last)):
            return "wrong password"
        if self.stuck:
            return f"it asks {last!r}, which nobody is there to answer"
        return last or "sudo ended without running it"

    def _partial(self, data: bytes) -> int:
        """How much at the end may be the beginning of the prompt."""
        for size in range(min(len(self._mark) - 1, len(data)), 0, -1):
            if data.endswith(self._mark[:size]):
                return size
        return 0


def _shortened(line: str) -> str:
    """Leave the middle out: where sudo refuses a command it quotes our whole wrapper."""
    half = REASON_CHARS // 2
    return line if len(line) <= REASON_CHARS else f"{line[:half]} ... {line[-half:]}"
