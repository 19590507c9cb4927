"""``python -m tests.pictures``: draw the pictures of the docs anew, with chromium.

What is in them is kept as text beside them, and a test compares that with what the
program would show: a picture that is out of date is a test that fails.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import trio

from tests.pictures.scenes import SCREENS, SHOWN, page_document, page_mark, screen_of

PAGE_SIZE: Final = (1180, 1900)
SCREEN_WIDTH: Final = 1640
SVG_RATIO: Final = 1642 / 817
"""Of what textual draws for 130 columns and 30 rows."""


def main() -> int:
    """Draw them all."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        sys.stderr.write("There is no chromium here: apt-get install chromium\n")
        return 1
    texts = []
    for name in SCREENS:
        text, svg = trio.run(screen_of, name)
        texts.append(text)
        document = f'<body style="margin:0">{svg}'
        height = round(SCREEN_WIDTH / SVG_RATIO)
        draw(chromium, document, SHOWN.parent / f"{name}.png", (SCREEN_WIDTH, height))
    draw(chromium, page_document(), SHOWN.parent / "report.png", PAGE_SIZE)
    SHOWN.write_text("\n".join([*texts, page_mark()]))
    return 0


def draw(chromium: str, document: str, picture: Path, size: tuple[int, int]) -> None:
    """Have the browser look at a document."""
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder) / "page.html"
        page.write_text(document)
        subprocess.run(
            [
                chromium,
                *("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"),
                f"--user-data-dir={folder}/profile",
                "--virtual-time-budget=3000",
                f"--window-size={size[0]},{size[1]}",
                f"--screenshot={picture}",
                page.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=120,
        )
    if pngquant := shutil.which("pngquant"):  # a quarter of the size
        squeeze = [pngquant, "--force", "--ext", ".png", "--nofs", "64", str(picture)]
        subprocess.run(squeeze, check=True, timeout=120)


sys.exit(main())
