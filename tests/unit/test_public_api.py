"""What ``import trioexec`` promises, and that it costs nothing."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import trioexec


@pytest.mark.parametrize("name", trioexec.__all__)
def test_each_promised_name_can_be_had(name: str) -> None:
    assert getattr(trioexec, name) is not None


def test_every_promised_name_has_a_home_and_every_home_is_promised() -> None:
    assert sorted(trioexec._HOME) == [n for n in trioexec.__all__ if not n.startswith("__")]


@pytest.mark.parametrize("name", sorted(trioexec._HOME))
def test_a_promised_name_is_the_one_its_home_promises(name: str) -> None:
    home = importlib.import_module(trioexec._HOME[name])

    assert name in home.__all__
    assert getattr(trioexec, name) is getattr(home, name)


def test_the_promise_is_sorted_and_listed_by_dir() -> None:
    assert trioexec.__all__ == sorted(trioexec.__all__)
    assert set(trioexec.__all__) <= set(dir(trioexec))


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'nope'"):
        _ = trioexec.nope


def test_importing_trioexec_imports_nothing_else() -> None:
    program = (
        "import sys; before = set(sys.modules); import trioexec; print(*set(sys.modules) - before)"
    )

    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )

    assert set(done.stdout.split()) <= {"trioexec", "__future__"}


def test_types_are_promised_to_type_checkers() -> None:
    assert (Path(trioexec.__file__).parent / "py.typed").exists()
