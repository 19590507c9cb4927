"""What ``trioexec nodes --fold -`` costs beside ``nodeset -f``: ``python tests/bench/nodes.py``.

Whole processes, CPU seconds, the best of some runs: this is about what it takes, not about the machine.
"""

from __future__ import annotations

import random
import resource
import subprocess
import sys

RUNS = 7
SIZE = 10_000


def _shapes() -> dict[str, list[str]]:
    draw = random.Random(1)  # noqa: S311
    return {
        "one number": [f"web{i}" for i in range(SIZE)],
        "one number, gaps": [f"web{draw.randint(0, 5 * SIZE)}" for _ in range(SIZE)],
        "full product": [f"r{r}-n{n:03d}" for r in range(100) for n in range(SIZE // 100)],
        "two numbers, gaps": [
            f"r{draw.randint(1, 50)}-n{draw.randint(1, 400)}" for _ in range(SIZE)
        ],
        "addresses": [
            f"10.{draw.randint(0, 3)}.{draw.randint(0, 255)}.{draw.randint(0, 255)}"
            for _ in range(SIZE)
        ],
        "users and ports": [f"ann@web{i}:2222" for i in range(SIZE)],
    }


def _cpu_s(argv: list[str], text: str) -> float:
    best_s = float("inf")
    for _ in range(RUNS):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(argv, input=text, text=True, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        best_s = min(best_s, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    return best_s


def main() -> None:
    """Print one row a shape."""
    ours = [sys.executable, "-m", "trioexec", "nodes", "--fold", "-"]
    theirs = [sys.executable, "-m", "ClusterShell.CLI.Nodeset", "-f"]
    print("| names | trioexec | nodeset | ratio |\n|---|---|---|---|")  # noqa: T201
    for shape, names in _shapes().items():
        text = "\n".join(names)
        ours_s, theirs_s = _cpu_s(ours, text), _cpu_s(theirs, text)
        print(f"| {shape} | {ours_s:.2f} s | {theirs_s:.2f} s | {ours_s / theirs_s:.2f} |")  # noqa: T201


if __name__ == "__main__":
    main()
