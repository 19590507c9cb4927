"""Renders what was measured: docs/reference/benchmarks.md and the chart beside it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from xml.sax.saxutils import escape

from tests.bench.aims import table
from tests.bench.scenarios import SCENARIOS

__all__ = ["chart", "page"]

HEAD: Final = """\
# Benchmarks

What trioexec costs beside its peers, measured in one run against one real `sshd` on
loopback: the same hosts, key exchange, host key and user key for all, interleaved
rounds, medians. Numbers are of one machine and move with it; the ratios move less.

    nox -s bench                # all of it, some minutes; writes this page
    python -m tests.bench {names}  # parts, as headed below

- **wall** is from start to exit; **CPU** is user and system time of the process and all
  its children; **memory** is the peak of the tree (proportional set sizes, sampled);
  **ratios** are to pdsh, or to the row that has 1.00.
  The server's cost is in the wall, since it shares the machine, and not in the CPU.
- Each client runs with an empty home, no agent, one ed25519 key. The clients that run
  OpenSSH's `ssh` let it choose its cipher, as trioexec and asyncssh choose theirs.
- Where the machine has other work too, who has more processes gets more of the cores. So
  what is measured, and the server, run in a control group of their own there: its share
  is the same for all.
- Nothing fails because a machine is slow: this is no test.

![CPU a node](benchmarks.svg)

## What was aimed at

{aims}"""


def page(data: Mapping[str, Any]) -> str:
    """The whole page."""
    measured = data["scenarios"]
    text = HEAD.format(names="fanout output ...", aims=table(measured))
    for name, scenario in SCENARIOS.items():
        if name in measured:
            text += _section(name, scenario.title, scenario.says, scenario.base, measured[name])
    return text


def _section(name: str, title: str, says: str, base: str, found: Mapping[str, Any]) -> str:
    rows = found["rows"]
    has_output = any(row["output_bytes"] for row in rows.values())
    head = ["", "wall", "CPU", "CPU a node", "memory", "wall ratio", "CPU ratio"]
    if name == "workers":
        head.append("busiest process")
    if has_output:
        head.append("output")
    lines = [
        f"\n## {title}\n",
        *([f"{says}\n"] if says else []),
        f"    python -m tests.bench {name}\n",
        "| " + " | ".join(head) + " |",
        "|" + "|".join(["---", *["---:"] * (len(head) - 1)]) + "|",
    ]
    for label, row in rows.items():
        of = rows.get(row["of"] or base)
        cells = [
            label,
            _seconds(row["wall_s"]),
            _seconds(row["cpu_s"]),
            f"{row['cpu_s'] / row['nodes'] * 1000:.1f} ms" if row["cpu_s"] else "",
            f"{row['peak_mb']:.0f} MB" if row["peak_mb"] else "",
            _ratio(row, of, "wall_s"),
            _ratio(row, of, "cpu_s"),
        ]
        if name == "workers":
            cells.append(_seconds(row["busiest_s"]))
        if has_output:
            cells.append(f"{row['output_bytes'] or 0:,}" if row["output_bytes"] else "")
        lines.append("| " + " | ".join(cells) + " |")
    lines += [f"\n{label}: {row['error']}" for label, row in rows.items() if row["error"]]
    rounds = sorted({row["rounds"] for row in rows.values()})
    what = " to ".join(map(str, dict.fromkeys((rounds[0], rounds[-1]))))
    lines.append(f"\nMedians of {what} rounds, {found['when']}; {found['machine']}.")
    lines.append(f"{found['versions']}.\n")
    return "\n".join(lines)


def _seconds(value: float) -> str:
    return f"{value:.2f} s" if value else ""


def _ratio(row: Mapping[str, Any], of: Mapping[str, Any] | None, what: str) -> str:
    if of is None or not of[what] or of["error"] or row["error"]:
        return ""
    return f"{row[what] / of[what]:.2f}"


def chart(data: Mapping[str, Any]) -> str:
    """Two charts in one SVG: CPU a node of everybody, and ours over the number of nodes."""
    measured = data["scenarios"]
    parts: list[str] = []
    height = 10
    if "fanout" in measured:
        height = _bars(parts, measured["fanout"]["rows"], height)
    if "growth" in measured:
        height = _line(parts, measured["growth"]["rows"], height)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="640" height="{height}"'
        f' viewBox="0 0 640 {height}" font-family="sans-serif" font-size="13">\n'
        '<rect width="100%" height="100%" fill="#fff"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _bars(parts: list[str], rows: Mapping[str, Any], top: int) -> int:
    parts.append(f'<text x="10" y="{top + 14}" font-weight="bold">CPU a node, ms</text>')
    values = {name: row["cpu_s"] / row["nodes"] * 1000 for name, row in rows.items()}
    scale = 380 / max(values.values())
    y = top + 26
    for name, value in sorted(values.items(), key=lambda item: item[1]):
        colour = "#1f6feb" if name == "trioexec" else "#9aa4b2"
        parts.append(f'<text x="160" y="{y + 14}" text-anchor="end">{escape(name)}</text>')
        parts.append(
            f'<rect x="168" y="{y}" width="{value * scale:.1f}" height="18" fill="{colour}"/>'
        )
        parts.append(f'<text x="{174 + value * scale:.1f}" y="{y + 14}">{value:.1f}</text>')
        y += 24
    return y + 16


def _line(parts: list[str], rows: Mapping[str, Any], top: int) -> int:
    parts.append(
        f'<text x="10" y="{top + 14}" font-weight="bold">trioexec: CPU a node, ms, over nodes</text>'
    )
    points = [(row["nodes"], row["cpu_s"] / row["nodes"] * 1000) for row in rows.values()]
    widest, tallest = max(x for x, _ in points), max(y for _, y in points)
    bottom = top + 170
    places = [(60 + 520 * x / widest, bottom - 120 * y / tallest, x, y) for x, y in points]
    parts.append(f'<line x1="60" y1="{bottom}" x2="600" y2="{bottom}" stroke="#444"/>')
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _, _ in places)
    parts.append(f'<polyline points="{path}" fill="none" stroke="#1f6feb" stroke-width="2"/>')
    for x, y, nodes, value in places:
        parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="#1f6feb"/>')
        parts.append(f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle">{value:.1f}</text>')
        parts.append(
            f'<text x="{x:.1f}" y="{bottom + 16}" text-anchor="middle" font-size="10">'
            f"{nodes:,}</text>"
        )
    return bottom + 30
