"""What Ctrl-C makes a run say, to the letter, and the presses that more than one test makes."""

from __future__ import annotations

import trio

from tests.e2e.rig import Running

__all__ = ["BATCH", "STOPPED", "WARNED", "press_late_then_twice"]

WARNED = "Received Ctrl+C. Press Ctrl+C again within 1 second to terminate.\n"
STOPPED = "Received second Ctrl+C. Terminating all jobs...\n"
BATCH = "Received Ctrl+C (batch mode). Terminating all jobs...\n"


async def press_late_then_twice(run: Running) -> str:
    """Press, again when it is too late, and twice in time; give what the first one made it say."""
    run.press()
    await run.says("Running: ")
    said = run.stderr
    await trio.sleep(1.2)  # too late for a second press, and so a first one again
    run.press()
    await run.says(WARNED, times=2)
    assert run.process.returncode is None
    await run.press_twice()
    return said
