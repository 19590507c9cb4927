"""The fragments of `docs/changes/`, and how they become a changelog."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture
def changelog() -> ModuleType:
    spec = importlib.util.spec_from_file_location("changelog", ROOT / "docs/changelog.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_fragment_in_the_tree_is_one(changelog: ModuleType) -> None:
    assert changelog.render(changelog.fragments(ROOT / "docs/changes"))


def test_a_release_takes_the_fragments_and_keeps_what_is_older(
    changelog: ModuleType, tmp_path: Path
) -> None:
    folder, log = tmp_path / "changes", tmp_path / "CHANGELOG.md"
    folder.mkdir()
    (folder / "ping.md").write_text("`ping` is new,\nand quick.\n")
    (folder / "colour.fixed.md").write_text("Colours are right.\n")
    log.write_text("# Changelog\n\n## 1.0.0 (2026-01-01)\n\n### Added\n\n- All.\n")

    changelog.release("1.1.0", "2026-02-02", folder, log)

    assert log.read_text() == (
        "# Changelog\n\n"
        "## 1.1.0 (2026-02-02)\n\n"
        "### Added\n\n- `ping` is new, and quick.\n\n"
        "### Fixed\n\n- Colours are right.\n\n"
        "## 1.0.0 (2026-01-01)\n\n### Added\n\n- All.\n"
    )
    assert list(folder.iterdir()) == []


def test_the_first_release_replaces_the_word_that_there_is_none(
    changelog: ModuleType, tmp_path: Path
) -> None:
    (tmp_path / "changes").mkdir()
    (tmp_path / "changes/a.md").write_text("A.")
    log = tmp_path / "CHANGELOG.md"
    log.write_text("# Changelog\n\nNothing is released yet.\n")

    changelog.release("0.1.0", "2026-01-01", tmp_path / "changes", log)

    assert log.read_text() == "# Changelog\n\n## 0.1.0 (2026-01-01)\n\n### Added\n\n- A.\n"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("A.md", "Text.", id="a capital"),
        pytest.param("a.better.md", "Text.", id="no such kind"),
        pytest.param("a.txt", "Text.", id="another ending"),
        pytest.param("a.md", "", id="empty"),
        pytest.param("a.md", "- Text.", id="a list"),
        pytest.param("a.md", "# Text", id="a heading"),
        pytest.param("a.md", "One.\n\nTwo.", id="two paragraphs"),
    ],
)
def test_what_is_no_fragment_is_refused(
    changelog: ModuleType, tmp_path: Path, name: str, text: str
) -> None:
    (tmp_path / name).write_text(text)

    with pytest.raises(ValueError, match="no fragment"):
        changelog.fragments(tmp_path)
