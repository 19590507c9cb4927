"""Writes the pages that are made of the code: ``python docs/generate.py``.

A test holds the pages in the tree equal to what this would write.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from trioexec.model.exitcodes import EXIT_CODES, Strategy
from trioexec.model.outcomes import (
    Cancelled,
    Denied,
    Exited,
    HostKeyRejected,
    Killed,
    Outcome,
    SudoDenied,
    TimedOut,
    Unreachable,
)

HERE = Path(__file__).parent

OUTCOMES: tuple[Outcome, ...] = (
    Exited(code=0),
    Exited(code=3),
    Exited(code=137),
    Killed(signal=9),
    TimedOut(phase="connect"),
    TimedOut(phase="auth"),
    TimedOut(phase="command", remote="ended"),
    TimedOut(phase="idle", remote="ended"),
    TimedOut(phase="deadline", remote="not confirmed"),
    Unreachable(reason="connection refused"),
    Unreachable(reason="connection lost", remote="not confirmed"),
    Denied(reason="no key of ours was accepted"),
    SudoDenied(reason="incorrect password"),
    HostKeyRejected(reason="the key has changed"),
    Cancelled(why="interrupt", started=True, remote="ended"),
    Cancelled(why="interrupt", started=False),
    Cancelled(why="fail-fast", started=True, remote="ended"),
    Cancelled(why="deadline", started=False),
)
"""One of each kind, and those that count differently."""

STRATEGIES = {
    Strategy.MAIN_RANK: "the main rank's code",
    Strategy.ALL: "0 if every node succeeded, else 1",
    Strategy.HYBRID: "the main rank's code where it is not 0; else 1 if any other node failed; else 0",
    Strategy.ANY: "the largest code of all nodes",
}

EXIT_CODES_PAGE = """\
# Exit codes

What a run exits with is decided in one place, `trioexec/model/exitcodes.py`; this page is made of it
(`python docs/generate.py`). It is the same in every output mode.

## What a node counts as

| outcome | summary line | code |
|---|---|---|
{outcomes}

A command of a shell that saw signal n exits with 128+n by itself, which is a code like others. Codes above 255, which SSH
allows, count as 255. *Remote end not confirmed* means that the node could not say whether the command's processes are gone
([why](../explanation/structured-concurrency-across-ssh.md)). [Outcomes](outcomes.md) says what has to happen for each.

## Which nodes decide

| flag | exit code of the run |
|---|---|
{strategies}

At most one of these flags may be given. `-S` is short for `--any-failure`.

The **main rank** is the node that `BACKENDAI_CLUSTER_HOST` names, where `BACKENDAI_CLUSTER_ROLE` is `main` and that host is
one of the nodes; else the one that `--main-rank NODE` names; else the first node as typed.

Where the code is 0 though nodes failed, the summary says so and names a flag that would not have it so.

## Beside the strategies

- A run that was stopped by a signal, or whose reader went away, exits with that code (below), whatever the strategy.
- A run that `--fail-fast` stopped exits with the strategy's code; where that is 0, with the code of the node that stopped it.
- `trioexec ping` exits with 0 if all nodes answered, 1 if some did, 255 if none did; the strategies do not apply.
- `trioexec check` exits with 0 only if every check is right on every node, with 255 if no node could be asked
  anything, else with 1.

## What trioexec exits with by itself

| code | meaning |
|---|---|
{codes}

Any other code is that of a command. 1, 2, 70, 124, 129, 130, 141, 143 and 255 may be a command's as well: where that
matters, `--json` and `--junit` tell outcomes apart by name.
"""


def table(rows: Sequence[tuple[str, ...]]) -> str:
    """Write the rows of a Markdown table."""
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def exit_codes() -> str:
    """Write the page on exit codes."""
    outcomes = [
        (f"`{type(outcome).__name__}`", outcome.text, str(outcome.exit_code))
        for outcome in OUTCOMES
    ]
    strategies = [
        (f"`{strategy.value}`" if strategy.value else "(default)", STRATEGIES[strategy])
        for strategy in Strategy
    ]
    codes = [(str(code), meaning) for code, meaning in EXIT_CODES.items()]
    return EXIT_CODES_PAGE.format(
        outcomes=table(outcomes), strategies=table(strategies), codes=table(codes)
    )


PAGES: dict[str, Callable[[], str]] = {"reference/exit-codes.md": exit_codes}
"""Page to what makes it."""


def main() -> None:
    """Write all pages."""
    for name, make in PAGES.items():
        (HERE / name).write_text(make())


if __name__ == "__main__":
    main()
