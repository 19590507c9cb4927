"""A run as one HTML page: who failed, who was slow, when each node ran, what they said.

Pure: styles and script come from the caller.  The page is whole without the script,
loads nothing, and whatever a node sent is text in it and nothing else: all goes
through `_text`, and the page's own policy lets no other script run.
"""

from __future__ import annotations

import base64
import hashlib
import html
import math
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct

from trioexec.model.hostfold import Fold
from trioexec.model.record import (
    URGENCY,
    NodeRecord,
    OutputGroup,
    RunRecord,
    Verdict,
    plain,
)

__all__ = ["Assets", "html_page"]


_FEW_SLOWEST: Final = 5
_MOST_SLOWEST: Final = 12
_TICKS: Final = 4
_OPEN_CHARS: Final = 4000
"""Groups are open at first as long as they are together no longer than this."""

_NAMES_CHARS: Final = 600
_SEEN_CHARS: Final = 60
"""Of the names of a group so many are seen for sure, on the narrowest screen."""

_COUNTED: Final[tuple[tuple[Verdict, str], ...]] = (
    ("ok", "succeeded"),
    ("failed", "failed"),
    ("error", "not run to the end"),
    ("skipped", "never started"),
)


class Assets(Struct, frozen=True, kw_only=True):
    """What makes the page look and move."""

    style: str
    script: str


def html_page(
    record: RunRecord, *, run_id: str, notes: Sequence[str], fold: Fold, assets: Assets
) -> str:
    """Make the page.

    Args:
        record: Of a run that is over.
        run_id: How the journal calls it.
        notes: What the record does not hold; shown on top.
        fold: Makes one short text of node names.
        assets: Ours; never from outside.
    """
    return "\n".join(_page(_Page(record, run_id, fold), notes, assets))


class _Page(Struct, frozen=True):
    """What the parts of the page are made of."""

    record: RunRecord
    run_id: str
    fold: Fold

    @property
    def command(self) -> str:
        return plain(self.record.report.command) or "(ping)"

    @property
    def span_s(self) -> float:
        return max(self.record.report.took_s, 0.001)

    def every_name(self, names: Iterable[str]) -> str:
        return plain(self.fold(names))

    def names(self, names: Iterable[str]) -> str:
        text = self.every_name(names)
        return text if len(text) <= _NAMES_CHARS else f"{text[:_NAMES_CHARS]}..."


def _page(page: _Page, notes: Sequence[str], assets: Assets) -> Iterator[str]:
    digest = base64.b64encode(hashlib.sha256(assets.script.encode()).digest()).decode()
    policy = (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; "
        f"script-src 'sha256-{digest}'"
    )
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield '<link rel="icon" href="data:,">'
    yield f"<title>{_text(_short(page.command))} · trioexec</title>"
    yield f"<style>\n{assets.style}</style>\n</head>\n<body>\n<main>"
    yield from _top(page, notes)
    yield from _counts(page)
    yield from _highlights(page)
    groups = page.record.groups()
    yield from _timeline(page, groups)
    yield from _outputs(page, groups)
    yield f"<footer>trioexec · run <code>{_text(page.run_id)}</code></footer>\n</main>"
    # Byte for byte what the policy's digest is of.
    yield f"<script>{assets.script}</script>\n</body>\n</html>\n"


def _top(page: _Page, notes: Sequence[str]) -> Iterator[str]:
    report = page.record.report
    when = time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(report.unix_s))
    stopped = f" · stopped: {_text(page.record.stopped)}" if page.record.stopped else ""
    whole = page.record.count("ok") == len(page.record.nodes)
    tone = "failed" if page.record.exit_code else "ok" if whole else "error"
    yield '<header class="top"><div>'
    yield f"<h1>{_text(page.command)}</h1>"
    yield f'<div class="when">{when} · took {_seconds(report.took_s)}{stopped}</div></div>'
    yield f'<div class="code {tone}">exit {page.record.exit_code}</div></header>'
    for note in notes:
        yield f'<p class="note">{_text(plain(note))}</p>'


def _counts(page: _Page) -> Iterator[str]:
    record = page.record
    counts = [(verdict, label, record.count(verdict)) for verdict, label in _COUNTED]
    yield '<section class="card" aria-label="Counts"><div class="counts">'
    yield f"<div><b>{len(record.nodes):,}</b><span>{_nodes(len(record.nodes))}</span></div>"
    for verdict, label, count in counts:
        if count or verdict in ("ok", "failed"):
            lit = f' class="lit {verdict}"' if count else ""
            yield f"<div{lit}><b>{count:,}</b><span>{label}</span></div>"
    busy = sorted(node.busy_s for node in record.nodes if node.busy_s)
    if busy:
        yield f"<div><b>{_seconds(busy[len(busy) // 2])}</b><span>median node</span></div>"
        yield f"<div><b>{_seconds(busy[-1])}</b><span>slowest node</span></div>"
    yield '</div><div class="share">'
    for verdict, label, count in counts:
        if count:
            yield f'<i class="{verdict}" style="flex:{count}" title="{count:,} {label}"></i>'
    yield "</div></section>"


def _highlights(page: _Page) -> Iterator[str]:
    failed = sorted(page.record.failures().items(), key=_urgency)
    slow = sorted((node for node in page.record.nodes if node.busy_s), key=lambda n: -n.busy_s)
    shown = min(_MOST_SLOWEST, max(_FEW_SLOWEST, 2 * len(failed)))  # about as high as its neighbour
    yield '<div class="pair">'
    if failed:
        yield '<section class="card"><h2>What went wrong</h2><ul class="list">'
        for how, same in failed:
            yield f'<li class="{same[0].verdict}"><div class="how">'
            yield f"<span>{_text(plain(how))}</span>"
            yield f'<span class="time">{len(same):,} {_nodes(len(same))}</span></div>'
            names = page.names(node.node.name for node in same)
            yield f'<div class="who mono">{_text(names)}</div></li>'
        yield "</ul></section>"
    if slow:
        yield '<section class="card"><h2>Slowest</h2><ul class="list">'
        for node in slow[:shown]:
            yield f'<li class="{node.verdict}"><div class="how">'
            yield f'<span class="mono">{_text(node.node.name)}</span>'
            yield f'<span class="time">{_seconds(node.busy_s)}</span></div></li>'
        yield "</ul></section>"
    yield "</div>"


def _urgency(failed: tuple[str, list[NodeRecord]]) -> tuple[int, int]:
    return URGENCY.index(failed[1][0].verdict), -len(failed[1])


def _timeline(page: _Page, groups: Sequence[OutputGroup]) -> Iterator[str]:
    anchors = {node.name: f"o{at}" for at, group in enumerate(groups) for node in group.nodes}
    yield '<section class="card"><div class="bar"><h2>Timeline</h2>'
    yield (
        '<input id="filter" class="script" hidden type="search" autocomplete="off" '
        'placeholder="Filter: name, outcome, output" aria-label="Filter nodes and outputs">'
    )
    yield (
        '<select id="order" class="script" hidden aria-label="Order">'
        '<option value="worst">Failed first</option><option value="slowest">Slowest first</option>'
        '<option value="node">In node order</option></select></div>'
    )
    yield (
        '<div class="legend"><span><i class="queue"></i>waiting</span>'
        '<span><i class="connect"></i>connecting</span><span><i class="ok"></i>running</span>'
        '<span><i class="failed"></i>failed</span>'
        '<span><i class="error"></i>not run to the end</span></div>'
    )
    names = max((len(plain(node.node.name)) for node in page.record.nodes), default=8)
    ends = max((len(node.text) for node in page.record.nodes), default=8)
    yield f'<div id="times" style="--name:{names + 1};--end:{ends}">'
    yield '<div class="axis" aria-hidden="true">'
    yield f'<span></span><div class="ticks">{_ticks(page)}</div></div><div id="rows">'
    ordered = sorted(
        enumerate(page.record.nodes),
        key=lambda item: (URGENCY.index(item[1].verdict), -item[1].busy_s),
    )
    for rank, node in ordered:
        yield _row(page, node, rank, anchors[node.node.name])
    yield '</div></div><p id="none" class="none" hidden>No node is like that.</p>'
    yield '<button id="more" hidden type="button"></button></section>'


def _ticks(page: _Page) -> str:
    steps = (at / _TICKS for at in range(_TICKS + 1))
    return "".join(
        f'<span style="left:{step:.0%}">{_seconds(page.span_s * step)}</span>' for step in steps
    )


def _row(page: _Page, node: NodeRecord, rank: int, anchor: str) -> str:
    outcome = _text(plain(node.result.outcome.text))
    name = _text(plain(node.node.name))
    took = _seconds(node.busy_s) if node.busy_s else ""
    return (
        f'<a class="row {node.verdict}" href="#{anchor}" data-verdict="{node.verdict}"'
        f' data-rank="{rank}" data-took="{node.busy_s:.4f}">'
        f'<span class="name mono" title="{name}">{name}</span>'
        f'<span class="track">{_segments(page, node)}</span>'
        f'<span class="took">{took}</span><span class="end" title="{outcome}">{outcome}</span></a>'
    )


def _segments(page: _Page, node: NodeRecord) -> str:
    times = node.result
    end_s = times.finished_s
    slot_s = _or(times.connecting_s, end_s)
    start_s = _or(times.started_s, end_s)
    spans = (("q", 0.0, slot_s), ("c", slot_s, start_s), ("r", start_s, end_s))
    parts = []
    for kind, begin_s, until_s in spans:
        # Who never came to run shows in its colour where it ended all the same.
        if until_s > begin_s or (kind == "r" and node.verdict != "skipped"):
            left, width = begin_s / page.span_s, (until_s - begin_s) / page.span_s
            parts.append(f'<i class="{kind}" style="left:{left:.2%};width:{width:.2%}"></i>')
    return "".join(parts)


def _outputs(page: _Page, groups: Sequence[OutputGroup]) -> Iterator[str]:
    different = "one answer" if len(groups) == 1 else f"{len(groups):,} different answers"
    yield '<section class="card"><div class="bar"><h2>Output</h2>'
    yield f'<span class="when">{different}</span></div>'
    room = _OPEN_CHARS
    for at, group in enumerate(groups):
        room -= len(group.stdout) + len(group.stderr) + 100
        opened = " open" if room > 0 or at == 0 else ""
        names = page.names(node.name for node in group.nodes)
        yield f'<details class="out {group.verdict}" id="o{at}"{opened}><summary>'
        yield f'<span class="who mono">{_text(names)}</span>'
        yield f'<span class="count">{len(group.nodes):,} {_nodes(len(group.nodes))}</span>'
        yield f'<span class="how">{_text(plain(group.outcome))}</span></summary>'
        if len(every := page.every_name(node.name for node in group.nodes)) > _SEEN_CHARS:
            yield f'<details class="every"><summary>all {len(group.nodes):,} names</summary>'
            yield f'<p class="mono">{_text(every)}</p></details>'
        for stream, text in (("stdout", group.stdout), ("stderr", group.stderr)):
            if text:
                # HTML drops one newline after the tag: this one.
                yield f'<pre class="{stream}">\n{_text(text)}</pre>'
        if not group.stdout and not group.stderr:
            yield '<pre class="silent">no output</pre>'
        yield "</details>"
    yield "</section>"


def _or(value_s: float, other_s: float) -> float:
    return other_s if math.isnan(value_s) else value_s


def _nodes(count: int) -> str:
    return "node" if count == 1 else "nodes"


def _seconds(value_s: float) -> str:
    if value_s < 0.0005:  # noqa: PLR2004 - what would show as 0 ms
        return "0 s"
    if value_s < 0.9995:  # noqa: PLR2004
        return f"{value_s * 1000:.0f} ms"
    if value_s < 60:  # noqa: PLR2004
        return f"{value_s:.1f} s"
    minutes, seconds = divmod(round(value_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {seconds} s"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 80 else f"{line[:77]}..."  # noqa: PLR2004 - a tab is small


def _text(text: str) -> str:
    return html.escape(text)
