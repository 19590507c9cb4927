"""The page of benchmarks is made of the numbers that are kept, and of nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.bench.__main__ import REFERENCE
from tests.bench.aims import AIMS
from tests.bench.page import chart, page
from tests.bench.scenarios import SCENARIOS


@pytest.fixture(scope="module")
def kept() -> dict[str, Any]:
    kept: dict[str, Any] = json.loads((REFERENCE / "benchmarks.json").read_text())
    return kept


def test_page_and_chart_show_what_is_kept(kept: dict[str, Any]) -> None:
    again = "python -m tests.bench --page"

    assert (REFERENCE / "benchmarks.md").read_text() == page(kept), again
    assert (REFERENCE / "benchmarks.svg").read_text() == chart(kept), again


def test_each_scenario_was_measured(kept: dict[str, Any]) -> None:
    assert kept["scenarios"].keys() == SCENARIOS.keys()


def test_each_aim_can_be_told(kept: dict[str, Any]) -> None:
    said = page(kept)

    for aim in AIMS:
        assert f"| {aim.what} |" in said
