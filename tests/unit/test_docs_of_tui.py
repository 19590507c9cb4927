"""docs/howto/tui.md names the keys that there are."""

from __future__ import annotations

import re
from pathlib import Path

from trioexec.sinks.tui.screens.help import KEYS

DOCS = Path(__file__).parents[2] / "docs"


def test_the_page_names_every_key_of_the_help_and_no_other() -> None:
    rows = re.findall(
        r"^\| `(.*)` \| (.*) \|$", (DOCS / "howto" / "tui.md").read_text(), re.MULTILINE
    )

    assert rows == [key for _, keys in KEYS for key in keys]


def test_the_pictures_are_there() -> None:
    text = (DOCS / "howto" / "tui.md").read_text()

    assert [
        path
        for path in re.findall(r"\]\((.*\.png)\)", text)
        if not (DOCS / "howto" / path).exists()
    ] == []
