"""What the tests of the loop share."""

from __future__ import annotations

import sys

import trio
import trio.testing

HANGS_S = 60
STOCK_RUNS = sys.version_info < (3, 14)
"""From then on no task is run that is not the running loop's, and trio-asyncio says of none that it is."""


async def parked() -> None:
    await trio.testing.wait_all_tasks_blocked()
