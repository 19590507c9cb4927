"""Runs a program and says what it cost: wall, CPU of the whole tree, peak memory of the tree."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["Cost", "Program", "interleave", "median", "raise_descriptor_limit", "run", "say"]

SAMPLING_SHARE: Final = 20
"""Sampling memory takes at most one part in so many of one core."""

LIMIT_S: Final = 900


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command line to measure, under the name of its row."""

    name: str
    argv: Sequence[str]
    env: Mapping[str, str]
    code: int = 0
    counts_output: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one run came to."""

    wall_s: float
    cpu_s: float
    """User and system time of the process and of all children that were waited for."""

    peak_bytes: int
    """Of the tree: proportional set sizes, sampled."""

    busiest_s: float = 0.0
    """User and system time of the process of the tree that had most of it, sampled."""

    output_bytes: int | None = None
    error: str | None = None


def run(program: Program) -> Cost:
    """Run it once; a failure is a row of the table, not an exception."""
    started_s = time.monotonic()
    process = subprocess.Popen(
        program.argv,
        env=dict(program.env),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE if program.counts_output else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    said: list[bytes] = []
    counted: list[int] = []
    readers = [threading.Thread(target=_keep_tail, args=(process.stderr, said))]
    if program.counts_output:
        readers.append(threading.Thread(target=_count, args=(process.stdout, counted)))
    sampler = _Sampler(process.pid)
    for thread in (*readers, sampler):
        thread.start()
    timer = threading.Timer(LIMIT_S, process.kill)
    timer.start()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.monotonic() - started_s
    timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    sampler.stop()
    for thread in (*readers, sampler):
        thread.join()
    error = None
    if process.returncode != program.code:
        tail = b"".join(said).decode(errors="replace").strip().splitlines()[-1:]
        error = f"exit {process.returncode}: {' '.join(tail)[:80]}"
    return Cost(
        wall_s=wall_s,
        cpu_s=usage.ru_utime + usage.ru_stime,
        # Too short to be sampled: what the kernel says, in which our own size may be.
        peak_bytes=sampler.peak_bytes or usage.ru_maxrss * 1024,
        busiest_s=sampler.busiest_s,
        output_bytes=counted[0] if counted else None,
        error=error,
    )


def interleave(programs: Sequence[Program], rounds: int) -> dict[str, list[Cost]]:
    """Run each once a round, so that what the machine does meanwhile hits all alike."""
    costs: dict[str, list[Cost]] = {program.name: [] for program in programs}
    for index in range(rounds):
        for program in programs:
            cost = run(program)
            costs[program.name].append(cost)
            say(
                f"  {index + 1}/{rounds} {program.name}: {cost.wall_s:.2f} s wall,"
                f" {cost.cpu_s:.2f} s CPU, {cost.peak_bytes / 1e6:.0f} MB"
                f"{', ' + cost.error if cost.error else ''}"
            )
    return costs


def median(values: Sequence[float]) -> float:
    """The middle one."""
    return statistics.median(values)


def say(line: str) -> None:
    """Tell whoever waits how far it is."""
    sys.stderr.write(line + "\n")


def raise_descriptor_limit() -> None:
    """A thousand connections need a thousand descriptors."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _keep_tail(stream: object, said: list[bytes]) -> None:
    for line in stream:  # type: ignore[attr-defined]
        said.append(line)
        del said[:-20]
    stream.close()  # type: ignore[attr-defined]


def _count(stream: object, counted: list[int]) -> None:
    total = 0
    while data := stream.read1(1 << 20):  # type: ignore[attr-defined]
        total += len(data)
    stream.close()  # type: ignore[attr-defined]
    counted.append(total)


class _Sampler(threading.Thread):
    def __init__(self, pid: int) -> None:
        super().__init__()
        self.peak_bytes = 0
        self.busiest_s = 0.0
        self._pid = pid
        self._over = threading.Event()

    def run(self) -> None:
        pause_s = 0.02
        while not self._over.wait(pause_s):
            started_s = time.thread_time()
            tree = _tree(self._pid)
            self.peak_bytes = max(self.peak_bytes, sum(map(_pss, tree)))
            self.busiest_s = max(self.busiest_s, *map(_cpu_s, tree))
            pause_s = max(0.05, (time.thread_time() - started_s) * SAMPLING_SHARE)

    def stop(self) -> None:
        self._over.set()


def _tree(root: int) -> list[int]:
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        try:
            for task in Path(f"/proc/{pid}/task").iterdir():
                todo.extend(map(int, (task / "children").read_text().split()))
        except OSError:
            continue
    return found


def _cpu_s(pid: int) -> float:
    try:
        after_name = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(after_name[11]) + int(after_name[12])) / os.sysconf("SC_CLK_TCK")


def _pss(pid: int) -> int:
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    return 0
