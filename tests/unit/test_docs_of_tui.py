"""docs/howto/tui.md names the keys that there are, and its pictures show what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.pictures.scenes import SCREENS, SHOWN, page_mark, screen_of
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


@pytest.mark.parametrize("name", SCREENS)
async def test_the_pictures_show_the_screens_of_now(name: str) -> None:
    text, _ = await screen_of(name)

    assert text in SHOWN.read_text(), "draw them anew: python -m tests.pictures"


def test_the_picture_of_the_page_is_of_the_page_of_now() -> None:
    assert page_mark() in SHOWN.read_text(), "draw it anew: python -m tests.pictures"
