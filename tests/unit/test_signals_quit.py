"""What a screen's own quit key does to a run."""

from __future__ import annotations

import trio
from trio.testing import MockClock

from tests.unit.rig import Rig
from trioexec.engine.signals import make_quit
from trioexec.model.outcomes import Cancelled
from trioexec.testing.fakes import FakeNode


async def test_one_press_ends_the_run_and_its_commands(autojump_clock: MockClock) -> None:
    rig = Rig({"a": FakeNode(takes_s=100)})
    cuts: list[float] = []
    press = make_quit(rig.run, lambda: cuts.append(trio.current_time()))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.execute)
        await trio.sleep(5)
        press()

    outcome = rig.outcomes["a"]
    assert isinstance(outcome, Cancelled)
    assert (outcome.why, rig.run.stopped) == ("interrupt", "interrupt")
    assert cuts == []


async def test_another_press_cuts_the_goodbyes_and_the_readers(autojump_clock: MockClock) -> None:
    rig = Rig({"a": FakeNode(takes_s=100)})
    cuts: list[str] = []
    press = make_quit(rig.run, lambda: cuts.append("readers"))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(rig.execute)
        await trio.sleep(5)
        press()
        press()

    assert cuts == ["readers"]
