"""Ask a program on this machine; and the source that asks programs of the user's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from trioexec.model.errors import UsageError
from trioexec.settings.sources.base import Surroundings
from trioexec.settings.sources.lines import expressions_of

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
        argv = [argument.replace(PLACE_OF_GROUP, group) for argument in self._argv]
        if group and not any(PLACE_OF_GROUP in argument for argument in self._argv):
            argv.append(group)
        yield from expressions_of(output_of(argv, reference, self._env).splitlines())

    def groups(self) -> list[str]:
        """List nothing: only the program knows."""
        return []


def output_of(argv: Sequence[str], reference: str, env: Mapping[str, str]) -> str:
    """Run a program to its end and hand back its stdout.

    Args:
        argv: Without a shell.
        reference: As typed, for errors.
        env: The program's whole environment.

    Raises:
        UsageError: It is not there, fails, or takes longer than `PATIENCE_S`.
    """
    import subprocess  # noqa: PLC0415  (20 ms that only programs have to pay)

    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=PATIENCE_S,
            env=dict(env),
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
        )
    except FileNotFoundError as exc:
        raise UsageError(
            f"{reference}: the program {argv[0]!r} is not on this machine.\n"
            "Install it, or run trioexec where it is; the nodes can also be named themselves."
        ) from exc
    except (OSError, ValueError) as exc:
        reason = (exc.strerror if isinstance(exc, OSError) else None) or str(exc)
        raise UsageError(
            f"{reference}: cannot run {argv[0]!r}: {reason.lower()}.\n"
            "Check that it is a program and may be run."
        ) from exc
    except subprocess.TimeoutExpired as exc:
        raise UsageError(
            f"{reference}: {argv[0]!r} has not answered in {PATIENCE_S:g} s.\n"
            "Try it by hand; the nodes can also be named themselves."
        ) from exc
    if done.returncode != 0:
        said = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
        raise UsageError(
            f"{reference}: {argv[0]!r} failed with {done.returncode}: {_visible(said)}\n"
            f"Try it by hand: {_visible(' '.join(argv))}"
        )
    return done.stdout


def _visible(text: str) -> str:
    return text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
