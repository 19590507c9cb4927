"""What cyclopts finds wrong, in our two lines: what, and what to do."""

from __future__ import annotations

from cyclopts import CoercionError, CycloptsError, ValidationError

from trioexec.settings.layers import ENVIRONMENT

__all__ = ["explain"]


def explain(exc: CycloptsError) -> str:
    """Make an error's text."""
    if isinstance(exc, ValidationError) and exc.exception_message:
        return exc.exception_message
    if isinstance(exc, CoercionError) and exc.msg is not None and exc.token is not None:
        return f"{_place(exc)}: {exc.msg}."
    if isinstance(exc, CoercionError) and exc.token is not None and exc.target_type is bool:
        return f"{_place(exc)}: {exc.token.value!r} is neither true nor false.\nWrite one of them."
    what, did, near = str(exc).partition(" Did you mean ")
    return f"{what[:1].lower()}{what[1:]}\n{did.strip()} {near}" if did else what


def _place(exc: CoercionError) -> str:
    """Name what was wrong as it was typed; a place in a file does not say of which option it is."""
    token, argument = exc.token, exc.argument
    assert token is not None
    if argument is None or token.source in ("cli", ENVIRONMENT):
        return f"{token.keyword}"
    return f"{token.keyword}: {argument.keys[-1].replace('_', '-')}"
