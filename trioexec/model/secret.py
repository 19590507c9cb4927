"""A value that must not be seen."""

from __future__ import annotations

__all__ = ["Secret"]


class Secret:
    """Wraps a password; neither its repr nor its str gives it away, and it does not pickle.

    For `SshOptions.password` and `Command.sudo_password`.
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give the value, to be used at once and kept nowhere."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(***)"

    __str__ = __repr__

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._value == self._value

    def __hash__(self) -> int:
        return hash(("Secret", self._value))

    def __reduce__(self) -> tuple[object, ...]:
        raise TypeError("a Secret does not travel")
