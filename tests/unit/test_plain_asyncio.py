"""What asyncio does outside of trio in a program that has used a fleet."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

from trioexec.transports.ssh.plain_asyncio import leave_alone

FLEET = """
import trio
from trioexec.api import open_fleet
from trioexec.testing import open_ssh_fleet

async def use_a_fleet():
    async with open_ssh_fleet(1, answers="hi") as servers:
        async with open_fleet(servers.nodes, ssh=servers.ssh_options()) as fleet:
            report = await fleet.run("x")
            assert report["node1"].stdout == b"hi"
"""

AS_EVER = f"""
{FLEET}
import asyncio

class OfTheUsers(asyncio.DefaultEventLoopPolicy):
    pass

async def look():
    process = await asyncio.create_subprocess_exec("true")
    assert await process.wait() == 0
    return type(asyncio.get_running_loop()).__module__

expected = asyncio.run(look())
trio.run(use_a_fleet)
assert asyncio.run(look()) == expected
asyncio.set_event_loop_policy(OfTheUsers())
assert type(asyncio.get_event_loop_policy()) is OfTheUsers
assert asyncio.run(look()) == expected
asyncio.set_event_loop_policy(None)
assert asyncio.run(look()) == expected
"""

AS_A_GUEST = f"""
{FLEET}
import asyncio

async def host():
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    ended = []
    def end(outcome):
        ended.append(outcome)
        over.set()
    trio.lowlevel.start_guest_run(
        use_a_fleet, run_sync_soon_threadsafe=loop.call_soon_threadsafe, done_callback=end
    )
    await over.wait()
    ended[0].unwrap()

asyncio.run(host())
asyncio.run(host())
"""

THE_USERS_OWN = f"""
import asyncio, trio_asyncio
{FLEET}
trio.run(use_a_fleet)
loop = asyncio.new_event_loop()
assert type(loop).__module__.startswith("trio_asyncio"), loop
loop.close()
"""


@pytest.mark.parametrize(
    "program",
    [
        pytest.param(AS_EVER, id="as it was before"),
        pytest.param(AS_A_GUEST, id="trio as its guest, twice"),
        pytest.param(
            THE_USERS_OWN,
            id="what the program made of it by itself stays",
            marks=pytest.mark.skipif(
                sys.version_info >= (3, 14),
                reason="trio-asyncio by itself cannot be imported there",
            ),
        ),
    ],
)
def test_asyncio_outside_of_trio_is_what_it_was(program: str) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", program],
        check=False,
        capture_output=True,
        cwd=Path(__file__).parents[2],
    )

    assert done.returncode == 0, done.stderr.decode()


def test_a_fleet_warns_of_nothing() -> None:
    program = FLEET + "trio.run(use_a_fleet)"

    done = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        check=False,
        capture_output=True,
        cwd=Path(__file__).parents[2],
    )

    assert (done.returncode, done.stderr.decode()) == (0, "")


def test_a_version_of_another_shape_is_left_as_it_is() -> None:
    upstream = types.ModuleType("upstream")

    leave_alone(upstream)

    assert not hasattr(upstream, "_faked_policy")
