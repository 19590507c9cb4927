"""Signals before a run: what they unwind, and that they are as they were afterwards."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest
import trio

from trioexec.cli.early import ToldToGo, unwinding
from trioexec.cli.fanout import run_trio

TERM, HUP = signal.SIGTERM, signal.SIGHUP


@pytest.fixture(autouse=True)
def as_they_were() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (TERM, HUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def handlers() -> list[object]:
    return [signal.getsignal(number) for number in (TERM, HUP)]


@pytest.mark.parametrize(("number", "code"), [(TERM, 143), (HUP, 129)])
def test_a_signal_raises_what_cleans_up(number: signal.Signals, code: int) -> None:
    cleaned = False

    with pytest.raises(ToldToGo) as told, unwinding():
        try:
            signal.raise_signal(number)
        finally:
            cleaned = True

    assert cleaned
    assert told.value.code == code
    assert handlers() == [signal.SIG_DFL, signal.SIG_DFL]


def test_what_was_ignored_stays_ignored() -> None:
    signal.signal(HUP, signal.SIG_IGN)

    with unwinding():
        signal.raise_signal(HUP)
        inside = handlers()

    assert inside[1] is signal.SIG_IGN
    assert handlers() == [signal.SIG_DFL, signal.SIG_IGN]


def test_nothing_is_raised_into_trio() -> None:
    async def look() -> list[object]:
        await trio.lowlevel.checkpoint()
        return handlers()

    with unwinding():
        before = handlers()
        inside = run_trio(look)
        after = handlers()

    assert inside == [signal.SIG_DFL, signal.SIG_DFL]
    assert before == after != inside
