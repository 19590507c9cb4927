"""Secrets of a run: from a descriptor, a variable or the terminal, each once, before it begins.

A variable is taken out of our environment as soon as it is read, so that no process
that we start inherits it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, MutableMapping
from typing import Final

from trioexec.cli.prompt import ask_if_possible
from trioexec.model.errors import UsageError, why
from trioexec.model.secret import Secret

__all__ = [
    "KEY_PASSPHRASE",
    "PASSWORD",
    "SUDO_PASSWORD",
    "VARIABLES",
    "hide_variables",
    "passphrase_asker",
    "secret_for",
]

PASSWORD: Final = "TRIOEXEC_PASSWORD"  # noqa: S105 - its name only
SUDO_PASSWORD: Final = "TRIOEXEC_SUDO_PASSWORD"  # noqa: S105
KEY_PASSPHRASE: Final = "TRIOEXEC_KEY_PASSPHRASE"  # noqa: S105

VARIABLES: Final = frozenset({PASSWORD, SUDO_PASSWORD, KEY_PASSPHRASE})
"""They are no options: a value that is secret has no place on a command line."""

LONGEST_BYTES: Final = 4096

Ask = Callable[[str], "Secret | None"]


def hide_variables(env: MutableMapping[str, str]) -> None:
    """Take the secrets out of an environment that processes of ours would inherit."""
    for name in VARIABLES:
        env.pop(name, None)


def secret_for(
    option: str,
    prompt: str,
    *,
    wanted: bool,
    descriptor: int | None,
    variable: str | None,
    ask: Ask | None = None,
) -> Secret | None:
    """Get one secret: from the descriptor, else from the variable, else from the terminal.

    Args:
        option: That asks for it, for errors.
        prompt: For the terminal.
        wanted: Whether the option was given: then there has to be one.
        descriptor: Of ``--...-fd``; None where it was not given.
        variable: What the environment has.
        ask: Asks at the terminal.

    Raises:
        UsageError: It is wanted, and is nowhere to be had.
    """
    if descriptor is not None:
        return read_line(descriptor, f"{option}-fd")
    if variable:
        return _of_variable(variable, option)
    if not wanted:
        return None
    secret = (ask or ask_if_possible)(prompt)
    if secret is None:
        raise UsageError(
            f"{option}: there is no terminal to ask at.\n"
            f"Give it by {option}-fd N, or use keys, an agent or NOPASSWD."
        )
    return secret


def _of_variable(text: str, option: str) -> Secret:
    """Take a secret as a line is taken: CI systems keep the newline of a file."""
    text = text.removesuffix("\n").removesuffix("\r")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = ""
    if not text or "\n" in text:
        raise UsageError(
            f"{option}: its variable is no line of UTF-8.\nSet it to the secret and nothing else."
        )
    return Secret(text)


def read_line(descriptor: int, option: str) -> Secret:
    """Read one line from a descriptor and not a byte more: the next line may be another's.

    Raises:
        UsageError: It cannot be read, or the line is empty.
    """
    line = bytearray()
    try:
        while len(line) <= LONGEST_BYTES and (byte := os.read(descriptor, 1)) not in (b"", b"\n"):
            line += byte
        text = line.removesuffix(b"\r").decode()
    except OSError as exc:
        raise UsageError(
            f"{option} {descriptor}: {why(exc)}.\n"
            f"Open it for us: {option} {descriptor} {descriptor}<FILE"
        ) from exc
    except UnicodeDecodeError:
        raise UsageError(f"{option} {descriptor}: not UTF-8.\nWrite it as text.") from None
    if not text or len(line) > LONGEST_BYTES:
        what = "too long" if text else "empty"
        raise UsageError(f"{option} {descriptor}: {what}.\nWrite the secret there, and a newline.")
    return Secret(text)


def passphrase_asker(env: Mapping[str, str], descriptor: int | None, ask: Ask | None = None) -> Ask:
    """Make what is asked for the passphrases of keys: one given passphrase first, then people.

    Each key is asked for once with the given one, and once more where that is wrong.

    Raises:
        UsageError: The descriptor cannot be read.
    """
    given = secret_for(
        "--key-passphrase",
        "",
        wanted=False,
        descriptor=descriptor,
        variable=env.get(KEY_PASSPHRASE),
    )
    tried: set[str] = set()

    def answer(prompt: str) -> Secret | None:
        if given is not None and prompt not in tried:
            tried.add(prompt)
            return given
        return (ask or ask_if_possible)(prompt)

    return answer
