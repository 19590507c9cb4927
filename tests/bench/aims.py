"""What was aimed at, as numbers: each with what was measured, and whether that is met."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from tests.bench.peers import ASYNCIO, PDSH, TRIOEXEC
from tests.bench.scenarios import HELD, MANY, ONE_PROCESS, OUTPUT_BYTES

__all__ = ["AIMS", "Aim", "table"]

Rows = Mapping[str, Mapping[str, Any]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Aim:
    """One number."""

    scenario: str
    what: str
    limit: float
    measured: Callable[[Rows], float]
    unit: str = ""
    at_least: bool = False

    def met(self, rows: Rows) -> bool:
        """Tell whether it is met; what failed meets nothing."""
        if any(row["error"] for row in rows.values()):
            return False
        value = self.measured(rows)
        return value >= self.limit if self.at_least else value <= self.limit

    def said(self, value: float) -> str:
        """Write a value of it."""
        digits = 2 if abs(value) < 10 and not math.isclose(value, round(value)) else 0
        return f"{value:,.{digits}f}{self.unit}"


def _ratio(field: str, row: str, of: str) -> Callable[[Rows], float]:
    return lambda rows: rows[row][field] / rows[of][field]


def _value(field: str, row: str) -> Callable[[Rows], float]:
    return lambda rows: rows[row][field]


def _cpu_a_node(rows: Rows, name: str) -> float:
    cpu_s: float = rows[name]["cpu_s"] / rows[name]["nodes"]
    return cpu_s


_CLUSH: Final = "clush --version"

AIMS: Final = (
    Aim(
        scenario="fanout",
        what="CPU, of pdsh's",
        limit=0.25,
        measured=_ratio("cpu_s", TRIOEXEC, PDSH),
    ),
    Aim(
        scenario="fanout",
        what="CPU, of bare asyncssh's",
        limit=1.25,
        measured=_ratio("cpu_s", TRIOEXEC, ASYNCIO),
    ),
    Aim(
        scenario="fanout",
        what="wall, of pdsh's",
        limit=0.85,
        measured=_ratio("wall_s", TRIOEXEC, PDSH),
    ),
    Aim(
        scenario="wide",
        what="memory",
        limit=120,
        unit=" MB",
        measured=_value("peak_mb", TRIOEXEC),
    ),
    Aim(
        scenario="growth",
        what="CPU a node among 5,000, of that among 100",
        limit=1,
        measured=lambda rows: _cpu_a_node(rows, "5,000 nodes") / _cpu_a_node(rows, "100 nodes"),
    ),
    Aim(
        scenario="workers",
        what="wall of two, of one's",
        limit=1,
        measured=_ratio("wall_s", "two workers", "one process"),
    ),
    Aim(
        scenario="output",
        what="output",
        limit=120,
        unit=" MB/s",
        at_least=True,
        measured=lambda rows: 4 * OUTPUT_BYTES / 1e6 / rows[TRIOEXEC]["wall_s"],
    ),
    Aim(
        scenario="output",
        what="wall, of pdsh's",
        limit=0.34,
        measured=_ratio("wall_s", TRIOEXEC, PDSH),
    ),
    Aim(
        scenario="output",
        what="memory",
        limit=120,
        unit=" MB",
        measured=_value("peak_mb", TRIOEXEC),
    ),
    Aim(
        scenario="group",
        what="memory",
        limit=200,
        unit=" MB",
        measured=_value("peak_mb", TRIOEXEC + " -g"),
    ),
    Aim(
        scenario="startup",
        what="`--version`, of clush's",
        limit=1,
        measured=_ratio("wall_s", "trioexec --version", _CLUSH),
    ),
    Aim(
        scenario="startup",
        what="`--help`, of that",
        limit=2,
        measured=_ratio("wall_s", "trioexec --help", _CLUSH),
    ),
    Aim(
        scenario="startup",
        what="folding, of nodeset's",
        limit=1.3,
        measured=_ratio("wall_s", "trioexec nodes --fold, 10,000", "nodeset -f, 10,000"),
    ),
    Aim(
        scenario="startup",
        what="one node, of bare asyncssh's",
        limit=1.8,
        measured=_ratio("wall_s", "one node, true: trioexec", "one node, true: asyncssh script"),
    ),
    Aim(
        scenario="reuse",
        what="wall, of pdsh's with ControlPersist",
        limit=0.35,
        measured=_ratio("wall_s", "trioexec --persist", "pdsh with ControlPersist"),
    ),
    Aim(
        scenario="reuse",
        what="memory a connection, 1,000 held",
        limit=100,
        unit=" kB",
        measured=lambda rows: rows[HELD[MANY]]["peak_mb"] * 1000 / MANY,
    ),
    Aim(
        scenario="cancel",
        what="from the second Ctrl-C to the exit",
        limit=1.5,
        unit=" s",
        measured=_value("wall_s", ONE_PROCESS),
    ),
)


def table(scenarios: Mapping[str, Any]) -> str:
    """Give all of them that were measured, a line each."""
    lines = [
        "|  | aim | measured |  | by `python -m tests.bench` |",
        "|---|---:|---:|---|---|",
    ]
    for aim in AIMS:
        if aim.scenario not in scenarios:
            continue
        rows = scenarios[aim.scenario]["rows"]
        sign = "≥" if aim.at_least else "≤"
        lines.append(
            f"| {aim.what} | {sign} {aim.said(aim.limit)} | {aim.said(aim.measured(rows))}"
            f" | {'met' if aim.met(rows) else '**missed**'} | `{aim.scenario}` |"
        )
    return "\n".join(lines) + "\n"
