from __future__ import annotations

import os
import pty
import termios
from collections.abc import Iterator

import hypothesis
import pytest

from tests.unit.hostkeys_rig import files
from tests.unit.sources_rig import site

__all__ = ["files", "pipe", "site", "terminal"]

# A machine that is slow for a moment is no failure.
hypothesis.settings.register_profile("trioexec", deadline=None)
hypothesis.settings.load_profile("trioexec")


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    read_fd, write_fd = os.pipe()
    yield read_fd, write_fd
    for fd in (read_fd, write_fd):
        try:
            os.close(fd)
        except OSError:
            continue


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """The outer side, to read from, and the side that a program writes to."""
    outer_fd, inner_fd = pty.openpty()
    attributes = termios.tcgetattr(inner_fd)
    attributes[1] &= ~termios.OPOST
    termios.tcsetattr(inner_fd, termios.TCSANOW, attributes)
    yield outer_fd, inner_fd
    for fd in (outer_fd, inner_fd):
        try:
            os.close(fd)
        except OSError:
            continue
