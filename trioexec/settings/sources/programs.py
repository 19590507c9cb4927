"""Ask a program on this machine; and the source that asks programs of the user's own."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from trioexec.model.errors import UsageError
from trioexec.settings.sources.base import Surroundings
from trioexec.settings.sources.lines import expressions_of

if TYPE_CHECKING:
    from subprocess import Popen

__all__ = ["PLACE_OF_GROUP", "ProgramSource", "output_of"]

PATIENCE_S: Final = 30.0
"""How long a program may take to say what the nodes are, before anything has started."""

PLACE_OF_GROUP: Final = "{group}"
"""In an argument: where the group goes; without it, it is one more argument."""


class ProgramSource:
    """``@NAME`` and ``@NAME:GROUP``: runs one program of the user's settings, without a shell."""

    def __init__(self, name: str, argv: Sequence[str], surroundings: Surroundings) -> None:
        self._name = name
        self._argv = tuple(argv)
        self._env = surroundings.env

    def nodes(self, group: str) -> Iterator[str]:
        """Yield what the program prints.

        Raises:
            UsageError: It is not there, fails, or takes too long.
        """
        reference = f"@{self._name}:{group}" if group else f"@{self._name}"
        if group.startswith("-"):
            raise UsageError(
                f"{reference}: {self._argv[0]!r} would take this group for an option.\n"
                "Name a group that does not begin with '-'."
            )
        argv = [argument.replace(PLACE_OF_GROUP, group) for argument in self._argv]
        if group and not any(PLACE_OF_GROUP in argument for argument in self._argv):
            argv.append(group)
        yield from expressions_of(output_of(argv, reference, self._env).splitlines())

    def groups(self) -> list[str]:
        """List nothing: only the program knows."""
        return []


def output_of(
    argv: Sequence[str],
    reference: str,
    env: Mapping[str, str],
    *,
    folder: str | None = None,
    called: str = "",
) -> str:
    """Run a program to its end and hand back its stdout; ends what it has started when it hangs.

    Args:
        argv: Without a shell.
        reference: As typed, for errors.
        env: The program's whole environment.
        folder: Where it is to run.
        called: What errors call it, where argv would be no help.

    Raises:
        UsageError: It is not there, fails, or takes longer than `PATIENCE_S`.
    """
    import subprocess  # noqa: PLC0415  (20 ms that only programs have to pay)

    who = called or repr(argv[0])
    with _start(argv, env, folder, f"{reference}:", who) as process:
        try:
            output, complaints = process.communicate(timeout=PATIENCE_S)
        except subprocess.TimeoutExpired as exc:
            end_with_offspring(process.pid)
            raise UsageError(
                f"{reference}: {who} has not answered in {PATIENCE_S:g} s.\n"
                "Try it by hand; the nodes can also be named themselves."
            ) from exc
        except BaseException:
            end_with_offspring(process.pid)
            raise
    if process.returncode != 0:
        import shlex  # noqa: PLC0415 - hardly ever wanted

        said = (complaints.strip().splitlines() or ["it said nothing"])[-1]
        do = f"`nodeset -f {reference}`" if called else shlex.join(argv)
        raise UsageError(
            f"{reference}: {who} failed with {process.returncode}: {_visible(said)}\n"
            f"Try it by hand: {_visible(do)}"
        )
    return output


def _start(
    argv: Sequence[str], env: Mapping[str, str], folder: str | None, where: str, who: str
) -> Popen[str]:
    import subprocess  # noqa: PLC0415

    try:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=dict(env),
            cwd=folder,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
        )
    except FileNotFoundError as exc:
        raise UsageError(
            f"{where} the program {who} is not on this machine.\n"
            "Install it, or run trioexec where it is; the nodes can also be named themselves."
        ) from exc
    except (OSError, ValueError) as exc:
        reason = (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
        raise UsageError(
            f"{where} cannot run {who}: {reason.lower()}.\n"
            "Check that it is a program and may be run."
        ) from exc


def end_with_offspring(pid: int) -> None:
    """Kill a process and what it has started; it has no group of its own, to be able to ask.

    A program that asks for a passphrase does so at the terminal, which reads for one group.
    """
    parents = _parents()
    doomed = [pid]
    for each in doomed:
        doomed += [child for child, parent in parents.items() if parent == each]
    for each in doomed:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.kill(each, signal.SIGKILL)


def _parents() -> dict[int, int]:
    """Say who started whom, where the system has a /proc."""
    found = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            text = path.read_text(encoding="utf-8", errors="replace")
            found[int(path.parent.name)] = int(text.rpartition(")")[2].split()[1])
    return found


def _visible(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
