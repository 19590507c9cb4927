"""KnownHostsCommand: a program of the site that says which keys a host has.

Asked once a run for each command line that its tokens come to, before the host is
connected to; what depends on the key that a host shows is not known by then.
"""

from __future__ import annotations

import subprocess
import threading
from typing import Final

from msgspec import Struct, field

from trioexec.model.outcomes import HostKeyRejected
from trioexec.transports.ssh.config import Programs
from trioexec.transports.ssh.failures import NodeFailureError

__all__ = ["KnownHostsCommands"]

LIMIT_S: Final = 30.0
"""How long it may take; OpenSSH would wait for ever."""


class _Asked(Struct):
    lock: threading.Lock = field(default_factory=threading.Lock)
    said: str | None = None


class KnownHostsCommands:
    """What the programs of a run have said; may be asked from several threads."""

    def __init__(self, programs: Programs) -> None:
        self._programs = programs
        self._asked: dict[tuple[str, ...], _Asked] = {}

    def ask(self, argv: tuple[str, ...]) -> str:
        """Give the lines that a program prints.

        Raises:
            NodeFailureError: It failed; then nothing is known of the host's keys, as for OpenSSH.
        """
        asked = self._asked.setdefault(argv, _Asked())
        with asked.lock:
            if asked.said is None:
                asked.said = self._run(argv)
            return asked.said

    def _run(self, argv: tuple[str, ...]) -> str:
        try:
            code, said = self._programs.run(argv, limit_s=LIMIT_S, hear=True)
        except subprocess.TimeoutExpired as exc:
            raise _failed(argv, f"no answer in {LIMIT_S:g} s") from exc
        except OSError as exc:
            raise _failed(argv, exc.strerror or str(exc)) from exc
        if code:
            raise _failed(argv, f"exit {code}")
        return said.decode("utf-8", "surrogateescape")


def _failed(argv: tuple[str, ...], why: str) -> NodeFailureError:
    return NodeFailureError(HostKeyRejected(reason=f"KnownHostsCommand {argv[0]} failed: {why}"))
