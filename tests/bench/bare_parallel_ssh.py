"""A peer: the parallel-ssh library, as its tutorial uses it."""

from __future__ import annotations

import sys
from pathlib import Path

from pssh.clients import ParallelSSHClient  # type: ignore[import-untyped]


def main(argv: list[str]) -> int:
    port, user, key, parallel, hosts, command = argv
    client = ParallelSSHClient(
        Path(hosts).read_text().split(),
        user=user,
        port=int(port),
        pkey=key,
        pool_size=int(parallel),
        allow_agent=False,
    )
    output = client.run_command(command)
    client.join()
    for each in output:
        for line in each.stdout:
            sys.stdout.write(f"{each.host}: {line}\n")
    return max(each.exit_code or 0 for each in output)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
