"""What a block of the caller's raises, out of a context manager with nurseries inside."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeVar

import trio

__all__ = ["alone", "ungrouped"]

T = TypeVar("T")


@asynccontextmanager
async def ungrouped(inner: AbstractAsyncContextManager[T]) -> AsyncIterator[T]:
    """Enter a context manager; an exception of the block passes as it is.

    The nurseries inside are nothing that the caller has opened, so they neither wrap it
    nor, when a cancel meets them on the way out, put that in its place.  What goes wrong
    inside meanwhile is raised in one group with it, and alone where the block was fine: a
    Ctrl-C during our goodbyes is a `KeyboardInterrupt`.
    """
    error: BaseException | None = None
    theirs = False
    try:
        async with inner as value:
            try:
                yield value
            except BaseException as exc:  # noqa: ASYNC103 - raised below
                theirs = _is_of_trio(exc)
                if theirs:
                    raise
                error = exc
    except BaseException as exc:  # noqa: ASYNC103 - raised, or the block's own error is
        if theirs:
            raise
        if error is None:
            raise alone(exc) from None  # noqa: ASYNC104 - the same, out of its groups
        rest = _without_cancels(exc)
        if rest is not None:
            group = "a block and what it stood in"
            raise BaseExceptionGroup(group, [error, rest]) from None  # noqa: ASYNC104 - less cancels
    if error is not None:
        raise error


def alone(exc: BaseException) -> BaseException:
    """Give the one exception that there is in groups of groups; where there are more, the group.

    A cancel beside it is of a nursery inside, or will come again from the caller's scope.
    """
    rest = _without_cancels(exc)
    while isinstance(rest, BaseExceptionGroup):
        if len(rest.exceptions) > 1:
            return exc
        rest = rest.exceptions[0]
    return exc if rest is None else rest


def _is_of_trio(exc: BaseException) -> bool:
    """Tell what has to pass through the nurseries, which know whose cancel it is."""
    if isinstance(exc, BaseExceptionGroup):
        return exc.subgroup(trio.Cancelled) is not None
    return isinstance(exc, (trio.Cancelled, GeneratorExit))


def _without_cancels(exc: BaseException) -> BaseException | None:
    if isinstance(exc, BaseExceptionGroup):
        return exc.split(trio.Cancelled)[1]
    return None if isinstance(exc, trio.Cancelled) else exc
