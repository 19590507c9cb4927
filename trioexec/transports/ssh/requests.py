"""What asyncssh does not ask for, or does not hear any more, on a channel.

Variables by the protocol's own request, with an answer; and the confirmation of a channel
that nobody waits for.  The one place that knows how asyncssh waits for answers on a channel.
"""

from __future__ import annotations

import asyncio  # noqa: TID251
import os
from collections.abc import Callable

import asyncssh  # noqa: TID251
from asyncssh.packet import String  # noqa: TID251

__all__ = ["ask_for_variable", "close_unwanted"]


def ask_for_variable(
    chan: asyncssh.SSHClientChannel[bytes], name: str, value: str, refused: Callable[[], object]
) -> None:
    """Ask for a variable in the command's environment; to be called before the command is sent.

    Args:
        chan: Open, its command not started.
        name: Of the variable.
        value: Of the variable.
        refused: Called when the node says no.
    """
    answer: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
    # As `SSHChannel._make_request`, which would wait here and so let the command go first.
    chan._request_waiters.append(answer)  # noqa: SLF001
    words = (String(os.fsencode(text)) for text in (name, value))  # ours may be any bytes
    chan._send_request(b"env", *words, want_reply=True)  # noqa: SLF001

    def look(answered: asyncio.Future[bool]) -> None:
        if not answered.cancelled() and answered.exception() is None and not answered.result():
            refused()

    answer.add_done_callback(look)


def close_unwanted(chan: asyncssh.channel.SSHChannel[bytes] | None) -> None:
    """Close a channel that was confirmed just now, if who asked for it has been cancelled.

    asyncssh would keep it open for as long as the connection lives.
    """
    if chan is not None and chan._session is None:  # noqa: SLF001
        chan.abort()
