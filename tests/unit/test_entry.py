from __future__ import annotations

import gc
import sys
from collections.abc import Iterator

import pytest

from trioexec import __main__ as entry


@pytest.fixture
def collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collector")
def test_the_program_collects_garbage_more_rarely_than_a_library_may(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["trioexec", "nodes", "a[1-2]", "--count"])

    with pytest.raises(SystemExit) as left:
        entry.main()

    assert (left.value.code, capsys.readouterr().out) == (0, "2\n")
    assert gc.isenabled()
    assert gc.get_threshold()[0] == entry.ALLOCATIONS_A_COLLECTION
