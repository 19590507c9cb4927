"""What of the package's log reaches stderr."""

from __future__ import annotations

import logging

import pytest

from trioexec.cli.verbose import telling


@pytest.mark.parametrize(("verbose", "said"), [(False, []), (True, ["trioexec: step"])])
def test_steps_are_said_where_they_are_asked_for(*, verbose: bool, said: list[str]) -> None:
    lines: list[str] = []

    with telling(lines.append, verbose=verbose):
        logging.getLogger("trioexec.x").info("step")

    assert lines == said


@pytest.mark.parametrize("verbose", [False, True])
def test_a_warning_is_said_once_whoever_says_it(*, verbose: bool) -> None:
    lines: list[str] = []

    with telling(lines.append, verbose=verbose):
        for name in ("trioexec.x", "trioexec.y"):
            logging.getLogger(name).warning("odd")

    assert lines == ["trioexec: odd"]


def test_a_traceback_keeps_its_lines() -> None:
    lines: list[str] = []

    with telling(lines.append, verbose=False):
        logging.getLogger("trioexec.x").error("Traceback:\n  here")

    assert lines == ["trioexec: Traceback:", "trioexec:   here"]


def test_afterwards_nothing_is_said_any_more() -> None:
    lines: list[str] = []

    with telling(lines.append, verbose=True):
        pass
    logging.getLogger("trioexec.x").error("late")

    assert not lines
