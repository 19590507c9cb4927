"""``python -m tests.bench [SCENARIO...]``: measure, keep the numbers, write the page.

On a machine that has other work too, do it in a control group that has a share of the
cores: ``echo $$ >/sys/fs/cgroup/cpu/GROUP/cgroup.procs`` in the shell that starts it.

The numbers of each scenario are kept in docs/reference/benchmarks.json, so that one can
be measured again without the others.
"""

from __future__ import annotations

import argparse
import compileall
import json
import os
import platform
import signal
import sys
import sysconfig
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import trioexec
from tests.bench.measure import raise_descriptor_limit, run, say
from tests.bench.page import chart, page
from tests.bench.peers import fan_out, versions
from tests.bench.rig import World, open_world
from tests.bench.scenarios import SCENARIOS

REFERENCE: Final = Path(__file__).parents[2] / "docs" / "reference"


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("scenarios", nargs="*", metavar="SCENARIO", help=", ".join(SCENARIOS))
    parser.add_argument("--rounds", type=int, default=3, help="of each program; interleaved")
    parser.add_argument("--dry", action="store_true", help="measure, and write nothing")
    parser.add_argument("--page", action="store_true", help="write the page of what is kept")
    asked = parser.parse_args()
    unknown = set(asked.scenarios) - set(SCENARIOS)
    if unknown:
        parser.error(f"no such scenario: {', '.join(sorted(unknown))}")
    if asked.page:
        _write(_kept())
        return
    raise_descriptor_limit()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # with the server, and its folder
    # A shell's background job ignores it, and so would who is to be interrupted.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with open_world() as world:
        _warm_up(world)
        for name in asked.scenarios or SCENARIOS:
            say(f"{name}: {SCENARIOS[name].title}")
            rows = SCENARIOS[name].measure(world, asked.rounds)
            if not asked.dry:
                _keep(name, {label: asdict(row) for label, row in rows.items()})


def _warm_up(world: World) -> None:
    """Have everything compiled and in memory, as after an installation and a first run."""
    for folder in (Path(trioexec.__file__).parent, sysconfig.get_path("purelib")):
        compileall.compile_dir(str(folder), quiet=2)
    for program in fan_out(world, nodes=4, parallel=4, command="true"):
        cost = run(program)
        if cost.error:
            say(f"warning: {program.name}: {cost.error}")


def _kept() -> dict[str, Any]:
    path = REFERENCE / "benchmarks.json"
    if not path.exists():
        return {"scenarios": {}}
    kept: dict[str, Any] = json.loads(path.read_text())
    return kept


def _keep(name: str, rows: dict[str, Any]) -> None:
    data = _kept()
    data["scenarios"][name] = {
        "when": time.strftime("%Y-%m-%d"),
        "machine": _machine(),
        "versions": ", ".join(f"{who} {version}" for who, version in versions().items()),
        "rows": rows,
    }
    REFERENCE.mkdir(parents=True, exist_ok=True)
    (REFERENCE / "benchmarks.json").write_text(json.dumps(data, indent=1) + "\n")
    _write(data)


def _write(data: dict[str, Any]) -> None:
    (REFERENCE / "benchmarks.md").write_text(page(data))
    (REFERENCE / "benchmarks.svg").write_text(chart(data))


def _machine() -> str:
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    load = os.getloadavg()[0]
    return f"{os.cpu_count()} cores, {model}, {platform.system()}, load {load:.0f} at the end"


if __name__ == "__main__":
    main()
