from __future__ import annotations

from typing import Any, cast

import pytest
import trio
import trio.testing

from trioexec.model.nodes import Node
from trioexec.transports.ssh import hops as hops_module
from trioexec.transports.ssh.dial import DialError
from trioexec.transports.ssh.hops import Hops

HANG_S = 60.0


async def test_who_still_waits_for_a_hop_when_all_is_closed_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def never(*args: object) -> None:
        await trio.sleep_forever()

    monkeypatch.setattr(hops_module, "find_hop", never)
    told: list[str] = []

    async def wait(hops: Hops) -> None:
        with pytest.raises(DialError) as raised:
            await hops.reach((Node(name="bastion", host="bastion"),))
        told.append(str(raised.value))

    with trio.fail_after(HANG_S):
        async with trio.open_nursery() as waiting:
            async with Hops.open(cast("Any", None), cast("Any", None)) as hops:
                waiting.start_soon(wait, hops)
                await trio.testing.wait_all_tasks_blocked()

    assert told == ["jump host bastion: given up, as all connections are closed"]
