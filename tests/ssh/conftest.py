"""What every test against the fleet in the process is held to."""

from __future__ import annotations

import gc
import os
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

SETTLE_S = 5.0
"""Threads that asyncssh or a name look-up used end by themselves, within this."""


def open_files() -> dict[str, str]:
    found = {}
    for entry in Path("/proc/self/fd").iterdir():
        try:
            found[entry.name] = str(entry.readlink())
        except OSError:
            continue
    return found


def live_children() -> set[int]:
    """Processes whose parent we are, and that are not dead."""
    children = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_bytes().rpartition(b")")[2].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid() and state != b"Z":
            children.add(int(stat.parent.name))
    return children


def threads() -> set[str]:
    # Trio keeps idle worker threads for ten seconds, for whoever comes next.
    return {thread.name for thread in threading.enumerate() if "Trio" not in thread.name}


def fleet_folders() -> set[str]:
    return {str(path) for path in Path(tempfile.gettempdir()).glob("trioexec-fleet-*")}


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have this test's fleets where no other process has any."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture
def nothing_left(own_temporary_folder: None) -> Iterator[None]:
    """Fail a test after which there is more in the process, or its folder, than before."""
    gc.collect()
    before = open_files(), live_children(), threads(), fleet_folders()

    yield

    gc.collect()
    give_up_at_s = time.monotonic() + SETTLE_S
    while threads() - before[2] and time.monotonic() < give_up_at_s:
        threading.Event().wait(0.02)
    after = open_files()
    assert {fd: name for fd, name in after.items() if fd not in before[0]} == {}
    assert live_children() <= before[1]
    assert threads() <= before[2]
    assert fleet_folders() <= before[3]
