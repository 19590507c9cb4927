from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
import trio

from trioexec.api.ungrouped import ungrouped


@asynccontextmanager
async def beside(*tasks: BaseException) -> AsyncIterator[str]:
    """A nursery, as the fleet's blocks have inside, and tasks that fail in it at the end."""

    async def fail(how: BaseException) -> None:
        raise how

    async with trio.open_nursery() as nursery:
        yield "value"
        for how in tasks:
            nursery.start_soon(fail, how)
        await trio.lowlevel.checkpoint()


async def test_the_value_comes_through() -> None:
    async with ungrouped(beside()) as value:
        assert value == "value"


@pytest.mark.parametrize("error", [ValueError("x"), SystemExit(3), KeyboardInterrupt()])
async def test_an_exception_comes_out_as_it_is(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        async with ungrouped(beside()):
            raise error

    assert caught.value is error


async def test_an_exception_is_not_lost_to_a_cancel() -> None:
    with pytest.raises(ValueError, match="the caller's"), trio.CancelScope() as scope:
        async with ungrouped(beside()):
            scope.cancel()
            raise ValueError("the caller's")


async def test_an_exception_that_a_cancel_was_turned_into_is_kept() -> None:
    with pytest.raises(RuntimeError, match="on cancel"), trio.CancelScope() as scope:
        async with ungrouped(beside()):
            scope.cancel()
            try:
                await trio.sleep_forever()
            except trio.Cancelled:
                raise RuntimeError("on cancel") from None


async def test_a_cancel_is_the_cancel_of_its_scope() -> None:
    with trio.CancelScope() as scope:
        async with ungrouped(beside()):
            scope.cancel()
            await trio.sleep_forever()

    assert scope.cancelled_caught


@pytest.mark.parametrize("error", [LookupError(), KeyboardInterrupt()])
async def test_what_fails_inside_alone_is_raised_as_it_was(error: BaseException) -> None:
    with pytest.raises(type(error)) as caught:
        async with ungrouped(beside(error)):
            pass

    assert caught.value is error
    assert caught.value.__cause__ is None


async def test_of_several_things_that_fail_inside_none_is_lost() -> None:
    with pytest.RaisesGroup(LookupError, ValueError):
        async with ungrouped(beside(LookupError(), ValueError())):
            pass


async def test_what_fails_inside_as_well_comes_beside_the_blocks_own() -> None:
    with pytest.RaisesGroup(ValueError, pytest.RaisesGroup(LookupError)):
        async with ungrouped(beside(LookupError())):
            raise ValueError


async def test_a_group_with_a_cancel_in_it_is_left_to_trio() -> None:
    """Whose cancel it is, only the nurseries know."""

    async def fail() -> None:
        raise ValueError("one of two")

    with pytest.RaisesGroup(
        pytest.RaisesExc(ValueError, match="one of two"), flatten_subgroups=True
    ):
        with trio.CancelScope() as scope:
            async with ungrouped(beside()):
                async with trio.open_nursery() as nursery:
                    nursery.start_soon(fail)
                    scope.cancel()
                    await trio.sleep_forever()
