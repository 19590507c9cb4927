"""A program that keeps its fleet: what each command after the first one takes, with no start.

Prints the seconds of wall and of CPU of the middle one of some rounds.
"""

from __future__ import annotations

import json
import statistics
import sys
import time
from pathlib import Path

import trio

from trioexec import SshOptions, open_fleet


async def main(config: str, rounds: int, hosts: list[str], command: str) -> None:
    walls, cpus = [], []
    async with open_fleet(hosts, ssh=SshOptions(config_file=config)) as fleet:
        (await fleet.run(command)).raise_for_failures()
        for _ in range(rounds):
            began_s, used_s = time.perf_counter(), time.process_time()
            (await fleet.run(command)).raise_for_failures()
            walls.append(time.perf_counter() - began_s)
            cpus.append(time.process_time() - used_s)
    sys.stdout.write(json.dumps([statistics.median(walls), statistics.median(cpus)]) + "\n")


if __name__ == "__main__":
    *said, file, asked = sys.argv[1:]
    trio.run(main, said[0], int(said[1]), Path(file).read_text().split(), asked)
