"""``trioexec hold``: the processes that own connections between runs."""

from __future__ import annotations

import os
import socket
import sys
from typing import TYPE_CHECKING

from trioexec.cli.fanout import run_trio
from trioexec.cli.registry import CommandEntry
from trioexec.cli.texts import counted
from trioexec.model.errors import UsageError
from trioexec.model.exitcodes import FAILED, OK

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from trioexec.cli.invocation import Invocation
    from trioexec.transports.relay.asking import Silent
    from trioexec.transports.relay.wire import Held, Status

__all__ = ["ENTRY", "connection_lines", "main"]

ENTRY = CommandEntry(
    usage="[list | stop]",
    groups=(),
    words_end=False,
    examples=(
        ("trioexec -H 'web[1-9]' --persist 10m uptime", "connect, and stay connected"),
        ("trioexec -H 'web[1-9]' uptime", "uses those connections"),
        ("trioexec hold", "what is held, since when"),
        ("trioexec hold stop", "close all of it"),
    ),
)


def main(call: Invocation) -> int:
    """Do what the word says."""
    match call.words:
        case () | ("list",):
            return _list()
        case ("stop",):
            return _stop()
        case ("serve", path, persist_s):
            return _serve(path, float(persist_s))
        case ("work", descriptor):
            return _work(int(descriptor))
        case _:
            raise UsageError(
                f"hold {' '.join(call.words)}: that is none of its ways.\nWrite list or stop."
            )


def _list() -> int:
    found = [each for path in _sockets() if (each := _ask(path, stop=False)) is not None]
    if not found:
        sys.stderr.write("Nothing is held; --persist 10m holds a run's connections.\n")
        return OK
    statuses = _answered(found)
    for status in statuses:
        sys.stdout.write(
            f"holder {status.pid}: {counted(len(status.held), 'connection')},"
            f" {counted(status.calls, 'command')} running, since {_span(status.age_s)},"
            f" ends after {_span(status.persist_s)} of rest\n"
        )
        sys.stdout.writelines(f"  {line}\n" for line in connection_lines(status.held))
    return OK if len(statuses) == len(found) else FAILED


def _answered(found: list[Status | Silent]) -> list[Status]:
    """Say who does not answer; give the others."""
    from trioexec.transports.relay.asking import Silent  # noqa: PLC0415 - light, but not for help

    for each in found:
        if isinstance(each, Silent):
            sys.stderr.write(
                f"holder {each.pid}: does not answer; trioexec hold stop ends it all the same\n"
            )
    return [each for each in found if not isinstance(each, Silent)]


def connection_lines(held: Iterable[Held]) -> list[str]:
    """Write connections in lines, of those that are alike one; the longest open first."""
    from trioexec.model.hostlist import fold  # noqa: PLC0415 - node sets are slow

    alike: dict[str, list[str]] = {}
    for one in sorted(held, key=lambda one: -one.age_s):
        text = f"open {_span(one.age_s)}, unused {_span(one.idle_s)}"
        alike.setdefault(text, []).append(one.name)
    return [f"{fold(names)}: {text}" for text, names in alike.items()]


def _stop() -> int:
    from trioexec.transports.relay.asking import Silent  # noqa: PLC0415 - light, but not for help

    stopped = [each for path in _sockets() if (each := _ask(path, stop=True)) is not None]
    sys.stderr.write(f"{counted(len(stopped), 'holder')} stopped.\n")
    for each in stopped:
        if not isinstance(each, Silent) and each.calls:
            sys.stderr.write(
                f"holder {each.pid}: goes when what it runs has ended:"
                f" {counted(each.calls, 'command')}\n"
            )
    return OK


def _sockets() -> list[Path]:
    from trioexec.transports.relay.place import directory  # noqa: PLC0415

    return sorted(directory(make=False).glob("*.sock"))


def _ask(path: Path, *, stop: bool) -> Status | Silent | None:
    """Ask one holder; None where nobody is there any more."""
    from trioexec.transports.relay.asking import ask_holder  # noqa: PLC0415 - light, but not for help

    return ask_holder(path, stop=stop)


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest} s" if minutes else f"{rest} s"


def _serve(path: str, persist_s: float) -> int:
    """Be a holder: what `transports.relay.spawn` starts; options come on stdin."""
    from pathlib import Path  # noqa: PLC0415

    from trioexec.transports.relay.holder import hold  # noqa: PLC0415
    from trioexec.transports.relay.spawn import READY, options_from_json  # noqa: PLC0415

    options = options_from_json(sys.stdin.buffer.read())

    def say_ready() -> None:
        sys.stderr.flush()
        os.write(1, READY)
        # Whoever started us reads to the end of this.
        null = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(null, descriptor)
        os.close(null)

    run_trio(hold, options, Path(path), persist_s, say_ready)
    return OK


def _work(descriptor: int) -> int:
    """Be a worker: what `transports.relay.spawn` starts for one run."""
    from trioexec.transports.relay.holder import work  # noqa: PLC0415
    from trioexec.transports.relay.spawn import options_from_json  # noqa: PLC0415

    options = options_from_json(sys.stdin.buffer.read())
    connected = socket.socket(fileno=descriptor)
    connected.setblocking(False)
    run_trio(work, options, connected)
    return OK
