"""The exit code of a run: the one table, and the one place where it is decided.

Pure: it sees a report and how the run was stopped, and answers with a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Final

from msgspec import Struct

from trioexec.model.errors import UsageError
from trioexec.model.nodes import Node
from trioexec.model.outcomes import (
    EXIT_INTERRUPTED,
    EXIT_NOT_REACHED,
    EXIT_TIMED_OUT,
    StopReason,
)
from trioexec.model.report import Report

__all__ = [
    "BUG",
    "DIFFERENT",
    "EXIT_CODES",
    "FAILED",
    "OK",
    "USAGE",
    "Strategy",
    "Verdict",
    "choose_main_rank",
    "decide",
    "decide_checks",
    "decide_ping",
]

OK: Final = 0
FAILED: Final = 1
DIFFERENT: Final = 1
USAGE: Final = 2
BUG: Final = 70
TIMED_OUT: Final = EXIT_TIMED_OUT
HANGUP: Final = 129
INTERRUPTED: Final = EXIT_INTERRUPTED
OUTPUT_CLOSED: Final = 141
TERMINATED: Final = 143
NOT_REACHED: Final = EXIT_NOT_REACHED

EXIT_CODES: Final[Mapping[int, str]] = {
    OK: "success, as the chosen strategy defines it",
    FAILED: "a node failed (--require-all-success, --check-all-nodes); --fail-on-diff: nodes "
    "differ; our stdin could not be read, or an output file not be written; "
    "ping: some nodes answered; check: a check is not right on every node",
    USAGE: "usage or configuration error, or no nodes left after filters; nothing was connected to",
    BUG: "a bug in trioexec; the traceback is on stderr",
    TIMED_OUT: "timed out (a node's code)",
    HANGUP: "ended by SIGHUP",
    INTERRUPTED: "interrupted by Ctrl-C",
    OUTPUT_CLOSED: "the reader of our output went away",
    TERMINATED: "ended by SIGTERM",
    NOT_REACHED: "unreachable, denied, host key rejected (a node's code); ping: no node answered; "
    "check: no node could be asked",
}
"""What trioexec exits with by itself; any other code is that of a command."""

_STOP_CODES: Final[Mapping[StopReason, int]] = {
    "interrupt": INTERRUPTED,
    "terminate": TERMINATED,
    "hangup": HANGUP,
    "output closed": OUTPUT_CLOSED,
}


class Strategy(Enum):
    """Which nodes decide; the value is the flag that asks for it."""

    MAIN_RANK = ""
    ALL = "--require-all-success"
    HYBRID = "--check-all-nodes"
    ANY = "--any-failure"


class Verdict(Struct, frozen=True, kw_only=True):
    """What `decide` needs beside the report."""

    strategy: Strategy = Strategy.MAIN_RANK
    main_rank: str = ""
    """Name of the node that counts for MAIN_RANK and HYBRID; where it is none, the first counts."""

    stopped: StopReason | None = None
    stopped_by: str | None = None
    """The node whose failure stopped a fail-fast run."""


def decide(report: Report, verdict: Verdict) -> int:
    """Say what the run exits with."""
    if verdict.stopped is not None and verdict.stopped in _STOP_CODES:
        return _STOP_CODES[verdict.stopped]
    codes = {row.node.name: row.outcome.exit_code for row in report}
    code = _by_strategy(report, codes, verdict)
    if code == OK and verdict.stopped == "fail-fast" and verdict.stopped_by is not None:
        return codes[verdict.stopped_by]
    return code


def _by_strategy(report: Report, codes: Mapping[str, int], verdict: Verdict) -> int:
    main_code = codes.get(verdict.main_rank, next(iter(codes.values()), OK))
    match verdict.strategy:
        case Strategy.MAIN_RANK:
            return main_code
        case Strategy.ALL:
            return OK if report.ok else FAILED
        case Strategy.HYBRID:
            return main_code or (OK if report.ok else FAILED)
        case Strategy.ANY:
            return max(codes.values(), default=OK)


def decide_ping(report: Report, stopped: StopReason | None = None) -> int:
    """Say what a ping exits with: 0 all answered, 1 some, 255 none."""
    if stopped is not None and stopped in _STOP_CODES:
        return _STOP_CODES[stopped]
    if report.ok:
        return OK
    return FAILED if report.succeeded else NOT_REACHED


def decide_checks(*, right: bool, asked: bool, stopped: StopReason | None = None) -> int:
    """Say what checks exit with: 0 all right, 1 not, 255 nobody could be asked.

    Args:
        right: Whether every check is right on every node.
        asked: Whether any node was asked anything.
        stopped: Why the run was stopped; how it was interrupted is stronger than all else.
    """
    if stopped is not None and stopped in _STOP_CODES:
        return _STOP_CODES[stopped]
    if right:
        return OK
    return FAILED if asked else NOT_REACHED


def choose_main_rank(
    nodes: Sequence[Node], env: Mapping[str, str], main_rank: str | None = None
) -> str:
    """Name the main rank: the cluster's own word, then the option's, then the first as typed.

    Args:
        nodes: Not empty.
        env: ``BACKENDAI_CLUSTER_HOST`` counts where ``BACKENDAI_CLUSTER_ROLE`` is ``main``
            (in any case) and that host is one of the nodes.
        main_rank: A node's name or host; what ``--main-rank`` said.

    Raises:
        UsageError: `main_rank` is none of the nodes.
    """
    by_word = {node.host: node.name for node in reversed(nodes)}
    by_word.update((node.name, node.name) for node in nodes)
    if env.get("BACKENDAI_CLUSTER_ROLE", "").lower() == "main":
        chosen = by_word.get(env.get("BACKENDAI_CLUSTER_HOST", ""))
        if chosen is not None:
            return chosen
    if main_rank is not None:
        if main_rank not in by_word:
            raise UsageError(
                f"--main-rank {main_rank}: not one of the nodes of this run.\n"
                "Name one of them; `trioexec nodes` with the same options lists them."
            )
        return by_word[main_rank]
    return nodes[0].name
