"""A bound for runs over open connections: their sessions alone, by asyncssh, with no start.

Prints the seconds of wall and of CPU of the middle one of some rounds.
"""

from __future__ import annotations

import asyncio  # noqa: TID251
import json
import statistics
import sys
import time
from pathlib import Path

import asyncssh  # noqa: TID251

CONNECTING_AT_ONCE = 16


async def main(argv: list[str]) -> None:
    port, user, key, known_hosts, rounds, hosts, command = argv
    slots = asyncio.Semaphore(CONNECTING_AT_ONCE)

    async def connected(host: str) -> asyncssh.SSHClientConnection:
        async with slots:
            return await asyncssh.connect(
                host,
                int(port),
                username=user,
                client_keys=[key],
                known_hosts=known_hosts,
                config=None,
                agent_path=None,
            )

    connections = await asyncio.gather(*map(connected, hosts.split()))

    async def once() -> tuple[float, float]:
        began_s, used_s = time.perf_counter(), time.process_time()
        await asyncio.gather(*(each.run(command, check=True) for each in connections))
        return time.perf_counter() - began_s, time.process_time() - used_s

    await once()
    walls, cpus = zip(*[await once() for _ in range(int(rounds))], strict=True)
    sys.stdout.write(json.dumps([statistics.median(walls), statistics.median(cpus)]) + "\n")


if __name__ == "__main__":
    *login, file, asked = sys.argv[1:]
    asyncio.run(main([*login, Path(file).read_text(), asked]))
