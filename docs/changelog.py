"""Collects the fragments of `docs/changes/` into CHANGELOG.md.

    python docs/changelog.py                      print what has not been released
    python docs/changelog.py 1.2.0 2026-12-01     write that as a release, and remove the fragments

A fragment is one Markdown file for one change that users can see: ``NAME.md`` for something
new, else ``NAME.changed.md``, ``NAME.fixed.md`` or ``NAME.removed.md``.  It holds one or two sentences
that tell a user what is different, without a heading or a list.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
KINDS = ("added", "changed", "fixed", "removed")
TITLE = "# Changelog\n"
NOTHING = "\nNothing is released yet.\n"


def fragments(folder: Path) -> dict[str, list[Path]]:
    """Find the fragments, by kind and then by name.

    Raises:
        ValueError: A file is none.
    """
    found: dict[str, list[Path]] = {kind: [] for kind in KINDS}
    for path in sorted(folder.iterdir()):
        name = re.fullmatch(r"[a-z0-9-]+(?:\.([a-z]+))?\.md", path.name)
        kind = "added" if name and not name[1] else name and name[1]
        text = path.read_text().strip()
        if kind not in found or not text or re.match(r"#|[-*] ", text) or "\n\n" in text:
            raise ValueError(f"{path}: no fragment; the format is told in docs/changelog.py")
        found[kind].append(path)
    return found


def render(found: dict[str, list[Path]]) -> str:
    """Write the fragments as lists, one for each kind."""
    parts = []
    for kind, paths in found.items():
        items = [" ".join(path.read_text().split()) for path in paths]
        if items:
            parts.append(f"### {kind.capitalize()}\n\n" + "".join(f"- {item}\n" for item in items))
    return "\n".join(parts)


def release(version: str, date: str, folder: Path, changelog: Path) -> None:
    """Put the fragments on top of the changelog, and remove them."""
    found = fragments(folder)
    older = changelog.read_text().removeprefix(TITLE).replace(NOTHING, "")
    changelog.write_text(f"{TITLE}\n## {version} ({date})\n\n{render(found)}{older}")
    for paths in found.values():
        for path in paths:
            path.unlink()


def main() -> None:
    """Do what the arguments say."""
    folder = ROOT / "docs/changes"
    match sys.argv[1:]:
        case []:
            sys.stdout.write(render(fragments(folder)))
        case [version, date] if re.fullmatch(r"\d+\.\d+\.\d+\w*", version):
            release(version, date, folder, ROOT / "CHANGELOG.md")
        case _:
            sys.exit(__doc__)


if __name__ == "__main__":
    main()
