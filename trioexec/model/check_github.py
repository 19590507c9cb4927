"""What checks came to, as GitHub Actions shows it: annotations, and a table in Markdown.

Pure; what a workflow command is, and how its text is escaped, is `model.github`'s business.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from trioexec.model.check_results import CheckResult
from trioexec.model.github import (
    MOST_ANNOTATIONS,
    cell,
    code,
    command,
    cut,
    one_line,
    what_fits,
)
from trioexec.model.hostfold import Fold

__all__ = ["check_annotations", "check_summary"]


_NAMES_CHARS: Final = 300


def check_annotations(results: Sequence[CheckResult], fold: Fold) -> list[str]:
    """Make an error for each way in which a check is not right; what was not asked is none."""
    lines = []
    for result in results:
        for kind in result.kinds():
            if kind.status == "skipped":
                continue
            count = f"{len(kind.nodes)} of {len(result.findings)} nodes"
            title = f"{one_line(result.check.name)}: {count}"
            names = cut(fold(kind.nodes), _NAMES_CHARS)
            text = f"{names}: {one_line(kind.message)}"
            lines.append(command("error", {"title": title}, text))
    if len(lines) > MOST_ANNOTATIONS:
        rest = len(lines) - MOST_ANNOTATIONS + 1
        more = command("error", {"title": "trioexec: and more"}, f"{rest} more ways to be wrong")
        lines[MOST_ANNOTATIONS - 1 :] = [more]
    return lines


def check_summary(results: Sequence[CheckResult], fold: Fold, *, title: str) -> str:
    """Make the Markdown: a row a check, or one for each way in which it is not right."""
    return f"{what_fits(_rows(results, fold, title), 'More')}\n"


def _rows(results: Sequence[CheckResult], fold: Fold, title: str) -> Iterator[str]:
    right = all(result.status == "ok" for result in results)
    mark = "\N{WHITE HEAVY CHECK MARK}" if right else "\N{CROSS MARK}"
    yield f"### {mark} {code(one_line(title))}\n\n"
    yield "| check | | nodes | |\n| --- | --- | --- | --- |\n"
    for result in results:
        name = code(one_line(result.check.name))
        if result.status == "ok":
            yield f"| {name} | ok | all {len(result.findings)} | |\n"
        for kind in result.kinds():
            names = code(cut(fold(kind.nodes), _NAMES_CHARS))
            yield f"| {name} | {kind.status} | {names} | {cell(kind.message)} |\n"
