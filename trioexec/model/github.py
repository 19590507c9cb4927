"""A run as GitHub Actions shows it: annotations on the run, and a summary in Markdown.

Pure.  GitHub reads commands from the lines of a step's output; `command` is the
only way here to make one, and escapes as the runner unescapes.
"""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Mapping
from itertools import chain
from typing import Final, Literal

from trioexec.model.hostfold import Fold
from trioexec.model.record import NodeRecord, OutputGroup, RunRecord, plain

__all__ = [
    "MOST_ANNOTATIONS",
    "annotation_lines",
    "cell",
    "code",
    "command",
    "cut",
    "one_line",
    "summary",
    "what_fits",
]


MOST_ANNOTATIONS: Final = 10
"""GitHub shows so many of one level from one step, and drops the rest without a word."""

SUMMARY_BYTES: Final = 512 * 1024
"""GitHub refuses a step's summary over 1 MiB, and other programs write to it too."""

_CHECK: Final = "\N{WHITE HEAVY CHECK MARK}"
_WARNING: Final = "\N{WARNING SIGN}\N{VARIATION SELECTOR-16}"
_CROSS: Final = "\N{CROSS MARK}"
_LAST_LINES: Final = 5
_TITLE_CHARS: Final = 80
_NAMES_CHARS: Final = 300
_OUTPUT_CHARS: Final = 16 * 1024


def command(name: str, properties: Mapping[str, str], message: str) -> str:
    """Write one workflow command, on one line."""
    shown = ",".join(f"{key}={_property(value)}" for key, value in properties.items())
    return f"::{name}{' ' if shown else ''}{shown}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def annotation_lines(record: RunRecord, fold: Fold) -> list[str]:
    """Make a command for each way in which nodes failed, the most nodes first.

    Errors where the run failed, warnings where its exit code says that all is well.
    """
    ordered = sorted(record.failures().items(), key=lambda kind: -len(kind[1]))
    level: Literal["error", "warning"] = "error" if record.exit_code else "warning"
    lines = [_annotation(level, text, same, record, fold) for text, same in ordered]
    if len(lines) > MOST_ANNOTATIONS:
        rest = ordered[MOST_ANNOTATIONS - 1 :]
        nodes = sum(len(same) for _, same in rest)
        text = f"{len(rest)} more kinds of failure on {nodes} nodes"
        lines[MOST_ANNOTATIONS - 1 :] = [command(level, {"title": "trioexec: and more"}, text)]
    return lines


def _annotation(
    level: str, text: str, same: list[NodeRecord], record: RunRecord, fold: Fold
) -> str:
    what = cut(one_line(record.report.command) or "ping", _TITLE_CHARS)
    count = f"{len(same)} of {len(record.nodes)} nodes"
    names = cut(fold(node.node.name for node in same), _NAMES_CHARS)
    said = (same[0].stderr or same[0].stdout).splitlines()[-_LAST_LINES:]
    message = "\n".join([f"{names}: {one_line(text)}", *(f"  {line}" for line in said)])
    return command(level, {"title": f"{what}: {count}"}, message)


def summary(record: RunRecord, fold: Fold) -> str:
    """Make the Markdown: what came of it, in a table, and the output, folded."""
    groups = ("\n".join(_details(group, fold)) + "\n" for group in record.groups())
    return what_fits(chain(["\n".join(_head(record, fold))], groups), "More output")


def what_fits(parts: Iterable[str], what: str) -> str:
    """Put a summary together, up to the part that GitHub would not take; that is said then."""
    kept: list[str] = []
    size_bytes = 0
    for part in parts:
        size_bytes += len(part.encode())
        if size_bytes > SUMMARY_BYTES:
            kept.append(f"\n_{what} is left out here: the summary would be too large._\n")
            break
        kept.append(part)
    return "".join(kept)


def _head(record: RunRecord, fold: Fold) -> Iterator[str]:
    report = record.report
    ok = record.count("ok")
    failures = record.failures()
    mark = _CROSS if record.exit_code else _WARNING if failures else _CHECK
    yield f"### {mark} {code(one_line(report.command) or 'ping')}"
    yield ""
    stopped = f", stopped: {record.stopped}" if record.stopped else ""
    total = "1 node" if len(report) == 1 else f"{len(report)} nodes"
    failed = f", {len(report) - ok} failed" if ok < len(report) else ""
    yield (
        f"**{total}: {ok} ok{failed}** in {report.took_s:.1f} s"
        f" · exit code {record.exit_code}{stopped}"
    )
    yield ""
    if failures:
        yield "| nodes | which | how |"
        yield "| ---: | --- | --- |"
        for text, nodes in failures.items():
            names = cut(fold(node.node.name for node in nodes), _NAMES_CHARS)
            yield f"| {len(nodes)} | {code(names)} | {cell(text)} |"
        yield ""
    yield ""


def _details(group: OutputGroup, fold: Fold) -> Iterator[str]:
    names = cut(fold(node.name for node in group.nodes), _NAMES_CHARS)
    heading = f"<code>{html.escape(names)}</code> ({len(group.nodes)})"
    yield f"<details{' open' if group.verdict == 'failed' else ''}>"
    yield f"<summary>{heading}: {_entities(one_line(group.outcome))}</summary>"
    yield ""
    for name, text in (("stdout", group.stdout), ("stderr", group.stderr)):
        if text:
            # An empty line would end the block for Markdown, and what follows be read as such.
            shown = _entities(_middle_cut(text.rstrip("\n"))).replace("\n", "&#10;")
            yield f"<p>{name}</p><pre>{shown}</pre>"
    if not group.stdout and not group.stderr:
        yield "<p><i>no output</i></p>"
    yield ""
    yield "</details>"
    yield ""


def _entities(text: str) -> str:
    """Make text that neither HTML nor Markdown reads anything into."""
    return "".join(f"&#{ord(char)};" if char in _MARKUP else char for char in text)


_MARKUP: Final = frozenset("&<>\"'`*_[]()|\\~#@!:$")


def code(text: str) -> str:
    """Write text as code, for a cell of a table as well."""
    return f"<code>{_entities(text)}</code>"


def cell(text: str) -> str:
    """Write text for a cell of a table."""
    return _entities(one_line(text))


def one_line(text: str) -> str:
    """Make one line of any text, with nothing in it that is not seen."""
    return " ".join(plain(text).split())


def cut(text: str, most: int) -> str:
    """Cut text that has more characters, and mark that."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def _middle_cut(text: str) -> str:
    if len(text) <= _OUTPUT_CHARS:
        return text
    half = _OUTPUT_CHARS // 2
    mark = f"[... {len(text) - 2 * half:,} characters left out here ...]"
    return f"{text[:half]}\n{mark}\n{text[-half:]}"
