"""Who ends the local commands when nobody of ours is left to do it.

One small shell per run reads from us which sessions are alive.  When its
input ends before they do, we were killed, and it ends them.  The remote ends
of an SSH run have a watchdog each, for the same reason.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import trio

from trioexec.model.command import STOP_GRACE_S
from trioexec.transports.living import GROUPS, LIVE

__all__ = ["Guard"]

_LEAVE_S: Final = 1.0
"""How long the guard may take to leave, once there is nothing to guard."""

# It must outlive the terminal, Ctrl-C and whatever ended us.
_SCRIPT: Final = f"""\
trap '' HUP INT QUIT TERM
sessions=' '
while read -r sign session; do
  case $sign in
    +) sessions="$sessions$session " ;;
    -) sessions="${{sessions%%" $session "*}} ${{sessions#*" $session "}}" ;;
  esac
done
[ "$sessions" = ' ' ] && exit
exec 2>/dev/null
{LIVE}{GROUPS}
end() {{ for session in $sessions; do
  for group in $session $(live "$session"); do kill "-$1" "-$group"; done
done; }}
end TERM
sleep {STOP_GRACE_S:g}
end KILL
exit 0
"""


class Guard:
    """Tells the guarding shell what to end; without one, it tells nobody."""

    def __init__(self) -> None:
        self._line: int | None = None

    @asynccontextmanager
    async def watching(self) -> AsyncIterator[None]:
        """Have the guard run meanwhile; where there is no /bin/sh there is none."""
        ours_out, ours = os.pipe()
        try:
            process = await trio.lowlevel.open_process(
                ["/bin/sh", "-c", _SCRIPT],
                stdin=ours_out,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
                cwd="/",
            )
        except OSError:
            os.close(ours)
            yield
            return
        finally:
            os.close(ours_out)
        self._line = ours
        try:
            yield
        finally:
            self._line = None
            os.close(ours)
            with trio.move_on_after(_LEAVE_S, shield=True):
                await process.wait()

    @contextmanager
    def knows(self, sid: int) -> Iterator[None]:
        """Have the session that this process leads ended if we are not there to do it."""
        self._tell(f"+ {sid}\n")
        try:
            yield
        finally:
            self._tell(f"- {sid}\n")

    def _tell(self, line: str) -> None:
        if self._line is None:
            return
        try:
            # It blocks only while six thousand lines wait: the guard does nothing but read.
            os.write(self._line, line.encode())
        except OSError:
            self._line = None  # somebody ended the guard
