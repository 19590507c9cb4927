"""A peer: the plainest fan-out with asyncssh, on asyncio's loop or on uvloop."""

from __future__ import annotations

import asyncio  # noqa: TID251
import sys
from pathlib import Path

import asyncssh  # noqa: TID251


async def main(argv: list[str]) -> int:
    port, user, key, known_hosts, parallel, hosts, command = argv
    slots = asyncio.Semaphore(int(parallel))

    async def one(host: str) -> int:
        async with (
            slots,
            asyncssh.connect(
                host,
                int(port),
                username=user,
                client_keys=[key],
                known_hosts=known_hosts,
                config=None,
                agent_path=None,
            ) as connection,
        ):
            done = await connection.run(command, encoding=None)
            sys.stdout.buffer.write(done.stdout)  # type: ignore[arg-type]
            return done.exit_status or 0

    return max(await asyncio.gather(*map(one, hosts.split())))


if __name__ == "__main__":
    loop, *told, file, asked = sys.argv[1:]
    program = main([*told, Path(file).read_text(), asked])
    if loop == "uvloop":
        import uvloop

        sys.exit(uvloop.run(program))
    sys.exit(asyncio.run(program))
